import GenerationTasks
import JSON
import JSONRPC
import KlingService

extension Method {
    static let events = Method(
        name: "events",
        summary: "Tells which tasks changed after a cursor, each in its newest version.",
        params: [
            .optional("after", .string().described("A cursor; without one it begins at the oldest task."))
        ] + .pageSize,
        result: JSONSchema.Named(
            "events.result",
            .object([
                .required("events", .array(of: RPCInterface.eventSchema.reference)),
                .required("next", .string().described("The cursor to go on from.")),
            ])
        ),
        errors: .ofLedger,
        examples: [
            Example(
                name: "what happened since",
                params: ["after": "0c6f2a9d.5", "limit": 100],
                result: ["events": [ExampleTask.stored.event], "next": "0c6f2a9d.6"]
            )
        ]
    ) { face, params, _ throws(RPCError) in try face.events(params) }
}

extension RPCInterface {
    fileprivate func events(_ params: JSONObject) throws(RPCError) -> Handling {
        var members = JSONMembers(params)
        let (after, limit): (String?, Int)
        do {
            (after, limit) = (try members.string("after"), try Params.pageSize(&members))
        } catch {
            throw .invalidParams(error.message, pointer: error.pointer)
        }
        let service = service
        return .bulky {
            await Self.answer { () throws(TaskError) in
                let events = try await service.events(after: after, limit: limit)
                return RPCResult { writer in
                    writer.beginObject()
                    writer.name("events")
                    writer.beginArray()
                    for task in events.tasks { Self.write(event: task, to: &writer) }
                    writer.endArray()
                    writer.name("next")
                    writer.string(events.next)
                    writer.endObject()
                }
            }
        }
    }
}
