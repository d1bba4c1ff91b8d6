import JSON
import KlingSimulator
import Testing

/// What a client missed while it was away.
@Suite(.timeLimit(.minutes(10))) struct EventsTests {
    private func events(
        _ klingd: KlingdProcess,
        _ params: JSONValue = [:]
    ) async throws -> (events: [JSONValue], next: JSONValue) {
        let answer = try await klingd.ask("events", params)
        return (try #require(answer["events"]?.arrayValue), try #require(answer["next"]))
    }

    private func ids(_ events: [JSONValue]) -> [JSONValue?] { events.map { $0["task"]?["id"] } }

    @Test func allTasksInTheOrderOfChangeAndLaterOnlyWhatChanged() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            for index in 1...5 {
                _ = try await klingd.ask("generate", ["prompt": .string("p\(index)"), "wait_for": "stored"])
            }
            let (all, end) = try await events(klingd)
            #expect(all.map { $0["task"]?["request"]?["prompt"] } == (1...5).map { .string("p\($0)") })
            #expect(all.allSatisfy { $0["task"]?["state"] == "stored" })
            let sequences = all.compactMap { $0["seq"]?.integerValue }
            #expect(sequences == Set(sequences).sorted() && sequences.count == 5)

            // In pages, the same.
            var pages: [JSONValue] = []
            var cursor: JSONValue?
            for size in [2, 2, 1, 0] {
                var params: JSONObject = ["limit": 2]
                params["after"] = cursor
                let page = try await events(klingd, .object(params))
                #expect(page.events.count == size)
                pages += page.events
                cursor = page.next
            }
            #expect(pages == all)
            #expect(cursor == end)

            let latest = try #require(try await klingd.ask("server-info")["events_cursor"])
            #expect(latest == end)
            #expect(try await events(klingd, ["after": latest]).events == [])
            let sixth = try await klingd.ask("generate", ["prompt": "p6", "wait_for": "stored"])
            #expect(try await events(klingd, ["after": latest]).events.map { $0["task"] } == [sixth])
        }
    }

    @Test func aCursorOfAnotherLedgerIsRefused() async throws {
        try await Bench.run { bench in
            let (klingd, other) = (try bench.start(), try bench.start(state: "another"))
            let foreign = try #require(try await other.ask("server-info")["events_cursor"])
            for cursor in [foreign, "nonsense", "", ".1"] as [JSONValue] {
                let refusal = try await klingd.refusal(of: "events", ["after": cursor])
                #expect(refusal["code"] == -32602)
                #expect(refusal["data"]?["kind"] == "invalid_params")
                #expect(refusal["data"]?["pointer"] == "/after")
            }
        }
    }

    @Test func whoWasAwayLearnsWhatItWouldHaveBeenTold() async throws {
        try await Bench.run { bench in
            let away = try bench.start()
            let before = try #require(try await away.ask("server-info")["events_cursor"])
            away.closeInput()
            #expect(await away.exitCode() == 0)

            let klingd = try bench.start()
            for index in 1...6 {
                let prompt = index == 3 ? "forbidden" : "p\(index)"
                let params: JSONValue = ["prompt": .string(prompt), "wait_for": "stored"]
                klingd.send(.request(.integer(Int64(index)), "generate", params))
            }
            for index in 1...6 { _ = try await klingd.response(to: .integer(Int64(index))) }
            klingd.closeInput()
            #expect(await klingd.exitCode() == 0)
            var told: [JSONValue] = []
            for message in klingd.messages where message["method"] == "task-updated" {
                let update = try #require(message["params"])
                told.removeAll { $0["task"]?["id"] == update["task"]?["id"] }
                told.append(update)
            }
            #expect(told.count == 6)

            let back = try bench.start()
            #expect(try await events(back, ["after": before]).events == told)
        }
    }
}
