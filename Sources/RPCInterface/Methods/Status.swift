import GenerationTasks
import JSON
import JSONRPC
import KlingService

extension Method {
    static let status = Method(
        name: "status",
        summary: "Tells how a task stands, at once or after waiting for it.",
        params: .reference + .wait,
        exactlyOne: ["id", "task_id"],
        result: GenerationTask.schema,
        errors: [.notFound] + .ofLedger,
        examples: [
            Example(
                name: "once the images are stored",
                params: ["id": .string(ExampleTask.id), "wait_for": "stored"],
                result: ExampleTask.stored.json
            )
        ]
    ) { face, params, writer throws(RPCError) in try face.status(params, &writer) }
}

extension RPCInterface {
    fileprivate func status(_ params: JSONObject, _ writer: inout JSONWriter) throws(RPCError) -> Handling {
        var members = JSONMembers(params)
        let reference = try Params.reference(&members)
        let bound: WaitBound?
        do {
            bound = try Params.wait(&members)
        } catch {
            throw .invalidParams(error.message, pointer: error.pointer)
        }
        // What memory can answer is answered here; the table shares the executor this runs on.
        let known = service.table.assumeIsolated { table in
            switch reference {
            case .id(let id): table.freshSnapshot(id)
            case .taskID(let taskID): table.freshSnapshot(taskID: taskID)
            }
        }
        if let known, bound?.target.isReached(by: known) ?? true {
            known.write(to: &writer)
            return .written
        }
        let service = service
        return .pending {
            await Self.answer { () throws(TaskError) in
                let task = try await Self.find(reference, service)
                guard let bound else { return Self.result(task) }
                return Self.result(try await service.wait(task.id, bound))
            }
        }
    }
}
