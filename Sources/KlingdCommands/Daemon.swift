import GenerationTasks
import HTTPTransport
import JSONRPC
import KlingAPI
import KlingService
import KlingSimulator
import Logging
import RPCInterface
import SQLiteLedger
import Storage
import Synchronization

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
        let state = try StateDirectory(settings.ledgerDirectory)
        defer { state.removeSpool() }
        let (places, schemes) = try makePlaces()
        let transport = HTTPTransport(configuration: settings.transport(environment), logger: log)
        let provider = ProviderSlot()
        let time = SystemTime()
        let logLine: @Sendable (String) -> Void = { [log] in log.info("\($0)") }
        let service = GenerationService(
            executor: loop,
            configuration: configuration(state),
            places: places,
            ledger: ledger(time),
            owner: OwnerID("\(newID(time.date))"),
            provider: provider,
            transport: transport,
            time: time,
            makeID: newID,
            jitter: { Double.random(in: 0..<1) },
            log: { [log] in log.warning("\($0)") }
        )
        let feed = UpdateFeed(executor: loop, table: service.table, isEnabled: sendsUpdates)
        let identity = ServerIdentity(
            name: "klingd",
            version: Klingd.version,
            sendsUpdates: sendsUpdates,
            storage: places.all.map(\.url.description),
            storageSchemes: schemes
        )
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
            await service.table.observe { news in feed.assumeIsolated { $0.publish(news.task) } }
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
            if settings.baseURL != nil {
                if let client = settings.client(transport) { await provider.set(client) }
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
                    let reason = TaskError(error).message
                    log.error("the ledger failed: \(reason)")
                    trouble.end(CommandFailure(message: reason, exitCode: CommandFailure.failed))
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
                task \(task.id) goes on at the provider and may be billed: state \(task.state.rawValue), task_id \
                \(task.taskID ?? "unknown"), external_task_id \(task.externalTaskID); \(whoGoesOn)
                """
            )
        }
        await withDiscardingTaskGroup { group in
            group.addTask { await transport.shutdown() }
            for place in service.places.all { group.addTask { await place.backend.shutdown() } }
        }
    }

    private func simulate(_ provider: ProviderSlot, _ transport: HTTPTransport, _ trouble: Trouble) async {
        var configuration = SimulatorConfiguration()
        configuration.timeScale = settings.simulatorTimeScale
        configuration.limits = settings.limits == .classic ? .classic : .current
        configuration.dialect = settings.dialect == .kling ? .kling : .cometapi
        do {
            try await Simulator(configuration).run { address in
                guard let client = settings.client(transport, at: address.url) else { return }
                await provider.set(client)
            }
        } catch is CancellationError {
            return
        } catch {
            // Tasks would be taken that nobody makes.
            log.error("the simulator failed: \(error)")
            trouble.end(CommandFailure(message: "the simulator failed: \(error)", exitCode: CommandFailure.failed))
        }
    }

    /// A simulator in this process forgets its jobs when it ends; so does the ledger of them.
    private func ledger(_ time: SystemTime) -> any Ledger {
        settings.baseURL == nil ? InMemoryLedger() : SQLiteLedger(directory: settings.ledgerDirectory, time: time)
    }

    private var whoGoesOn: String {
        settings.baseURL == nil
            ? "it ends with its simulator" : "the next klingd with this state folder goes on with it"
    }

    private func configuration(_ state: StateDirectory) -> ServiceConfiguration {
        let baseURL = settings.baseURL?.text ?? "in-process"
        return ServiceConfiguration(
            provider: settings.provider.rawValue,
            account: AccountFingerprint.account(
                provider: settings.provider.rawValue,
                baseURL: baseURL,
                key: settings.key?.account ?? "",
                salt: state.salt
            ),
            dialect: settings.dialect,
            limits: settings.limits,
            missingCredentials: settings.missingCredentials,
            maxImagesInFlight: settings.maxImagesInFlight,
            maxImagesPerDay: settings.maxImagesPerDay,
            spool: state.spool,
            allowsPrivateAddresses: settings.baseURL.map { $0.reach != .everywhere } ?? true,
            reached: CrashOnPurpose.hook(environment)
        )
    }

    private func makePlaces() throws(CommandFailure) -> (StoragePlaces, schemes: [String]) {
        let registry = StorageBackends(
            stateDirectory: settings.stateDirectory,
            plugins: settings.plugins,
            environment: environment,
            log: log
        ).registry
        do {
            return (StoragePlaces(default: try registry.makeBackend(for: settings.storage)), registry.schemes)
        } catch {
            throw CommandFailure(message: "\(settings.storageName): \(error.message)", exitCode: CommandFailure.usage)
        }
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
