import GenerationTasks
import JSONRPC
import KlingService
import SQLiteLedger
import Synchronization

/// Reads the ledger alone: no service is started and nothing is claimed, whatever other processes do with it.
enum LedgerReading {
    /// Why there is nothing to read; `nil` when there is a ledger.
    static func absence(_ settings: Settings) -> String? {
        if settings.baseURL == nil {
            return "the simulator in a process keeps its tasks in memory, and they end with it; "
                + "give the --base-url of one that 'klingd simulate' runs"
        }
        guard !SQLiteLedger.exists(in: settings.ledgerDirectory) else { return nil }
        return
            "there is no ledger in \(settings.ledgerDirectory): no task was made with this --state and --provider yet"
    }

    /// What `body` makes of the ledger.
    static func read<Value: Sendable>(
        _ settings: Settings,
        _ body: @escaping @Sendable (SQLiteLedger) async throws(LedgerError) -> Value
    ) throws(CommandFailure) -> Value {
        guard let loop = SerialLoop() else { throw .noDescriptors }
        let outcome = Kept<Result<Value, LedgerError>>()
        let end = StopSource(loop)
        // Owned by this function, which waits for its end in the loop.
        Task(executorPreference: loop) {
            let ledger = SQLiteLedger(directory: settings.ledgerDirectory, time: SystemTime())
            do throws(LedgerError) {
                outcome.set(.success(try await body(ledger)))
            } catch {
                outcome.set(.failure(error))
            }
            await ledger.close()
            end.stop()
        }
        loop.run(end)
        switch outcome.value {
        case .success(let value)?: return value
        case .failure(let error)?:
            throw CommandFailure(message: TaskError(error).message, exitCode: CommandFailure.failed)
        case nil: throw CommandFailure(message: "the ledger was not read", exitCode: CommandFailure.failed)
        }
    }
}

/// A value on its way from a loop to the thread that waits for it.
final class Kept<Value: Sendable>: Sendable {
    private let kept = Mutex<Value?>(nil)

    var value: Value? { kept.withLock { $0 } }
    func set(_ value: Value) { kept.withLock { $0 = value } }
}

/// A task as a person names it: by klingd's id, or by the provider's.
enum TaskName: Sendable {
    case id(TaskID)
    case taskID(String)

    init(_ text: String) { self = TaskID(text).map(Self.id) ?? .taskID(text) }

    func find(in service: GenerationService) async throws(TaskError) -> GenerationTask {
        switch self {
        case .id(let id): try await service.find(id)
        case .taskID(let taskID): try await service.find(taskID: taskID)
        }
    }

    func find(in ledger: SQLiteLedger) async throws(LedgerError) -> GenerationTask? {
        switch self {
        case .id(let id): try await ledger.task(id)
        case .taskID(let taskID): try await ledger.task(taskID: taskID)
        }
    }
}
