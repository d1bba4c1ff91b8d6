import JSON
import Testing

@testable import KlingSimulator

/// The provider without HTTP: time is what the test says it is.
@Suite struct ProviderTests {
    @Test func aTaskIsAnsweredFoundFinishedAndBilledOnce() throws {
        var provider = Provider(configuration())
        let created = try json(create(&provider, externalID: "mine"))
        #expect(created["code"] == 0)
        #expect(created["message"] == "SUCCEED")
        #expect(created["data"]?["task_status"] == "submitted")
        #expect(created["data"]?["task_result"] == .null)
        #expect(created["data"]?["task_info"] == ["external_task_id": "mine"])
        let id = try #require(created["data"]?["task_id"]?.stringValue)
        #expect(id.count == 18)

        let running = try json(lookUp(&provider, id, at: 3000))
        #expect(running["data"]?["task_status"] == "processing")
        #expect(running["data"]?["task_result"] == [:])
        let done = try json(lookUp(&provider, "mine", at: 12_000))
        #expect(done["data"]?["task_status"] == "succeed")
        #expect(done["data"]?["final_unit_deduction"] == "16")
        let images = try #require(done["data"]?["task_result"]?["images"]?.arrayValue)
        #expect(images.compactMap { $0["index"] } == [0, 1])

        let bill = provider.billed(at: 12_000)
        #expect(bill["paid_tasks"] == 1)
        #expect(bill["units"] == 16)
        #expect(bill["look_ups"] == 2)
        #expect(bill["tasks"]?[0]?["look_ups"] == 2)
        #expect(bill["tasks"]?[0]?["status"] == "succeed")
    }

    @Test func theSameSeedGivesTheSameIdsTimesAndPictures() throws {
        func run(seed: UInt64) throws -> [JSONValue?] {
            var configuration = configuration()
            configuration.seed = seed
            var provider = Provider(configuration)
            return try (0..<3).flatMap { number in
                let id = try taskID(create(&provider, externalID: "\(number)"))
                let done = try json(lookUp(&provider, id, at: 20_000))
                return [.string(id), done["data"]?["updated_at"], done["data"]?["task_result"]]
            }
        }
        #expect(try run(seed: 5) == run(seed: 5))
        #expect(try run(seed: 5) != run(seed: 6))
    }

