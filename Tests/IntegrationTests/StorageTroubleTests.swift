import Foundation
import JSON
import KlingSimulator
import Testing

/// A paid image waits for its storage; nothing is called stored that is not.
@Suite(.timeLimit(.minutes(10))) struct StorageTroubleTests {
    @Test func storageThatCannotBeStoredToIsRefusedBeforeAnythingIsPaid() async throws {
        try await Bench.run { bench in
            // A file stands where the folder should be.
            try Data().write(to: bench.images)
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", ["prompt": "p"]))
            let error = try #require(try await klingd.response(to: 1)["error"])
            #expect(error["data"]?["kind"]?.stringValue?.hasPrefix("storage_") == true)
            #expect(error["data"]?["charged"] == "no")
            #expect(try await bench.bill()["creates_received"] == 0)
        }
    }

    @Test func aTaskIsStoredOnceTheStorageIsRight() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", ["prompt": "p"]))
            let id = try #require(try await klingd.response(to: 1)["result"]?["id"])
            // The disk goes away while the job runs.
            try FileManager.default.removeItem(at: bench.images)
            try Data().write(to: bench.images)
            let troubled = try await klingd.message { message in
                let task = message["params"]?["task"]
                return task?["state"] == "storing" && task?["error"] != .null
            }
            let error = try #require(troubled["params"]?["task"]?["error"])
            #expect(error["kind"]?.stringValue?.hasPrefix("storage_") == true)
            #expect(error["charged"] == "yes")
            try FileManager.default.removeItem(at: bench.images)
            klingd.send(.request(2, "status", ["id": id, "wait_for": "stored"]))
            let task = try #require(try await klingd.response(to: 2)["result"])
            #expect(task["state"] == "stored")
            #expect(task["error"] == .null)
            #expect(FileManager.default.fileExists(atPath: try #require(task.path(ofImage: 0))))
            #expect(try await bench.paidTasks() == 1)
        }
    }

    @Test func aFolderBelowTheStorageCanBeNamed() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            let below = "file://\(bench.images.path)/holiday"
            klingd.send(.request(1, "generate", ["prompt": "p", "storage": .string(below), "wait_for": "stored"]))
            let task = try #require(try await klingd.response(to: 1)["result"])
            #expect(task["storage"] == .string(below))
            #expect(task.path(ofImage: 0)?.hasPrefix(bench.images.path + "/holiday/") == true)
        }
    }
}
