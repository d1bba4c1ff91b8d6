import JSON
import KlingSimulator
import Testing

/// Limits on how many images are in the making, the provider's and one's own.
@Suite(.timeLimit(.minutes(10))) struct SlotTests {
    @Test func theProvidersLimitIsLearntAndNothingFailsByIt() async throws {
        try await Bench.run(taking: 4, { $0.slots = 9 }) { bench in
            let klingd = try bench.start(["--no-task-updates"])
            for index in 0..<40 {
                let params: JSONValue = [
                    "prompt": .string("p\(index)"), "n": .integer(Int64(index % 9 + 1)), "wait_for": "stored",
                ]
                klingd.send(.request(.integer(Int64(index)), "generate", params))
            }
            var tasks: [JSONValue] = []
            for index in 0..<40 {
                tasks.append(try #require(try await klingd.response(to: .integer(Int64(index)))["result"]))
            }
            try await bench.expectStored(tasks)
            let bill = try await bench.bill()
            #expect(bill["paid_tasks"] == 40)
            let throttled = try #require(bill["throttled"]?.integerValue)
            print("40 tasks of 190 images within 9 slots: \(throttled) creates were throttled")
            #expect(throttled < 25)
        }
    }

    @Test func whatIsLargerThanTheLimitGoesAlone() async throws {
        // Any other image beside the nine would be one too many for this provider.
        try await Bench.run({ $0.slots = 9 }) { bench in
            let klingd = try bench.start(["--max-images-in-flight", "4"])
            for (id, n) in [(1, 3), (2, 9), (3, 1)] as [(JSONValue, JSONValue)] {
                klingd.send(.request(id, "generate", ["prompt": "p", "n": n, "wait_for": "stored"]))
            }
            var tasks: [JSONValue] = []
            for id in 1...3 { tasks.append(try #require(try await klingd.response(to: .integer(Int64(id)))["result"])) }
            try await bench.expectStored(tasks)
            #expect(try await bench.bill()["throttled"] == 0)
            try await bench.expectPaidOnce(3)
        }
    }

    @Test func imagesBeyondTheDaysLimitAreRefusedInEveryProcess() async throws {
        try await Bench.run { bench in
            let flags = ["--max-images-per-day", "5"]
            let klingd = try bench.start(flags)
            for n in [3, 2] as [JSONValue] {
                let task = try await klingd.ask("generate", ["prompt": "p", "n": n, "wait_for": "stored"])
                #expect(task["state"] == "stored")
            }
            for process in [klingd, try bench.start(flags)] {
                let refusal = try await process.refusal(of: "generate", ["prompt": "p", "n": 1])
                #expect(refusal["data"]?["kind"] == "limit")
                #expect(refusal["data"]?["charged"] == "no")
            }
            try await bench.expectPaidOnce(2)
            // Without the limit it goes.
            let free = try bench.start()
            #expect(try await free.ask("generate", ["prompt": "p", "wait_for": "stored"])["state"] == "stored")
        }
    }
}
