import JSON
import KlingSimulator
import Testing

/// `klingd bill`: what it came to, and what the provider has that klingd cannot account for.
@Suite(.timeLimit(.minutes(10))) struct BillTests {
    /// The outcome of `klingd bill`.
    private func bill(_ bench: Bench, _ flags: [String] = ["--json"]) async throws -> (code: Int32, lines: [String]) {
        let process = try bench.start(flags, command: "bill")
        let code = await process.exitCode()
        return (code, process.lines)
    }

    /// Two tasks of three images that are paid, and one that is refused.
    private func generate(_ bench: Bench) async throws -> [JSONValue] {
        let klingd = try bench.start()
        var tasks: [JSONValue] = []
        for (prompt, n) in [("p", 1), ("q", 2), ("forbidden", 1)] as [(JSONValue, JSONValue)] {
            tasks.append(try await klingd.ask("generate", ["prompt": prompt, "n": n, "wait_for": "stored"]))
        }
        klingd.closeInput()
        #expect(await klingd.exitCode() == 0)
        return tasks
    }

    private func expectDays(_ report: JSONValue) {
        let days = report["days"]?.arrayValue ?? []
        #expect(days.count == 2)
        let paid = days.first { $0["charged"] == "yes" }
        #expect(paid?["tasks"] == 2)
        #expect(paid?["images"] == 3)
        #expect(paid?["units"]?.numberValue == 24)
        let free = days.first { $0["charged"] == "no" }
        #expect(free?["tasks"] == 1)
        #expect(free?["units"]?.numberValue == 0)
        #expect(paid?["day"]?.stringValue?.count == 10)
    }

    @Test func tasksImagesAndUnitsAreSummedByDayAndCharge() async throws {
        try await Bench.run { bench in
            _ = try await generate(bench)
            let (code, lines) = try await bill(bench)
            #expect(code == 0)
            let report = try JSONValue.parse(try #require(lines.first))
            #expect(lines.count == 1)
            expectDays(report)
            #expect(report["discrepancies"] == [])
            #expect(report["provider_list"]?.stringValue?.contains("no list") == true)

            let text = try await bill(bench, [])
            #expect(text.code == 0)
            #expect(
                text.lines.first?.split(separator: " ").prefix(5) == ["day", "charged", "tasks", "images", "units"]
            )
            let row = text.lines.first { $0.contains(" yes ") }
            #expect(row?.split(separator: " ").dropFirst(2).prefix(2) == ["2", "3"])
        }
    }

    @Test func jobsThatTheLedgerCannotAccountForAreNamed() async throws {
        try await Bench.run({ $0.dialect = .kling }) { bench in
            let tasks = try await generate(bench)
            let (code, lines) = try await bill(bench)
            #expect(code == 0, "all is accounted for: \(lines)")

            let path = "/v1/images/generations"
            try await bench.post(path, ["model_name": "kling-v3", "prompt": "by another program"])
            let name = try #require(tasks[0]["external_task_id"])
            try await bench.post(path, ["model_name": "kling-v3", "prompt": "twice", "external_task_id": name])
            let made = try #require(try await bench.bill()["tasks"]?.arrayValue?.suffix(2).map { $0["task_id"] })

            let second = try await bill(bench)
            #expect(second.code == 1)
            let report = try JSONValue.parse(try #require(second.lines.first))
            expectDays(report)
            let found = report["discrepancies"]?.arrayValue ?? []
            #expect(found.filter { $0["kind"] == "unknown_here" }.map { $0["task_id"] } == made)
            let again = found.filter { $0["kind"] == "paid_again" }
            #expect(again.map { $0["task_id"] } == [made.last])
            #expect(again.first?["external_task_id"] == name)

            let text = try await bill(bench, [])
            #expect(text.code == 1)
            #expect(text.lines.contains { $0.hasPrefix("unknown_here: task_id \(made[0]?.stringValue ?? "?")") })
        }
    }

    @Test func theSimulatorInsideAProcessHasNone() async throws {
        let klingd = try KlingdProcess(["bill", "--provider", "simulator"])
        #expect(await klingd.exitCode() == 2)
        #expect(await klingd.allErrors().contains("--base-url"))
        #expect(klingd.lines == [])
    }
}
