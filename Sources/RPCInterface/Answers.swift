import GenerationTasks
import JSON
import JSONRPC
import KlingService

extension RPCInterface {
    static func find(_ reference: Params.TaskReference, _ service: GenerationService) async throws(TaskError)
        -> GenerationTask
    {
        switch reference {
        case .id(let id): try await service.find(id)
        case .taskID(let taskID): try await service.find(taskID: taskID)
        }
    }

    static func answer(
        _ operation: () async throws(TaskError) -> RPCResult
    ) async -> Result<RPCResult, RPCError> {
        do throws(TaskError) {
            return .success(try await operation())
        } catch {
            return .failure(RPCError(error))
        }
    }

    static func result(_ task: GenerationTask, message: String? = nil) -> RPCResult {
        RPCResult { task.write(to: &$0, message: message) }
    }

    /// A version of a task with its place among all changes, as notifications and `events` show it.
    static func write(event task: GenerationTask, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("seq")
        writer.integer(task.sequence)
        writer.name("task")
        task.write(to: &writer)
        writer.endObject()
    }

    /// What ``write(event:to:)`` writes.
    static let eventSchema = JSONSchema.Named(
        "event",
        .object([
            .required("seq", .integer(from: 1).described("Grows with every change in the ledger.")),
            .required("task", GenerationTask.schema.reference),
        ])
    )
}

extension RPCError {
    /// A task's error as the answer to a request that made no task.
    init(_ error: TaskError) {
        self.init(code: error.kind.code, message: error.message, data: error.details)
    }
}
