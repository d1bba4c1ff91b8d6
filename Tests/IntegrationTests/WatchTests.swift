import Foundation
import JSON
import KlingSimulator
import Testing

/// Stopping to watch is not stopping the job, and says so.
@Suite(.timeLimit(.minutes(10))) struct WatchTests {
    private func lookUps(_ bench: Bench, of taskID: JSONValue) async throws -> Int64 {
        let tasks = try #require(try await bench.bill()["tasks"]?.arrayValue)
        return try #require(tasks.first { $0["task_id"] == taskID }?["look_ups"]?.integerValue)
    }

    @Test func aCancelledWatchAsksNoMoreAndResumesToStored() async throws {
        // The job takes about ten seconds of the simulator's clock, which the test turns.
        try await Bench.run({ $0.timeScale = 1 }) { bench in
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", ["prompt": "watched"]))
            let task = try #require(try await klingd.response(to: 1)["result"])
            let (id, taskID) = (try #require(task["id"]), try #require(task["task_id"]))
            klingd.send(.request(2, "status", ["id": id, "wait_for": "stored"]))
            klingd.send(.request(3, "cancel-watch", ["id": id]))
            let cancelled = try #require(try await klingd.response(to: 3)["result"])
            #expect(cancelled["watch"] == "cancelled")
            #expect(cancelled["state"] == "submitted" || cancelled["state"] == "processing")
            let message = try #require(cancelled["message"]?.stringValue)
            #expect(message.contains("goes on") && message.contains("billed"))
            // Waiting for what nobody looks for ends with the task as it is.
            #expect(try await klingd.response(to: 2)["result"]?["watch"] == "cancelled")

            // Other tasks being watched to their end is the measure of time: two poll intervals and more.
            let before = try await lookUps(bench, of: taskID)
            klingd.send(.request(4, "generate", ["prompt": "meanwhile", "wait_for": "stored"]))
            #expect(try await klingd.response(to: 4)["result"]?["state"] == "stored")
            let after = try await lookUps(bench, of: taskID)
            #expect(after <= before + 1, "at most the look-up that was under way")

            klingd.send(.request(5, "watch", ["id": id]))
            #expect(try await klingd.response(to: 5)["result"]?["watch"] == "active")
            klingd.send(.request(6, "status", ["id": id, "wait_for": "stored"]))
            let stored = try #require(try await klingd.response(to: 6)["result"])
            #expect(stored["state"] == "stored")
            #expect(stored["task_id"] == taskID)
            #expect(try await bench.paidTasks() == 2)
        }
    }

    @Test func aTaskThatWasNeverSentIsWithdrawn() async throws {
        // One image fits the provider; the second task waits for its turn.
        try await Bench.run({ $0.timeScale = 100 }) { bench in
            let klingd = try bench.start(["--max-images-in-flight", "1"])
            klingd.send(.request(1, "generate", ["prompt": "first"]))
            _ = try await klingd.response(to: 1)
            klingd.send(.request(2, "generate", ["prompt": "second", "wait_for": "queued"]))
            let id = try #require(try await klingd.response(to: 2)["result"]?["id"])
            klingd.send(.request(3, "cancel-watch", ["id": id]))
            let withdrawn = try #require(try await klingd.response(to: 3)["result"])
            #expect(withdrawn["state"] == "failed")
            #expect(withdrawn["charged"] == "no")
            #expect(withdrawn["error"]?["kind"] == "withdrawn")
            #expect(try await bench.bill()["creates_received"] == 1)
        }
    }

    @Test func aThrottledTaskDoesNotHoldTheQueueForEver() async throws {
        try await Bench.run { bench in
            try await bench.fault(["on": "create", "kind": "status", "status": 429])
            let klingd = try bench.start(["--max-images-in-flight", "1"])
            for id in 1...2 {
                klingd.send(.request(.integer(Int64(id)), "generate", ["prompt": "p", "wait_for": "stored"]))
            }
            for id in 1...2 {
                #expect(try await klingd.response(to: .integer(Int64(id)))["result"]?["state"] == "stored")
            }
        }
    }

    @Test func oneJobMadeElsewhereIsOneTaskHoweverOftenItIsTakenOver() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", ["prompt": "p"]))
            let taskID = try #require(try await klingd.response(to: 1)["result"]?["task_id"])
            let other = try bench.start()
            for id in 1...4 { other.send(.request(.integer(Int64(id)), "watch", ["task_id": taskID])) }
            var ids: Set<String> = []
            for id in 1...4 {
                ids.insert(
                    try #require(try await other.response(to: .integer(Int64(id)))["result"]?["id"]?.stringValue)
                )
            }
            #expect(ids.count == 1)
        }
    }

    @Test func imagesInFlightStayWithinTheLimitAndAllEndStored() async throws {
        try await Bench.run({ $0.slots = 9 }) { bench in
            let klingd = try bench.start(["--max-images-in-flight", "9"])
            for index in 1...9 {
                let params: JSONValue = ["prompt": "p", "n": .integer(Int64(index)), "wait_for": "stored"]
                klingd.send(.request(.integer(Int64(index)), "generate", params))
            }
            for index in 1...9 {
                let answer = try await klingd.response(to: .integer(Int64(index)))
                #expect(answer["result"]?["state"] == "stored")
                #expect(answer["result"]?["images"]?.arrayValue?.count == index)
            }
            let bill = try await bench.bill()
            #expect(bill["paid_tasks"] == 9)
            #expect(bill["throttled"] == 0)
        }
    }
}
