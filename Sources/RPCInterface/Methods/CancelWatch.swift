package import GenerationTasks
import JSON
import JSONRPC
import KlingService

extension Method {
    static let cancelWatch = Method(
        name: "cancel-watch",
        summary: "Stops watching a task; a job that the provider has goes on and is billed.",
        params: .reference,
        exactlyOne: ["id", "task_id"],
        result: GenerationTask.schema,
        errors: [.notFound] + .ofLedger,
        examples: [
            Example(
                name: "a job that goes on",
                params: ["id": .string(ExampleTask.id)],
                result: ExampleTask.cancelled.json(
                    message: RPCInterface.cancelMessage(ExampleTask.cancelled, wasOver: false)
                )
            )
        ]
    ) { face, params, _ throws(RPCError) in try face.cancelWatch(params) }
}

extension RPCInterface {
    fileprivate func cancelWatch(_ params: JSONObject) throws(RPCError) -> Handling {
        var members = JSONMembers(params)
        let reference = try Params.reference(&members)
        let service = service
        return .pending {
            await Self.answer { () throws(TaskError) in
                let found = try await Self.find(reference, service)
                let task = try await service.cancelWatch(found.id)
                return Self.result(task, message: Self.cancelMessage(task, wasOver: found.state.isTerminal))
            }
        }
    }

    /// The provider has no cancel: who believes to have stopped a job must learn that it is paid all the same.
    package static func cancelMessage(_ task: GenerationTask, wasOver: Bool) -> String {
        switch task.state {
        case .failed where !wasOver && task.charged == .no: "withdrawn before anything was sent; nothing is charged"
        case .failed where !wasOver: "withdrawn before it was sent again; an earlier attempt may be billed"
        case .stored, .failed: "the task had ended already; nothing was changed"
        case .queued, .submitting, .unresolved:
            "the watch is cancelled; whether the provider took the job is still being found out, since it may be billed"
        case .submitted, .processing:
            "the watch is cancelled; the provider has no cancel, so the job goes on and is billed; 'watch' resumes it"
        case .storing: "the job is finished and billed; its images go on being stored"
        }
    }
}
