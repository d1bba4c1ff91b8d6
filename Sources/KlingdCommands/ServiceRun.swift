import GenerationTasks
import HTTPTransport
import JSONRPC
import KlingAPI
import KlingService
import KlingSimulator
import Logging
import SQLiteLedger
import Storage
import Synchronization

/// The service with all it stands on: ledger, places, provider, transport, and the simulator if that is the provider.
///
/// Made from the settings and run on one loop until told to end, whoever asks of it: a client on stdin, or a command.
struct ServiceRun: Sendable {
    let service: GenerationService
    /// Schemes of the storages that can be named.
    let storageSchemes: [String]
    let time: SystemTime
    private let settings: Settings
    private let state: StateDirectory
    private let provider = ProviderSlot()
    private let transport: HTTPTransport
    private let log: Logger

    /// Starts nothing yet.
    init(
        _ settings: Settings,
        _ environment: Environment,
        on loop: SerialLoop,
        _ log: Logger
    ) throws(CommandFailure) {
        let (provider, time) = (provider, SystemTime())
        state = try StateDirectory(settings.ledgerDirectory)
        let places: StoragePlaces
        do {
            (places, storageSchemes) = try Self.makePlaces(settings, environment, log)
        } catch {
            state.removeSpool()
            throw error
        }
        transport = HTTPTransport(configuration: settings.transport(environment), logger: log)
        service = GenerationService(
            executor: loop,
            configuration: Self.configuration(settings, environment, state),
            places: places,
            ledger: Self.ledger(settings, time),
            owner: OwnerID("\(newID(time.date))"),
            provider: provider,
            transport: transport,
            time: time,
            makeID: newID,
            jitter: { Double.random(in: 0..<1) },
            log: { log.warning("\($0)") }
        )
        self.settings = settings
        self.time = time
        self.log = log
    }

    /// Works until `stop` rings: takes up what was left unfinished, then what the service is asked for. What ends it
    /// before is told to `onFailure`, which sees to it that `stop` rings.
    ///
    /// - Parameters:
    ///   - stop: Ends the work.
    ///   - onFailure: Hears why the work cannot go on.
    ///   - onSettled: Called when nothing more will be sent and the creates on the wire were seen to their answers as far
    ///     as time allowed: the tasks then are as they stay.
    /// - Returns: Tasks that are or may be paid and are not stored.
    func work(
        until stop: Bell,
        onFailure: @escaping @Sendable (CommandFailure) -> Void,
        onSettled: @Sendable () -> Void = {}
    ) async -> [GenerationTask] {
        await withTaskGroup(of: Void.self) { group in
            if settings.baseURL != nil {
                await setClient()
            } else {
                // Draws its pictures where the protocol does not wait for them.
                group.addTask(executorPreference: globalConcurrentExecutor) { await simulate(onFailure) }
            }
            let serving = Bell()
            group.addTask {
                do throws(LedgerError) {
                    try await service.run()
                } catch {
                    let reason = TaskError(error).message
                    log.error("the ledger failed: \(reason)")
                    onFailure(CommandFailure(message: reason, exitCode: CommandFailure.failed))
                }
                serving.ring()
            }
            await stop.wait()
            await provider.close()
            await service.stop()
            await serving.wait(until: time.now + GenerationService.timeForCreates, time)
            onSettled()
            group.cancelAll()
        }
        let unfinished = await service.unfinished
        await close()
        return unfinished
    }

    /// For a command that looks, or leaves a person's word in the ledger, and works on no task: nothing is claimed and
    /// nothing is sent.
    func look<Value: Sendable>(_ body: @Sendable (GenerationService) async -> Value) async -> Value {
        await setClient()
        let value = await body(service)
        await provider.close()
        await close()
        return value
    }

    /// Takes back this process's part of the spool, at its end.
    func removeSpool() { state.removeSpool() }

    /// Whether the tasks end with this process, as those of a simulator in it do.
    var endsWithProcess: Bool { settings.baseURL == nil }

    private func setClient() async {
        if let client = settings.client(transport) { await provider.set(client) }
    }

    private func close() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await transport.shutdown() }
            for place in service.places.all { group.addTask { await place.backend.shutdown() } }
        }
    }

    private func simulate(_ onFailure: @Sendable (CommandFailure) -> Void) async {
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
            onFailure(CommandFailure(message: "the simulator failed: \(error)", exitCode: CommandFailure.failed))
        }
    }

    /// A simulator in this process forgets its jobs when it ends; so does the ledger of them.
    private static func ledger(_ settings: Settings, _ time: SystemTime) -> any Ledger {
        settings.baseURL == nil ? InMemoryLedger() : SQLiteLedger(directory: settings.ledgerDirectory, time: time)
    }

    private static func configuration(
        _ settings: Settings,
        _ environment: Environment,
        _ state: StateDirectory
    ) -> ServiceConfiguration {
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

    private static func makePlaces(
        _ settings: Settings,
        _ environment: Environment,
        _ log: Logger
    ) throws(CommandFailure) -> (StoragePlaces, schemes: [String]) {
        let registry = StorageBackends(settings, environment, log).registry
        do {
            return (StoragePlaces(default: try registry.makeBackend(for: settings.storage)), registry.schemes)
        } catch {
            throw CommandFailure(message: "\(settings.storageName): \(error.message)", exitCode: CommandFailure.usage)
        }
    }
}

/// What ends a process before it was asked to.
final class Trouble: Sendable {
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
