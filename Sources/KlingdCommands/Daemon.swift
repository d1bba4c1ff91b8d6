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
import SystemPackage

/// Puts the parts together and runs them: the one place where everything is known.
struct Daemon {
    /// Creates on the wire at an interruption are seen to their answers for as long. With the time for the client's
    /// last answers the process ends within 3.5 s.
    static let timeForCreates = Duration.milliseconds(2900)

    var settings: Settings
    var environment: Environment
    var endOfInput: StdioTransport.EndOfInput
    var sendsUpdates: Bool
    var log: Logger

    /// Serves stdin and stdout until both have ended or a signal comes.
    func serve() throws(CommandFailure) {
        let streams = StandardStreams.take()
        guard let loop = SerialLoop() else { throw .noDescriptors }
        let state = try StateDirectory(stateDirectory)
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
        let signals = Signals(interruption)
        let stop = Bell()
        let end = StopSource(loop)
        // Owned by this function, which does not return before it has ended.
        Task {
            await feed.attach(connection)
            await service.table.observe { task in feed.assumeIsolated { $0.publish(task) } }
            await work(service, provider: provider, transport: transport, until: stop, time: time)
            end.stop()
        }
        loop.run(
            StdioTransport(
                connection: connection,
                streams: streams,
                endOfInput: endOfInput,
                interruption: interruption
            )
        )
        stop.ring()
        loop.run(end)
        signals.cancel()
    }

    /// Runs the service, and the simulator if it is the provider, until `stop` rings.
    private func work(
        _ service: GenerationService,
        provider: ProviderSlot,
        transport: HTTPTransport,
        until stop: Bell,
        time: SystemTime
    ) async {
        await withTaskGroup(of: Void.self) { group in
            if let baseURL = settings.baseURL {
                if let key = settings.key { await provider.set(client(baseURL, key, transport)) }
            } else {
                group.addTask { await simulate(provider, transport) }
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
            await serving.wait(until: time.now + Self.timeForCreates, time)
            group.cancelAll()
        }
        await transport.shutdown()
    }

    private func simulate(_ provider: ProviderSlot, _ transport: HTTPTransport) async {
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
            log.error("the simulator failed: \(error)")
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
        // Of no use beyond this process until the ledger is durable.
        let salt = (0..<32).map { _ in UInt8.random(in: 0 ... .max) }
        return ServiceConfiguration(
            provider: settings.provider.rawValue,
            account: AccountFingerprint.account(
                provider: settings.provider.rawValue,
                baseURL: baseURL,
                key: settings.keyText ?? "",
                salt: salt
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

/// A new id from the system's strong randomness.
@Sendable private func newID(_ time: Timestamp) -> TaskID {
    var random = SystemRandomNumberGenerator()
    return TaskID(at: time, random: &random)
}
