import GenerationTasks
import JSON
import JSONRPC
import KlingService

extension Method {
    static let watch = Method(
        name: "watch",
        summary: "Watches a task and tells of its changes; takes a job over that was made elsewhere.",
        params: .reference + [
            .optional(
                "storage",
                .string().described("With task_id, for a job made elsewhere: the place for its images, as in generate.")
            )
        ],
        exactlyOne: ["id", "task_id"],
        result: GenerationTask.schema,
        errors: [.notFound, .storageConfig] + .ofProvider + .ofLedger,
        examples: [
            Example(
                name: "a task of ours",
                params: ["id": .string(ExampleTask.id)],
                result: ExampleTask.submitted.json
            )
        ]
    ) { face, params, _ throws(RPCError) in try face.watch(params) }
}

extension RPCInterface {
    fileprivate func watch(_ params: JSONObject) throws(RPCError) -> Handling {
        var members = JSONMembers(params)
        let reference = try Params.reference(&members)
        let storage: String?
        do {
            storage = try members.string("storage")
        } catch {
            throw .invalidParams(error.message, pointer: error.pointer)
        }
        if storage != nil, case .id = reference {
            throw .invalidParams(
                "'storage' goes with 'task_id': this task has its place",
                pointer: .root.member("storage")
            )
        }
        let (service, feed) = (service, feed)
        return .pending {
            await Self.answer { () throws(TaskError) in
                let task =
                    switch reference {
                    case .id(let id): try await service.watch(id)
                    case .taskID(let taskID): try await service.adopt(taskID: taskID, storage: storage)
                    }
                await feed.subscribe(task.id)
                return Self.result(task)
            }
        }
    }
}
