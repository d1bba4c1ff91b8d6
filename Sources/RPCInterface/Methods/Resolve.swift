import GenerationTasks
import JSON
import JSONRPC
import KlingService

extension Method {
    static let resolve = Method(
        name: "resolve",
        summary: "Decides what became of a task that is unresolved, which only a person can know.",
        params: [
            .required("id", TaskID.givenSchema.described("klingd's id of the task.")),
            .optional(
                "task_id",
                .string(length: Params.keyLength).described("This job of the provider is the task's.")
            ),
            .optional(
                "resend",
                .constant(true).described("There is no such job: it is to be sent again, and may then be paid twice.")
            ),
            .optional(
                "abandon",
                .constant(true).described("It is to be looked for no longer: the task fails, charged unknown.")
            ),
        ],
        exactlyOne: ["task_id", "resend", "abandon"],
        result: GenerationTask.schema,
        errors: [.notFound, .conflict] + .ofProvider + .ofLedger,
        examples: [
            Example(
                name: "the job was found in the provider's console",
                params: ["id": .string(ExampleTask.id), "task_id": .string(ExampleTask.taskID)],
                result: ExampleTask.submitted.json
            )
        ]
    ) { face, params, _ throws(RPCError) in try face.resolve(params) }
}

extension RPCInterface {
    fileprivate func resolve(_ params: JSONObject) throws(RPCError) -> Handling {
        let (id, resolution) = try Self.resolution(params)
        let (service, feed) = (service, feed)
        return .pending {
            await Self.answer { () throws(TaskError) in
                let task = try await service.resolve(id, resolution)
                await feed.subscribe(id)
                return Self.result(task)
            }
        }
    }

    /// A person's decision on an unresolved task: exactly one of three.
    private static func resolution(_ params: JSONObject) throws(RPCError) -> (TaskID, GenerationService.Resolution) {
        var members = JSONMembers(params)
        do {
            guard let text = try members.string("id") else {
                throw JSONDecodingError("'id' is missing: it tells which task is to be resolved", at: .root)
            }
            var decisions: [GenerationService.Resolution] = []
            if let taskID = try members.string("task_id") {
                decisions.append(.job(taskID: try Params.check(taskID: taskID)))
            }
            let flags: [(String, GenerationService.Resolution)] = [("resend", .resend), ("abandon", .abandon)]
            for (name, decision) in flags {
                guard let isOn = try members.bool(name) else { continue }
                guard isOn else {
                    throw JSONDecodingError("'\(name)' must be true, or left out", at: .root.member(name))
                }
                decisions.append(decision)
            }
            guard decisions.count == 1 else {
                throw JSONDecodingError(
                    "give exactly one of 'task_id' (this job is the task's), 'resend': true and 'abandon': true",
                    at: .root
                )
            }
            return (try Params.taskID(text), decisions[0])
        } catch let error as JSONDecodingError {
            throw .invalidParams(error.message, pointer: error.pointer)
        } catch let error as RPCError {
            throw error
        } catch {
            throw RPCError(TaskError(.internal, "\(error)"))
        }
    }
}