    @Test func taskIdsAreUniqueAndGrow() throws {
        var provider = Provider(configuration())
        let ids = try (0..<500).map { _ in try #require(UInt64(taskID(create(&provider)))) }
        #expect(zip(ids, ids.dropFirst()).allSatisfy(<))
    }

    @Test func slotsCountImagesAndAreFreedAtTheEnd() throws {
        var configuration = configuration()
        configuration.slots = 5
        var provider = Provider(configuration)
        _ = try taskID(create(&provider))
        _ = try taskID(create(&provider))
        let throttled = create(&provider)
        #expect(throttled.status == 429)
        #expect(try json(throttled)["code"] == 1303)
        _ = try taskID(create(&provider, n: 1))
        _ = try taskID(create(&provider, n: 5, at: 12_000))
        let bill = provider.billed(at: 12_000)
        #expect(bill["paid_tasks"] == 4)
        #expect(bill["throttled"] == 1)
    }

    @Test func nobodyPaysForWhatIsRefused() throws {
        var provider = Provider(configuration())
        #expect(try json(create(&provider, prompt: "something Forbidden"))["code"] == 1301)
        #expect(provider.create(.failure(.parameter("no")), authorization: "Bearer k", at: 0).status == 400)
        #expect(provider.create(.success(request()), authorization: nil, at: 0).status == 401)
        let bill = provider.billed(at: 0)
        #expect(bill["paid_tasks"] == 0)
        #expect(bill["refused"] == 3)
        #expect(bill["creates_received"] == 3)
    }

    @Test func riskControlStrikesAfterAcceptance() throws {
        var provider = Provider(configuration())
        let id = try taskID(create(&provider, prompt: "test of the Risk Control"))
        let failed = lookUp(&provider, id, at: 12_000)
        #expect(failed.status == 200)
        #expect(try json(failed)["code"] == 0)
        #expect(try json(failed)["data"]?["task_status"] == "failed")
        #expect(try json(failed)["data"]?["task_status_msg"] == "Failure to pass the risk control system")
    }

    @Test func aKeyIsAskedForAndComparedWhenOneIsSet() {
        var configuration = configuration()
        configuration.apiKey = "right"
        var provider = Provider(configuration)
        for wrong in [nil, "", "right", "Bearer", "Bearer ", "Bearer wrong", "Basic right"] {
            #expect(provider.lookUp("1", authorization: wrong, base: "", at: 0).status == 401)
        }
        #expect(provider.lookUp("1", authorization: "bearer right", base: "", at: 0).status == 400)
    }

    @Test func externalIdsAreFoundOrNotAndRefusedTwiceOrNotAsConfigured() throws {
        var lenient = Provider(configuration())
        let first = try taskID(create(&lenient, externalID: "a"))
        _ = try taskID(create(&lenient, externalID: "a"))
        #expect(try taskID(lookUp(&lenient, "a")) == first)
        #expect(lenient.billed(at: 0)["tasks"]?[0]?["creates"] == 2)

        var configuration = configuration()
        configuration.findsByExternalID = false
        configuration.refusesDuplicateExternalIDs = true
        var strict = Provider(configuration)
        _ = try taskID(create(&strict, externalID: "a"))
        #expect(try json(create(&strict, externalID: "a"))["code"] == 1201)
        #expect(try json(lookUp(&strict, "a"))["code"] == "task_not_exist")
        #expect(strict.billed(at: 0)["paid_tasks"] == 1)
    }

    @Test func theCurrentPageAnswersACreateWithoutStatus() throws {
        var configuration = configuration()
        configuration.limits = .current
        var provider = Provider(configuration)
        let data = try #require(try json(create(&provider))["data"])
        #expect(data["task_status"] == nil)
        #expect(data["task_result"] == [:])
    }

    @Test func anAddressIsGoodUntouchedAndUntilItExpires() throws {
        var configuration = configuration()
        configuration.urlLifetime = .seconds(60)
        var provider = Provider(configuration)
        let id = try taskID(create(&provider))
        let url = try firstURL(lookUp(&provider, id, at: 20_000))
        #expect(url.contains("/image/\(id)-0_raw_image_0.png?x-kcdn-pid="))
        #expect(image(&provider, url, at: 79_999) == 200)
        #expect(image(&provider, url, at: 80_000) == 403)
        let fresh = try firstURL(lookUp(&provider, id, at: 80_000))
        #expect(image(&provider, fresh, at: 80_000) == 200)

        #expect(image(&provider, String(fresh.prefix { $0 != "?" }), at: 80_000) == 403)
        #expect(image(&provider, fresh.replacing("expires=1", with: "expires=2"), at: 80_000) == 403)
        #expect(image(&provider, fresh.replacing("\(id)-0", with: "\(id)-1"), at: 80_000) == 403)
        #expect(image(&provider, fresh.replacing("x-kcdn-pid=112372&", with: ""), at: 80_000) == 403)
    }

    @Test func aKeyShownToTheImageHostIsOnTheBill() throws {
        var provider = Provider(configuration())
        _ = provider.image(path: "/bs2/upload-kling-api/x", query: "", hasCredentials: true, at: 0)
        _ = provider.image(path: "/bs2/upload-kling-api/x", query: "", hasCredentials: false, at: 0)
        #expect(provider.billed(at: 0)["image_requests"] == 2)
        #expect(provider.billed(at: 0)["image_requests_with_key"] == 1)
    }

    @Test func memoryIsBoundedByForgettingTheOldest() throws {
        var provider = Provider(configuration(), mostTasks: 100)
        let first = try taskID(create(&provider, externalID: "first"))
        for _ in 0..<100 { _ = create(&provider) }
        #expect(lookUp(&provider, first).status == 400)
        #expect(lookUp(&provider, "first").status == 400)
        let bill = provider.billed(at: 0)
        #expect(bill["paid_tasks"] == 101)
        #expect(bill["tasks"]?.arrayValue?.count == 100)
    }
}

/// What each kind of fault does to answers and to the bill.
@Suite struct ProviderFaultTests {
    @Test(arguments: [
        (Fault.Kind.cut, 0, 0), (.html, 200, 0), (.redirect, 301, 0), (.status, 500, 0), (.codeNull, 200, 0),
        (.delay, 200, 1), (.takenThenCut, 0, 1), (.takenThenStatus, 504, 1), (.takenInvisible, 200, 1),
        (.brokenJSON, 200, 1), (.codeAsString, 200, 1), (.noTaskStatus, 200, 1), (.failedTask, 200, 1),
        (.lateCreate, 0, 0),
    ])
    func aCreateIsTakenOrNotAndAnsweredOrNot(kind: Fault.Kind, status: Int, paid: Int64) {
        var provider = Provider(configuration(Fault(on: .create, kind, delayMilliseconds: 10)))
        #expect(create(&provider).status == status)
        #expect(provider.billed(at: 0)["paid_tasks"] == .integer(paid))
        #expect(create(&provider).status == 200)
    }

