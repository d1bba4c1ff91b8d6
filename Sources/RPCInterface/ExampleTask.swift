import GenerationTasks
import JSON

/// One task at several moments, for the examples of the OpenRPC document: written as every task is.
enum ExampleTask {
    private static let begin = Timestamp(milliseconds: 1_795_638_360_000)

    /// Examples are the same each time.
    private struct Constant: RandomNumberGenerator {
        func next() -> UInt64 { 0x5EED_1E55_0DD5_BA11 }
    }

    private static let queued: GenerationTask = {
        var random = Constant()
        let id = TaskID(at: begin, random: &random)
        return GenerationTask(
            id: id,
            externalTaskID: "klingd-06cfa33524ee006d27d7d73811d4815999ff105a",
            idempotencyKey: "lighthouse-1",
            fingerprint: "",
            provider: "kling",
            account: "",
            request: ["prompt": "a lighthouse at dusk", "n": 1, "aspect_ratio": "3:2", "model_name": "kling-v3"],
            imageCount: 1,
            storage: "file:///home/me/images",
            createdAt: begin
        )
    }()

    static let id = queued.id.description
    static let taskID = "876616575340309663"

    static let submitted: GenerationTask = {
        var task = queued
        task.state = .submitted
        task.taskID = taskID
        task.charged = .yes
        task.taskStatus = "submitted"
        task.submittedAt = Timestamp(milliseconds: begin.milliseconds + 812)
        task.updatedAt = Timestamp(milliseconds: begin.milliseconds + 812)
        task.sequence = 3
        return task
    }()

    static let cancelled: GenerationTask = {
        var task = submitted
        task.watch = .cancelled
        task.updatedAt = Timestamp(milliseconds: begin.milliseconds + 5_000)
        task.sequence = 4
        return task
    }()

    static let stored: GenerationTask = {
        var task = submitted
        task.state = .stored
        task.watch = .ended
        task.taskStatus = "succeed"
        task.taskStatusMessage = ""
        task.finalUnitDeduction = "8"
        task.images = [
            TaskImage(
                index: 0,
                url: "https://cdn.example/876616575340309663-0.png?expires=1798230360",
                stored: TaskImage.Stored(
                    uri: "file:///home/me/images/2026-11-25/\(id)-0.png",
                    path: "/home/me/images/2026-11-25/\(id)-0.png",
                    bytes: 1_482_112,
                    sha256: "1a624f6f26970a53ef273da3a58aed444a234390f80f4e450c6351632fde7ade",
                    mediaType: "image/png",
                    width: 1248,
                    height: 832
                )
            )
        ]
        task.updatedAt = Timestamp(milliseconds: begin.milliseconds + 21_340)
        task.finishedAt = task.updatedAt
        task.lookUps = 3
        task.sequence = 6
        return task
    }()
}

extension GenerationTask {
    var json: JSONValue { json(message: nil) }

    func json(message: String?) -> JSONValue { .written { write(to: &$0, message: message) } }

    /// As `events` and `task-updated` show it.
    var event: JSONValue { .written { RPCInterface.write(event: self, to: &$0) } }
}

extension JSONValue {
    /// What `write` writes, read again.
    fileprivate static func written(_ write: (inout JSONWriter) -> Void) -> JSONValue {
        var writer = JSONWriter()
        write(&writer)
        // What a writer writes is JSON; a test would find a null among the examples.
        return (try? JSONValue.parse(writer.bytes)) ?? .null
    }
}
