import GenerationTasks
import JSON

/// The JSON file beside a task's images: what they are, for whoever finds them without klingd.
///
/// It tells only what no longer changes, so that writing it again gives the same bytes, even from a ledger that was put
/// back to an older copy.
enum Sidecar {
    static func content(of task: GenerationTask) -> [UInt8] {
        var sidecar: JSONObject = [
            "id": .string(task.id.description),
            "task_id": task.taskID.map(JSONValue.string) ?? .null,
            "external_task_id": .string(task.externalTaskID),
            "provider": .string(task.provider),
            "request": .object(task.request),
            "created_at": .string(task.createdAt.rfc3339),
            "final_unit_deduction": task.finalUnitDeduction.map(JSONValue.string) ?? .null,
        ]
        sidecar["images"] = .array(
            task.images.compactMap { image in
                image.stored.map { stored in
                    [
                        "index": .integer(Int64(image.index)), "uri": .string(stored.uri),
                        "bytes": .integer(stored.bytes), "sha256": .string(stored.sha256),
                        "media_type": .string(stored.mediaType), "width": .integer(Int64(stored.width)),
                        "height": .integer(Int64(stored.height)),
                    ]
                }
            }
        )
        var writer = JSONWriter()
        writer.value(.object(sidecar))
        writer.newline()
        return writer.bytes
    }
}