    @Test func aTakenTaskCanBeHiddenForAWhile() throws {
        var provider = Provider(configuration(Fault(on: .create, .takenThenCut, delayMilliseconds: 5000)))
        #expect(create(&provider, externalID: "x") == .closed)
        #expect(try json(lookUp(&provider, "x", at: 4999))["code"] == "task_not_exist")
        #expect(try json(lookUp(&provider, "x", at: 5000))["data"]?["task_status"] == "processing")
    }

    @Test func aLateCreateAppearsAndIsBilledWhenItArrives() throws {
        var provider = Provider(configuration(Fault(on: .create, .lateCreate, delayMilliseconds: 5000)))
        #expect(create(&provider, externalID: "x") == .closed)
        #expect(provider.billed(at: 4999)["paid_tasks"] == 0)
        #expect(lookUp(&provider, "x", at: 4999).status == 400)
        let data = try json(lookUp(&provider, "x", at: 30_000))["data"]
        #expect(data?["created_at"] == 5000)
        #expect(data?["task_status"] == "succeed")
        #expect(provider.billed(at: 30_000)["paid_tasks"] == 1)
    }

    @Test func aLateCreateWhoseExternalIdIsUsedMeanwhileIsRefusedWhereDuplicatesAre() throws {
        var configuration = configuration(Fault(on: .create, .lateCreate, delayMilliseconds: 5000))
        configuration.refusesDuplicateExternalIDs = true
        var provider = Provider(configuration)
        #expect(create(&provider, externalID: "x") == .closed)
        _ = try taskID(create(&provider, externalID: "x", at: 1000))
        #expect(provider.billed(at: 9000)["paid_tasks"] == 1)
    }

    @Test func aFaultOfTakenCreatesWaitsForOneThatIsTaken() {
        var provider = Provider(configuration(Fault(on: .create, .takenThenCut)))
        #expect(create(&provider, prompt: "forbidden").status == 400)
        #expect(create(&provider) == .closed)
    }

    @Test func statusBodyAndRetryAfterAreAsAskedFor() throws {
        let fault = Fault(
            on: .create,
            .status,
            status: 503,
            retryAfter: 7,
            body: #"{"error":{"code":"model_not_found"}}"#
        )
        var provider = Provider(configuration(fault))
        let reply = create(&provider)
        #expect(reply.status == 503)
        #expect(reply.retryAfter == 7)
        #expect(try json(reply)["error"]?["code"] == "model_not_found")
    }

    @Test(arguments: [(429, 1302), (500, 5000), (503, 5001), (504, 5002)])
    func anErrorStatusBringsTheProvidersCode(status: Int, code: Int64) throws {
        var provider = Provider(configuration(Fault(on: .lookUp, .status, status: status)))
        #expect(try json(lookUp(&provider, "1"))["code"] == .integer(code))
    }

    @Test func aFailedTaskFailsWithTheGivenMessage() throws {
        var provider = Provider(configuration(Fault(on: .create, .failedTask, body: "out of paint")))
        let id = try taskID(create(&provider))
        #expect(try json(lookUp(&provider, id, at: 12_000))["data"]?["task_status_msg"] == "out of paint")
    }

