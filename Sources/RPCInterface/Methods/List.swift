import GenerationTasks
import JSON
import JSONRPC
import KlingService

extension Method {
    static let list = Method(
        name: "list",
        summary: "Lists tasks, newest first, page by page.",
        params: [
            .optional("state", TaskState.schema.reference.described("Only tasks in this state.")),
            .optional("watch", WatchState.schema.reference.described("Only tasks whose watch is such.")),
        ] + .pageSize + [
            .optional("cursor", .string().described("The next_cursor of the page before."))
        ],
        result: JSONSchema.Named(
            "list.result",
            .object([
                .required("tasks", .array(of: GenerationTask.schema.reference)),
                .optional("next_cursor", .string().described("Of the next page; absent on the last one.")),
            ])
        ),
        errors: .ofLedger,
        examples: [
            Example(
                name: "what is stored",
                params: ["state": "stored", "limit": 1],
                result: ["tasks": [ExampleTask.stored.json]]
            )
        ]
    ) { face, params, _ throws(RPCError) in try face.list(params) }
}

extension RPCInterface {
    fileprivate func list(_ params: JSONObject) throws(RPCError) -> Handling {
        var members = JSONMembers(params)
        let query: TaskQuery
        do {
            query = TaskQuery(
                state: try Params.word("state", &members, TaskState.init, TaskState.allCases.map(\.rawValue)),
                watch: try Params.word("watch", &members, WatchState.init, WatchState.allCases.map(\.rawValue)),
                limit: try Params.pageSize(&members),
                cursor: try members.string("cursor")
            )
        } catch {
            throw .invalidParams(error.message, pointer: error.pointer)
        }
        let service = service
        return .bulky {
            await Self.answer { () throws(TaskError) in
                let page = try await service.list(query)
                return RPCResult { writer in
                    writer.beginObject()
                    writer.name("tasks")
                    writer.beginArray()
                    for task in page.tasks { task.write(to: &writer) }
                    writer.endArray()
                    if let next = page.next {
                        writer.name("next_cursor")
                        writer.string(next)
                    }
                    writer.endObject()
                }
            }
        }
    }
}
