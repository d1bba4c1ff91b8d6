import FilesystemStorage
import GenerationTasks
import HTTPTransport
import JSONRPC
import KlingAPI
import KlingService
import KlingSimulator
import Logging
import RPCInterface
import Storage
import Synchronization
import SystemPackage

/// Puts the parts together and runs them: the one place where everything is known.
struct Daemon {
    var settings: Settings
    var environment: Environment
    var endOfInput: StdioTransport.EndOfInput
    var sendsUpdates: Bool
    var log: Logger

    /// Serves stdin and stdout until both have ended or a signal comes.
    func serve() throws(CommandFailure) {
        Signals.hold()
        let streams = StandardStreams.take()
        guard let loop = SerialLoop() else { throw .noDescriptors }
        let state = try StateDirectory(stateDirectory)
        defer { state.removeSpool() }
        let (places, schemes) = try makePlaces()
        let transport = HTTPTransport(configuration: httpConfiguration, logger: log)
        let provider = ProviderSlot()
        let time = SystemTime()
        let service = GenerationService(
            executor: loop,
            configuration: configuration(state),
            places: places,
            ledger: InMemoryLedger(),
            owner: OwnerID("\(newID(time.date))"),
            provider: provider,
            transport: transport,
            time: time,
            makeID: newID,
            jitter: { Double.random(in: 0..<1) }
        )
        let feed = UpdateFeed(executor: loop, isEnabled: sendsUpdates)
        let identity = ServerIdentity(
            name: "klingd",
            version: Klingd.version,
            sendsUpdates: sendsUpdates,
            storage: places.all.map(\.url.description),
            storageSchemes: schemes
        )
        let logLine: @Sendable (String) -> Void = { [log] in log.info("\($0)") }
        let face = RPCInterface(service: service, feed: feed, identity: identity, log: logLine)
        let connection = Connection(executor: loop, handler: face, log: logLine)
        let interruption = Interruption(waking: loop)
        try Signals.watch(interruption)
        let trouble = Trouble(interruption)
        let stop = Bell()
        let end = StopSource(loop)
        // Owned by this function, which does not return before it has ended. On the loop, so that an idle process stays
        // asleep.
        Task(executorPreference: loop) {
            await feed.attach(connection)
            await service.table.observe { task in feed.assumeIsolated { $0.publish(task) } }
            await work(service, provider: provider, transport: transport, until: stop, time: time, trouble: trouble)
            end.stop()
        }
        loop.run(
            StdioTransport(
                connection: connection,
                streams: streams,
                endOfInput: endOfInput,
                interruption: interruption,
                // From here on nothing more is sent to the provider.
                onInterruption: { stop.ring() }
            )
        )
        stop.ring()
        loop.run(end)
        if let failure = trouble.failure { throw failure }
    }

    /// Runs the service, and the simulator if it is the provider, until `stop` rings.
    private func work(
        _ service: GenerationService,
        provider: ProviderSlot,
        transport: HTTPTransport,
        until stop: Bell,
        time: SystemTime,
        trouble: Trouble
    ) async {
        await withTaskGroup(of: Void.self) { group in
            if let baseURL = settings.baseURL {
                if let key = settings.key { await provider.set(client(baseURL, key, transport)) }
            } else {
                // Draws its pictures where the protocol does not wait for them.
                group.addTask(executorPreference: globalConcurrentExecutor) {
                    await simulate(provider, transport, trouble)
                }
            }
            let serving = Bell()
            group.addTask {
                do throws(LedgerError) {
                    try await service.run()
                } catch {
                    log.error("the ledger failed: \(error)")
                }
                serving.ring()
            }
            await stop.wait()
            await provider.close()
            await service.stop()
            await serving.wait(until: time.now + GenerationService.timeForCreates, time)
            group.cancelAll()
        }
        for task in await service.unfinished {
            log.warning(
                """
                the job of task \(task.id) goes on at the provider and may be billed: state \(task.state.rawValue), \
                task_id \(task.taskID ?? "unknown"), external_task_id \(task.externalTaskID)
                """
            )
        }
        await transport.shutdown()
    }

    private func simulate(_ provider: ProviderSlot, _ transport: HTTPTransport, _ trouble: Trouble) async {
        var configuration = SimulatorConfiguration()
        configuration.timeScale = settings.simulatorTimeScale
        configuration.limits = settings.limits == .classic ? .classic : .current
        do {
            try await Simulator(configuration).run { address in
                guard let url = try? HTTPURL(address.url), let key = settings.key else { return }
                await provider.set(client(url, key, transport))
            }
        } catch is CancellationError {
            return
        } catch {
            // Tasks would be taken that nobody makes.
            log.error("the simulator failed: \(error)")
            trouble.end(CommandFailure(message: "the simulator failed: \(error)", exitCode: CommandFailure.failed))
        }
    }

    private func client(_ baseURL: HTTPURL, _ key: Credentials, _ transport: HTTPTransport) -> KlingClient {
        KlingClient(transport: transport, baseURL: baseURL.text, dialect: .cometapi, credentials: key)
    }

    /// The simulator's tasks stay apart from those that cost money.
    private var stateDirectory: String {
        settings.provider == .simulator ? settings.stateDirectory + "/simulator" : settings.stateDirectory
    }

    private func configuration(_ state: StateDirectory) -> ServiceConfiguration {
        let baseURL = settings.baseURL?.text ?? "in-process"
        return ServiceConfiguration(
            provider: settings.provider.rawValue,
            account: AccountFingerprint.account(
                provider: settings.provider.rawValue,
                baseURL: baseURL,
                key: settings.keyText ?? "",
                salt: state.salt
            ),
            dialect: .cometapi,
            limits: settings.limits,
            missingCredentials: settings.missingCredentials,
            maxImagesInFlight: settings.maxImagesInFlight,
            spool: state.spool,
            allowsPrivateAddresses: settings.baseURL.map { $0.reach != .everywhere } ?? true
        )
    }

    private func makePlaces() throws(CommandFailure) -> (StoragePlaces, schemes: [String]) {
        var options = FilesystemStorageOptions()
        // The state may lie in the storage; it is neither listed nor written to as such.
        options.reservedFolders = [FilePath(settings.stateDirectory)]
        let registry = StorageRegistry([
            "file": { [options] (url) throws(StorageError) in try FilesystemStorage(url: url, options: options) }
        ])
        do {
            return (StoragePlaces(default: try registry.makeBackend(for: settings.storage)), registry.schemes)
        } catch {
            throw CommandFailure(message: "--storage: \(error.message)", exitCode: CommandFailure.usage)
        }
    }

    private var httpConfiguration: HTTPTransportConfiguration {
        HTTPTransportConfiguration(
            proxies: ProxyEnvironment(environment.variables),
            certificateFile: environment["SSL_CERT_FILE"],
            userAgent: "klingd/\(Klingd.version)"
        )
    }
}

/// What ends the daemon before it was asked to.
private final class Trouble: Sendable {
    private let interruption: Interruption
    private let first = Mutex<CommandFailure?>(nil)

    init(_ interruption: Interruption) {
        self.interruption = interruption
    }

    var failure: CommandFailure? { first.withLock { $0 } }

    /// Ends the process in the order of an interruption, as a failure.
    func end(_ failure: CommandFailure) {
        first.withLock { $0 = $0 ?? failure }
        guard interruption.request() else { return }
        EndDeadline.start(interruption, exitCode: failure.exitCode)
    }
}

/// A new id from the system's strong randomness.
@Sendable private func newID(_ time: Timestamp) -> TaskID {
    var random = SystemRandomNumberGenerator()
    return TaskID(at: time, random: &random)
}