    @Test func answersOfFinishedTasksCanBeOdd() throws {
        func data(_ kind: Fault.Kind) throws -> JSONValue? {
            var provider = Provider(configuration(Fault(on: .lookUp, kind)))
            let id = try taskID(create(&provider))
            // Before the end there is nothing to spoil: the fault waits.
            #expect(try json(lookUp(&provider, id, at: 1))["data"]?["task_status"] == "submitted")
            return try json(lookUp(&provider, id, at: 12_000))["data"]
        }
        #expect(try data(.succeededWord)?["task_status"] == "succeeded")
        #expect(try data(.taskResultNull)?["task_result"] == .null)
        #expect(try data(.fewerImages)?["task_result"]?["images"]?.arrayValue?.count == 1)
        let images = try #require(try data(.noIndex)?["task_result"]?["images"]?.arrayValue)
        #expect(images.count == 2)
        #expect(images.allSatisfy { $0["index"] == nil && $0["url"]?.stringValue != nil })
    }

    @Test func anyLookUpCanBeOdd() throws {
        func answer(_ kind: Fault.Kind) throws -> Reply {
            var provider = Provider(configuration(Fault(on: .lookUp, kind)))
            return lookUp(&provider, try taskID(create(&provider)))
        }
        #expect(try json(answer(.codeAsString))["code"] == "0")
        #expect(try json(answer(.codeNull))["code"] == .null)
        #expect(try json(answer(.noTaskStatus))["data"]?["task_status"] == nil)
        #expect(try json(answer(.taskNotExist))["code"] == "task_not_exist")
        #expect(try answer(.redirect).location == "/")
        #expect(try answer(.cut) == .closed)
        let broken = try answer(.brokenJSON)
        #expect(throws: (any Error).self) { try json(broken) }
    }

    @Test func imagesCanGoWrong() throws {
        func reply(_ kind: Fault.Kind) throws -> Reply {
            var provider = Provider(configuration(Fault(on: .image, kind)))
            let id = try taskID(create(&provider))
            let url = try firstURL(lookUp(&provider, id, at: 12_000))
            let parts = url.split(separator: "?").map(String.init)
            return provider.image(path: parts[0], query: parts[1], hasCredentials: false, at: 12_000)
        }
        #expect(try reply(.expired).status == 403)
        #expect(try reply(.wrongBody) == .page(status: 200))
        guard case .picture(_, isCut: true) = try reply(.partialBody).content else {
            Issue.record("the image is not cut")
            return
        }
    }
}

private func configuration(_ faults: Fault...) -> SimulatorConfiguration {
    var configuration = SimulatorConfiguration()
    configuration.seed = 1
    configuration.faults = faults
    return configuration
}

private func request(prompt: String = "a cat", n: Int = 2, externalID: String? = nil) -> GenerationRequest {
    GenerationRequest(prompt: prompt, n: n, size: AspectRatio.square.size, externalTaskID: externalID)
}

private func create(
    _ provider: inout Provider,
    prompt: String = "a cat",
    n: Int = 2,
    externalID: String? = nil,
    at now: Int64 = 0
) -> Reply {
    let request = request(prompt: prompt, n: n, externalID: externalID)
    return provider.create(.success(request), authorization: "Bearer key", at: now)
}

private func lookUp(_ provider: inout Provider, _ id: String, at now: Int64 = 0) -> Reply {
    provider.lookUp(id, authorization: "Bearer key", base: "", at: now)
}

private func image(_ provider: inout Provider, _ url: String, at now: Int64) -> Int {
    let parts = url.split(separator: "?", maxSplits: 1).map(String.init)
    let query = parts.count == 2 ? parts[1] : ""
    return provider.image(path: parts[0], query: query, hasCredentials: false, at: now).status
}

private func json(_ reply: Reply) throws -> JSONValue {
    guard case .bytes(let bytes, "application/json") = reply.content else { return .null }
    return try JSONValue.parse(bytes)
}

private func taskID(_ reply: Reply) throws -> String {
    try #require(json(reply)["data"]?["task_id"]?.stringValue)
}

private func firstURL(_ reply: Reply) throws -> String {
    let images = try json(reply)["data"]?["task_result"]?["images"]
    return try #require(images?[0]?["url"]?.stringValue)
}
