import GenerationTasks
import KlingService
import SQLiteLedger

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
