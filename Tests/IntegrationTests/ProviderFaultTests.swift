import JSON
import KlingSimulator
import Testing

/// What a provider gets wrong does not lose what was paid, and is not paid twice.
@Suite(.timeLimit(.minutes(10))) struct ProviderFaultTests {
    /// Generates one task while `faults` are in force and gives its end.
    private func end(
        of params: JSONValue = ["prompt": "p", "n": 2, "wait_for": "stored", "wait_ms": 60_000],
        with faults: [JSONValue],
        _ configure: (inout SimulatorConfiguration) -> Void = { _ in },
        _ check: (JSONValue, JSONValue) throws -> Void
    ) async throws {
        try await Bench.run(configure) { bench in
            for fault in faults { try await bench.fault(fault) }
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", params))
            let answer = try await klingd.response(to: 1)
            try check(try #require(answer["result"], "\(answer)"), try await bench.bill())
        }
    }

    @Test(
        arguments: [
            ["on": "image", "kind": "partial_body"],
            ["on": "image", "kind": "wrong_body"],
            ["on": "image", "kind": "expired"],
            ["on": "image", "kind": "cut"],
            ["on": "image", "kind": "status", "status": 503],
            ["on": "look_up", "kind": "status", "status": 500],
            ["on": "look_up", "kind": "broken_json"],
            ["on": "look_up", "kind": "html"],
            ["on": "look_up", "kind": "cut"],
            ["on": "look_up", "kind": "task_not_exist"],
            ["on": "look_up", "kind": "code_as_string"],
            ["on": "look_up", "kind": "no_index"],
            ["on": "look_up", "kind": "succeeded_word"],
            ["on": "create", "kind": "no_task_status"],
            ["on": "look_up", "kind": "task_result_null"],
            ["on": "create", "kind": "status", "status": 429, "retry_after": 1],
            ["on": "create", "kind": "taken_then_cut"],
            ["on": "create", "kind": "taken_then_status", "status": 503],
            ["on": "create", "kind": "broken_json"],
        ] as [JSONValue]
    )
    func oneFaultOnTheWayStillEndsStoredAndPaidOnce(fault: JSONValue) async throws {
        try await end(with: [fault]) { task, bill in
            #expect(task["state"] == "stored", "\(task)")
            #expect(task["charged"] == "yes")
            #expect(task["images"]?.arrayValue?.count == 2)
            #expect(bill["paid_tasks"] == 1)
        }
    }

    /// Nothing was taken, but klingd cannot know: sending again could pay twice.
    @Test func aCreateThatWasCutIsNotSentAgainAndSaysThatTheChargeIsUnknown() async throws {
        try await Bench.run { bench in
            try await bench.fault(["on": "create", "kind": "cut"])
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", ["prompt": "p", "wait_for": "stored"]))
            let update = try await klingd.message { message in
                let task = message["params"]?["task"]
                return task?["state"] == "unresolved" && (task?["look_ups"]?.integerValue ?? 0) > 0
            }
            #expect(update["params"]?["task"]?["charged"] == "unknown")
            #expect(try await bench.bill()["creates_received"] == 1)
        }
    }

    @Test func fewerImagesThanAskedForAreStoredWithAWarning() async throws {
        try await end(with: [["on": "look_up", "kind": "fewer_images", "times": -1]]) { task, _ in
            #expect(task["state"] == "stored")
            #expect(task["images"]?.arrayValue?.count == 1)
            #expect(task["warnings"] == ["the provider delivered 1 of 2 images"])
        }
    }

    @Test func aRefusedPromptFailsWithoutCharge() async throws {
        try await end(of: ["prompt": "something forbidden", "wait_for": "stored"], with: []) { task, bill in
            #expect(task["state"] == "failed")
            #expect(task["charged"] == "no")
            #expect(task["error"]?["kind"] == "content_policy")
            #expect(task["error"]?["provider"]?["code"] == 1301)
            #expect(bill["paid_tasks"] == 0)
        }
    }

    @Test func aJobThatFailsAtTheProviderSaysWhyAndThatTheChargeIsUnknown() async throws {
        try await end(of: ["prompt": "risk control", "wait_for": "stored"], with: []) { task, _ in
            #expect(task["state"] == "failed")
            #expect(task["charged"] == "unknown")
            #expect(task["task_status"] == "failed")
            #expect(task["task_status_msg"] == "Failure to pass the risk control system")
            #expect(task["error"]?["message"]?.stringValue?.contains("risk control") == true)
        }
    }

    @Test(arguments: [
        (401, #"{"code":1002,"message":"api key not found"}"#, "auth"),
        (429, #"{"code":1102,"message":"Account balance not enough","request_id":"r"}"#, "account"),
        (400, #"{"code":1201,"message":"no","request_id":"r"}"#, "refused"),
        (503, #"{"error":{"code":"model_not_found","message":"no channel","type":"comet_api_error"}}"#, "unsupported"),
    ])
    func certainRefusalsAreNotSentAgain(status: Int, body: String, kind: String) async throws {
        let fault: JSONValue = [
            "on": "create", "kind": "status", "status": .integer(Int64(status)), "body": .string(body), "times": -1,
        ]
        try await end(with: [fault]) { task, bill in
            #expect(task["state"] == "failed", "\(task)")
            #expect(task["charged"] == "no")
            #expect(task["error"]?["kind"] == .string(kind), "\(task)")
            #expect(task["error"]?["provider"]?["http_status"] == .integer(Int64(status)))
            #expect(bill["paid_tasks"] == 0)
        }
    }

    @Test func urlsThatExpireBeforeTheDownloadAreAskedForAgain() async throws {
        try await end(with: [["on": "image", "kind": "expired", "times": 2]]) { task, bill in
            #expect(task["state"] == "stored", "\(task)")
            #expect(bill["paid_tasks"] == 1)
        }
    }

    @Test func anImageHostThatIsDownForAWhileLosesNothing() async throws {
        try await Bench.run { bench in
            try await bench.fault(["on": "image", "kind": "status", "status": 404, "times": 4])
            try await bench.fault(["on": "look_up", "kind": "task_not_exist", "times": 3])
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", ["prompt": "p", "wait_for": "stored"]))
            let troubled = try await klingd.message { $0["params"]?["task"]?["error"]?["kind"] == "image_unavailable" }
            #expect(troubled["params"]?["task"]?["state"] == "storing")
            #expect(troubled["params"]?["task"]?["charged"] == "yes")
            #expect(try await klingd.response(to: 1)["result"]?["state"] == "stored")
            #expect(try await bench.paidTasks() == 1)
        }
    }

    @Test func aSecondTaskUnderOneExternalIDIsRefusedBeforeItCosts() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            let params: JSONValue = ["prompt": "p", "external_task_id": "mine", "wait_for": "stored"]
            klingd.send(.request(1, "generate", params))
            let first = try #require(try await klingd.response(to: 1)["result"])
            #expect(first["state"] == "stored")
            klingd.send(.request(2, "generate", params))
            let error = try #require(try await klingd.response(to: 2)["error"])
            #expect(error["data"]?["kind"] == "conflict")
            #expect(error["data"]?["charged"] == "no")
            #expect(error["data"]?["pointer"] == "/external_task_id")
            #expect(error["message"]?.stringValue?.contains(first["id"]?.stringValue ?? "?") == true)
            #expect(try await bench.bill()["creates_received"] == 1)
        }
    }

    @Test func theKeyIsNeverShownToTheImageHost() async throws {
        try await end(with: []) { _, bill in
            #expect(bill["image_requests"] == 2)
            #expect(bill["image_requests_with_key"] == 0)
        }
    }
}
