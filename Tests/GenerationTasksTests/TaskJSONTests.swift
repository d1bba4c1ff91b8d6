import GenerationTasks
import JSON
import Testing

@Suite("Task on the wire")
struct TaskJSONTests {
    @Test("has the members of the protocol in their order")
    func finished() {
        let task = GenerationTask.sample { task in
            task.taskID = "867283741759111202"
            task.state = .stored
            task.watch = .ended
            task.charged = .yes
            task.taskStatus = "succeed"
            task.taskStatusMessage = ""
            task.images = [TaskImage(index: 0, url: "https://images.example/0.png", stored: .sample(0))]
            task.finalUnitDeduction = "8"
            task.submittedAt = TestClock.epoch.adding(.seconds(1))
            task.updatedAt = TestClock.epoch.adding(.seconds(12))
            task.finishedAt = TestClock.epoch.adding(.seconds(12))
            task.lookUps = 3
        }
        let id = task.id.description
        #expect(
            task.json()
                == #"{"id":"\#(id)","task_id":"867283741759111202","external_task_id":"\#(id)","#
                + #""idempotency_key":null,"state":"stored","watch":"ended","charged":"yes","task_status":"succeed","#
                + #""task_status_msg":"","provider":"simulator","#
                + #""request":{"prompt":"a lighthouse at dusk","model_name":"kling-v3"},"#
                + #""storage":"file:///pictures","images":[{"index":0,"url":"https://images.example/0.png","#
                + #""uri":"file:///pictures/0.png","path":"/pictures/0.png","bytes":1203311,"sha256":"ab12","#
                + #""media_type":"image/png","width":1248,"height":832}],"final_unit_deduction":"8","#
                + #""created_at":"2026-11-23T20:26:00.000Z","submitted_at":"2026-11-23T20:26:01.000Z","#
                + #""updated_at":"2026-11-23T20:26:12.000Z","finished_at":"2026-11-23T20:26:12.000Z","#
                + #""look_ups":3,"warnings":[],"error":null}"#
        )
    }

    @Test("keeps every member while its value is not known, and never shows account or fingerprint")
    func queued() throws {
        let value = try JSONValue.parse(GenerationTask.sample { $0.idempotencyKey = "mine" }.json())
        let members = try #require(value.objectValue).members
        #expect(
            members.map(\.name) == [
                "id", "task_id", "external_task_id", "idempotency_key", "state", "watch", "charged", "task_status",
                "task_status_msg", "provider", "request", "storage", "images", "final_unit_deduction", "created_at",
                "submitted_at", "updated_at", "finished_at", "look_ups", "warnings", "error",
            ]
        )
        #expect(value["idempotency_key"] == "mine")
        #expect(value["state"] == "queued")
        #expect(value["task_id"] == .null)
        #expect(value["submitted_at"] == .null)
        #expect(value["images"] == [])
    }

    @Test("shows error, warnings, images that are not home yet and a remark to this answer")
    func storing() throws {
        let task = GenerationTask.sample { task in
            task.state = .storing
            task.images = [.sample(0)]
            task.warnings = ["the provider delivered 1 of 2 images"]
            task.error = TaskError(.storageFull, "the disk is full; make room", charged: .yes, retryable: true)
        }
        let value = try JSONValue.parse(task.json(message: "storing goes on"))
        #expect(value["images"] == [["index": 0, "url": "https://images.example/0.png"]])
        #expect(value["warnings"] == ["the provider delivered 1 of 2 images"])
        #expect(value["error"]?["kind"] == "storage_full")
        #expect(value["error"]?["charged"] == "yes")
        #expect(value["message"] == "storing goes on")
    }

    @Test("has a null path when the storage is no folder of this machine")
    func remote() throws {
        let task = GenerationTask.sample { task in
            var stored = TaskImage.Stored.sample(0)
            stored.path = nil
            task.images = [TaskImage(index: 0, url: "u", stored: stored)]
        }
        #expect(try JSONValue.parse(task.json())["images"]?[0]?["path"] == .null)
    }
}
