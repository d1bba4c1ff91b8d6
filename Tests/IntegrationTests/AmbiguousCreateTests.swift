import Foundation
import JSON
import KlingSimulator
import Testing

/// A create whose outcome is open is looked for, not sent again: one request, one paid task.
@Suite(.timeLimit(.minutes(10))) struct AmbiguousCreateTests {
    /// What can happen between a create that is taken and its answer, and how often it does.
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var fault: JSONValue
        var tasks = 1
        var flags: [String] = []

        init(_ name: String, _ fault: JSONObject, tasks: Int = 1, flags: [String] = []) {
            testDescription = name
            var fault = fault
            fault["on"] = "create"
            fault["times"] = .integer(Int64(tasks))
            self.fault = .object(fault)
            self.tasks = tasks
            self.flags = flags
        }
    }

    private static let cases = [
        Case("cut", ["kind": "taken_then_cut"]),
        Case("two are cut", ["kind": "taken_then_cut"], tasks: 2),
        Case("five are cut", ["kind": "taken_then_cut"], tasks: 5),
        Case("503", ["kind": "taken_then_status", "status": 503]),
        Case("500 as a page", ["kind": "taken_then_status", "status": 500, "body": "<html><h1>500</h1></html>"]),
        Case("broken JSON", ["kind": "broken_json"]),
        Case("too late an answer", ["kind": "delay", "delay_ms": 3000], flags: ["--request-timeout", "1"]),
        Case("cut, visible seconds later", ["kind": "taken_then_cut", "delay_ms": 4000]),
        Case("cut, made seconds later", ["kind": "late_create", "delay_ms": 3000]),
    ]

    @Test(arguments: Dialect.allCases, cases)
    func whatWasTakenIsFoundStoredAndPaidOnce(dialect: Dialect, example: Case) async throws {
        try await Bench.run({ $0.dialect = dialect }) { bench in
            try await bench.fault(example.fault)
            let klingd = try bench.start(example.flags)
            for index in 0..<example.tasks {
                let params: JSONValue = ["prompt": "p\(index)", "wait_for": "stored", "wait_ms": 90_000]
                klingd.send(.request(.integer(Int64(index)), "generate", params))
            }
            var tasks: [JSONValue] = []
            for index in 0..<example.tasks {
                tasks.append(try #require(try await klingd.response(to: .integer(Int64(index)))["result"]))
            }
            try await bench.expectStored(tasks)
            try await bench.expectPaidOnce(example.tasks)
        }
    }

    @Test func whatIsProvenNotToBeThereIsSentAgain() async throws {
        try await Bench.run({ $0.dialect = .kling }) { bench in
            try await bench.fault(["on": "create", "kind": "cut"])
            let klingd = try bench.start()
            let begin = Date()
            let task = try await klingd.ask("generate", ["prompt": "p", "wait_for": "stored"])
            #expect(begin.timeIntervalSinceNow < -15, "sent again before the proof")
            try await bench.expectStored([task])
            let bill = try await bench.bill()
            #expect(bill["paid_tasks"] == 1)
            #expect(bill["creates_received"] == 2)
        }
    }
}

/// Where nothing tells what became of a create, a person decides.
@Suite(.timeLimit(.minutes(10))) struct ResolveTests {
    /// Runs `body` with a task that was taken, but of which the provider will not tell.
    private func withUnresolvedTask(_ body: (Bench, KlingdProcess, _ id: JSONValue) async throws -> Void) async throws {
        try await Bench.run({ $0.findsByExternalID = false }) { bench in
            try await bench.fault(["on": "create", "kind": "taken_then_cut"])
            let klingd = try bench.start()
            let queued = try await klingd.ask("generate", ["prompt": "p", "wait_for": "queued"])
            let id = try #require(queued["id"])
            let update = try await klingd.message { message in
                let task = message["params"]?["task"]
                return task?["state"] == "unresolved" && (task?["look_ups"]?.integerValue ?? 0) >= 2
            }
            #expect(update["params"]?["task"]?["charged"] == "unknown")
            #expect(update["params"]?["task"]?["error"]?["charged"] == "unknown")
            #expect(try await bench.bill()["creates_received"] == 1)
            try await body(bench, klingd, id)
        }
    }

    @Test func aJobThatIsNamedIsTheTasks() async throws {
        try await withUnresolvedTask { bench, klingd, id in
            let taskID = try #require(try await bench.bill()["tasks"]?[0]?["task_id"])
            let resolved = try await klingd.ask("resolve", ["id": id, "task_id": taskID])
            #expect(resolved["task_id"] == taskID)
            #expect(resolved["charged"] == "yes")
            let task = try await klingd.end(of: id)
            try await bench.expectStored([task])
            try await bench.expectPaidOnce(1)
            // There is nothing to decide any more.
            let refusal = try await klingd.refusal(of: "resolve", ["id": id, "abandon": true])
            #expect(refusal["data"]?["kind"] == "conflict")
            #expect(refusal["data"]?["charged"] == "yes")
        }
    }

    @Test func anAbandonedTaskSaysThatItMayBeBilled() async throws {
        try await withUnresolvedTask { bench, klingd, id in
            let task = try await klingd.ask("resolve", ["id": id, "abandon": true])
            #expect(task["state"] == "failed")
            #expect(task["charged"] == "unknown")
            #expect(task["error"]?["kind"] == "withdrawn")
            #expect(task["error"]?["message"]?.stringValue?.contains("billed") == true)
            #expect(try await bench.bill()["creates_received"] == 1)
        }
    }

    @Test func aPersonCanHaveItSentAgain() async throws {
        try await withUnresolvedTask { bench, klingd, id in
            _ = try await klingd.ask("resolve", ["id": id, "resend": true])
            try await bench.expectStored([klingd.end(of: id)])
            let bill = try await bench.bill()
            #expect(bill["creates_received"] == 2)
            #expect(bill["paid_tasks"] == 2, "that is the risk that the person took")
        }
    }

    @Test func decisionsThatMakeNoSenseAreRefused() async throws {
        try await withUnresolvedTask { bench, klingd, id in
            let other = try await klingd.ask("generate", ["prompt": "another", "wait_for": "stored"])
            let taken = try await klingd.refusal(
                of: "resolve",
                ["id": id, "task_id": try #require(other["task_id"])]
            )
            #expect(taken["data"]?["kind"] == "conflict")
            #expect(taken["data"]?["pointer"] == "/task_id")
            #expect(taken["message"]?.stringValue?.contains(other["id"]?.stringValue ?? "?") == true)

            let absent = try await klingd.refusal(of: "resolve", ["id": id, "task_id": "100000000000000000"])
            #expect(absent["data"]?["kind"] == "not_found")
            let unknown: JSONValue = ["id": "0199c0de-0000-7000-8000-000000000000", "abandon": true]
            #expect(try await klingd.refusal(of: "resolve", unknown)["data"]?["kind"] == "not_found")
            for decisions in [["abandon": true, "resend": true], ["abandon": false], [:]] as [JSONObject] {
                var params = decisions
                params["id"] = id
                let refusal = try await klingd.refusal(of: "resolve", .object(params))
                #expect(refusal["code"] == -32602)
                #expect(refusal["data"]?["kind"] == "invalid_params")
            }
            #expect(try await klingd.ask("status", ["id": id])["state"] == "unresolved")
            #expect(try await bench.bill()["creates_received"] == 2)
        }
    }
}
