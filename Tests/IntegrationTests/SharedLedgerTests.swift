import Foundation
import JSON
import KlingSimulator
import Testing

/// Several klingd on one ledger, as several windows of an editor have them.
@Suite(.timeLimit(.minutes(10))) struct SharedLedgerTests {
    /// Answers to requests that were sent to `processes` under the ids 0, 1, 2 and so on, one for each in turn.
    private func answers(_ count: Int, of processes: [KlingdProcess]) async throws -> [JSONValue] {
        var answers: [JSONValue] = []
        for index in 0..<count {
            answers.append(try await processes[index % processes.count].response(to: .integer(Int64(index))))
        }
        return answers
    }

    /// Sends the same request `count` times, to each of the processes in turn.
    private func sendToAll(_ processes: [KlingdProcess], _ count: Int, _ params: JSONValue) {
        for index in 0..<count {
            processes[index % processes.count].send(.request(.integer(Int64(index)), "generate", params))
        }
    }

    /// Stops a process, but not while it holds the ledger: what the others do then is not to be seen here.
    private func stop(_ process: KlingdProcess, witness: KlingdProcess) async {
        let params: JSONValue = ["prompt": "witness", "idempotency_key": "witness", "wait_for": "queued"]
        while true {
            process.signal(SIGSTOP)
            let id = JSONValue.string("\(UUID())")
            witness.send(.request(id, "generate", params))
            if await witness.isAnswered(id, within: .seconds(2)) { return }
            process.signal(SIGCONT)
            _ = await witness.isAnswered(id, within: .seconds(20))
        }
    }

    @Test func whateverHappensToItsProcessesEachOf200TasksIsPaidAndStoredOnce() async throws {
        try await Bench.run(taking: Bench.wholeRoom, { ($0.dialect, $0.timeScale) = (.kling, 1) }) { bench in
            let processes = try bench.start(count: 8, ["--no-task-updates"])
            for index in 0..<200 {
                let params: JSONValue = [
                    "prompt": .string("p\(index)"), "wait_for": "queued", "aspect_ratio": "16:9",
                ]
                processes[index % 8].send(.request(.integer(Int64(index)), "generate", params))
            }
            var ids: [JSONValue] = []
            for answer in try await answers(200, of: processes) {
                ids.append(try #require(answer["result"]?["id"], "\(answer)"))
            }
            let witness = processes[5]
            let known = try await witness.ask(
                "generate",
                ["prompt": "witness", "idempotency_key": "witness", "wait_for": "queued"]
            )
            ids.append(try #require(known["id"]))
            let stopped = processes[0..<3], killed = processes[3..<5]
            for process in stopped { await stop(process, witness: witness) }
            let begin = Date()
            for process in killed { process.signal(SIGKILL) }
            for process in killed { #expect(await process.exitCode() == -SIGKILL) }

            // What the stopped ones had is taken over when their leases have expired. What one of them was just sending
            // stays open until it goes on, so the wait has a bound.
            for (index, id) in zip(0..., ids) {
                let params: JSONValue = ["id": id, "wait_for": "stored", "wait_ms": 30_000]
                processes[5 + index % 3].send(.request(.string("wait \(index)"), "status", params))
            }
            var storedMeanwhile = 0
            for index in ids.indices {
                let answer = try await processes[5 + index % 3].response(to: .string("wait \(index)"))
                if answer["result"]?["state"] == "stored" { storedMeanwhile += 1 }
            }
            let passed = -begin.timeIntervalSinceNow
            #expect(passed > 10, "the leases of the stopped ones were to expire")
            for process in stopped { process.signal(SIGCONT) }

            let fresh = try bench.start()
            for id in ids { fresh.send(.request(id, "status", ["id": id, "wait_for": "stored", "wait_ms": 60_000])) }
            var tasks: [JSONValue] = []
            for id in ids { tasks.append(try #require(try await fresh.response(to: id)["result"])) }
            try await bench.expectStored(tasks)
            try await bench.expectPaidOnce(201)
            var staleWrites: Int64 = 0
            for process in stopped {
                let counters = try await process.ask("server-info")["counters"]
                staleWrites += try #require(counters?["stale_writes"]?.integerValue)
            }
            #expect(staleWrites >= 0)
            for process in processes { #expect(process.messages.allSatisfy { $0["error"] == nil }) }
            print(
                "8 processes, 3 stopped for \(passed) s, 2 killed: \(storedMeanwhile) of 201 were stored meanwhile; "
                    + "\(staleWrites) late writes were refused; all was done \(-begin.timeIntervalSinceNow) s after"
            )
        }
    }

    /// The provider's list shows the account's newest jobs, whoever made them.
    @Test func jobsOfOtherProgramsDoNotHideOnesOwn() async throws {
        try await Bench.run({ $0.dialect = .kling }) { bench in
            let klingd = try bench.start(["--no-task-updates"])
            var ids: [JSONValue] = []
            for index in 0..<5 {
                ids.append(try #require(try await klingd.ask("generate", ["prompt": .string("p\(index)")])["id"]))
            }
            for _ in 0..<40 {
                try await bench.post("/v1/images/generations", ["model_name": "kling-v3", "prompt": "elsewhere"])
            }
            for id in ids {
                let task = try await klingd.ask("status", ["id": id, "wait_for": "stored", "wait_ms": 20_000])
                #expect(task["state"] == "stored")
            }
            let bill = try await bench.bill()
            let requests = try #require(bill["lists"]?.integerValue) + #require(bill["look_ups"]?.integerValue)
            #expect(requests < 30, "for five tasks")
        }
    }

    @Test func oneKeyIsOneTaskHoweverManyProcessesAreAskedAtOnce() async throws {
        try await Bench.run(taking: Bench.wholeRoom) { bench in
            let processes = try bench.start(count: 8)
            let params: JSONValue = ["prompt": "once", "idempotency_key": "k", "wait_for": "stored"]
            sendToAll(processes, 50, params)
            let ids = try await answers(50, of: processes).map { try #require($0["result"]?["id"], "\($0)") }
            #expect(Set(ids.map(\.description)).count == 1)
            try await bench.expectPaidOnce(1)
            for process in processes { process.signal(SIGKILL) }
            for process in processes { #expect(await process.exitCode() == -SIGKILL) }

            // After a restart too; and with another request it is refused, naming the first.
            let next = try bench.start(count: 2)
            #expect(try await next[0].ask("generate", params)["id"] == ids[0])
            let other: JSONValue = ["prompt": "another", "idempotency_key": "k"]
            let refusal = try await next[1].refusal(of: "generate", other)
            #expect(refusal["data"]?["kind"] == "conflict")
            #expect(refusal["data"]?["charged"] == "no")
            #expect(refusal["message"]?.stringValue?.contains(ids[0].stringValue ?? "?") == true)
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func aKeyOfATaskThatIsJustBeingSentIsThatTask() async throws {
        try await Bench.run(taking: Bench.wholeRoom) { bench in
            try await bench.fault(["on": "create", "kind": "delay", "delay_ms": 1500])
            let processes = try bench.start(count: 8)
            let params: JSONValue = ["prompt": "once", "idempotency_key": "k", "wait_for": "submitted"]
            processes[0].send(.request("first", "generate", params))
            try await bench.bill { $0["creates_received"] == 1 }
            sendToAll(processes, 50, params)
            let first = try await processes[0].response(to: "first")
            #expect(first["result"]?["charged"] == "yes")
            for answer in try await answers(50, of: processes) {
                #expect(answer["result"]?["id"] == first["result"]?["id"], "\(answer)")
                #expect(answer["result"]?["task_id"] == first["result"]?["task_id"])
            }
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func aRefusedTaskFreesItsKeyInEveryProcess() async throws {
        try await Bench.run { bench in
            let (one, two) = (try bench.start(), try bench.start())
            let forbidden: JSONValue = ["prompt": "forbidden", "idempotency_key": "k"]
            let refused = try await one.ask("generate", forbidden)
            #expect(refused["state"] == "failed")
            #expect(refused["charged"] == "no")
            let params: JSONValue = ["prompt": "a hill", "idempotency_key": "k", "wait_for": "stored"]
            let task = try await two.ask("generate", params)
            #expect(task["state"] == "stored")
            #expect(task["id"] != refused["id"])
            #expect(try await bench.paidTasks() == 1)
        }
    }

    @Test func oneExternalIDIsOneTaskInAllProcesses() async throws {
        try await Bench.run { bench in
            let (one, two) = (try bench.start(), try bench.start())
            let params: JSONValue = ["prompt": "p", "external_task_id": "mine", "wait_for": "stored"]
            let first = try await one.ask("generate", params)
            #expect(first["external_task_id"] == "mine")
            let refusal = try await two.refusal(of: "generate", params)
            #expect(refusal["data"]?["kind"] == "conflict")
            #expect(refusal["data"]?["pointer"] == "/external_task_id")
            #expect(refusal["message"]?.stringValue?.contains(first["id"]?.stringValue ?? "?") == true)
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func aWatchThatIsCancelledElsewhereEndsTheWaitsHere() async throws {
        try await Bench.run({ $0.timeScale = 100 }) { bench in
            let (one, two) = (try bench.start(), try bench.start())
            let id = try #require(try await one.ask("generate", ["prompt": "slow"])["id"])
            one.send(.request("wait", "status", ["id": id, "wait_for": "stored"]))
            // Answered after the wait has begun.
            _ = try await one.ask("server-info")
            let begin = Date()
            #expect(try await two.ask("cancel-watch", ["id": id])["watch"] == "cancelled")
            let ended = try await one.response(to: "wait")
            print("cancelled elsewhere: the wait ended after \(-begin.timeIntervalSinceNow) s")
            #expect(ended["result"]?["watch"] == "cancelled")
            #expect(ended["result"]?["state"] != "stored")
            for process in [one, two] {
                #expect(try await process.ask("status", ["id": id])["watch"] == "cancelled")
            }
        }
    }

    @Test func aWaitForAnotherProcesssTaskEndsWhenThatOneHasStoredIt() async throws {
        try await Bench.run({ $0.timeScale = 0.3 }) { bench in
            let (one, two) = (try bench.start(), try bench.start())
            let id = try #require(try await one.ask("generate", ["prompt": "p"])["id"])
            let task = try await two.end(of: id)
            try await bench.expectStored([task])
            #expect(try await one.end(of: id) == task)
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func whoWaitsForTheTaskOfAProcessThatIsKilledTakesItOver() async throws {
        try await Bench.run({ $0.timeScale = 1 }) { bench in
            let (one, two) = (try bench.start(), try bench.start())
            let id = try #require(try await one.ask("generate", ["prompt": "p"])["id"])
            two.send(.request("wait", "status", ["id": id, "wait_for": "stored"]))
            _ = try await two.ask("server-info")
            one.signal(SIGKILL)
            #expect(await one.exitCode() == -SIGKILL)
            try await bench.expectStored([#require(two.response(to: "wait")["result"])])
            try await bench.expectPaidOnce(1)
        }
    }
}
