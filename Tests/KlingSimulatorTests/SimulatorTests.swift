import AsyncHTTPClient
import JSON
import NIOCore
import NIOHTTP1
import Testing

@testable import KlingSimulator

/// The whole simulator through a real socket. No test waits for a task: the simulator's clock is set forward.
@Suite(.timeLimit(.minutes(1))) struct SimulatorTests {
    @Test func fromPromptToPicture() async throws {
        try await Simulator.whileRunning(configuration()) { address in
            let caller = Caller(address)
            let created = try await caller.create(#"{"prompt":"a lighthouse","n":2,"aspect_ratio":"3:2"}"#)
            #expect(created.status == 200)
            let id = try #require(created.json["data"]?["task_id"]?.stringValue)
            #expect(try await caller.lookUp(id).json["data"]?["task_status"] == "submitted")
            try await caller.advance(milliseconds: 12_000)

            let done = try await caller.lookUp(id)
            #expect(done.json["data"]?["task_status"] == "succeed")
            let images = try #require(done.json["data"]?["task_result"]?["images"]?.arrayValue)
            #expect(images.count == 2)
            for image in images {
                let url = try #require(image["url"]?.stringValue)
                #expect(url.hasPrefix(address.url + "/bs2/upload-kling-api/"))
                let file = try await caller.send(.GET, url, key: nil)
                #expect(file.headers["content-type"] == ["image/png"])
                #expect(file.headers["content-length"] == [String(file.body.count)])
                let picture = try PNGDecoder(file.body)
                #expect(picture.width == 1248 && picture.height == 832)
            }
            let again = try await caller.send(.GET, #require(images[0]["url"]?.stringValue), key: nil)
            let first = try await caller.send(.GET, #require(images[0]["url"]?.stringValue), key: nil)
            #expect(again.body == first.body)
        }
    }

    @Test func aTaskIsFoundByItsExternalIdHoweverItIsEscaped() async throws {
        try await Simulator.whileRunning(configuration()) { address in
            let caller = Caller(address)
            _ = try await caller.create(#"{"prompt":"x","external_task_id":"a b/ü"}"#)
            #expect(try await caller.lookUp("a%20b%2F%C3%BC").json["code"] == 0)
            #expect(try await caller.lookUp("a%20b").json["code"] == "task_not_exist")
        }
    }

    @Test func refusalsSpeakTheGatewaysAndTheProvidersLanguage() async throws {
        try await Simulator.whileRunning(configuration()) { address in
            let caller = Caller(address)
            let stranger = try await caller.send(.POST, Caller.generations, body: #"{"prompt":"x"}"#, key: nil)
            #expect(stranger.status == 401)
            #expect(stranger.json["error"]?["type"] == "comet_api_error")
            let bad = try await caller.create(#"{"prompt":"x","n":10}"#)
            #expect(bad.status == 400)
            #expect(bad.json["code"] == 1201)
            #expect(bad.json["request_id"]?.stringValue?.count == 36)
            let bill = try await caller.bill()
            #expect(bill["paid_tasks"] == 0)
            #expect(bill["refused"] == 2)
        }
    }

    @Test func unknownPathsLeadToAPageForPeople() async throws {
        try await Simulator.whileRunning(configuration()) { address in
            let caller = Caller(address)
            for path in ["/v1/images/generations", Caller.generations, "/kling/v1/images/omni-image"] {
                let reply = try await caller.send(.GET, path)
                #expect(reply.status == 301)
                #expect(reply.headers["content-type"]?.first?.hasPrefix("text/html") == true)
            }
        }
    }

    @Test func aCutLeavesTheCallerWithoutAnAnswerAndThePaidTaskToBeFound() async throws {
        var configuration = configuration()
        configuration.faults = [Fault(on: .create, .takenThenCut)]
        try await Simulator.whileRunning(configuration) { address in
            let caller = Caller(address)
            await #expect(throws: (any Error).self) {
                try await caller.create(#"{"prompt":"x","external_task_id":"mine"}"#)
            }
            let found = try await caller.lookUp("mine")
            #expect(found.status == 200)
            #expect(try await caller.bill()["paid_tasks"] == 1)
        }
    }

    @Test func anImageCutHalfWayFailsTheDownload() async throws {
        try await Simulator.whileRunning(configuration()) { address in
            let caller = Caller(address)
            let created = try await caller.create(#"{"prompt":"x"}"#)
            let id = try #require(created.json["data"]?["task_id"]?.stringValue)
            try await caller.advance(milliseconds: 12_000)
            let images = try await caller.lookUp(id).json["data"]?["task_result"]?["images"]
            let url = try #require(images?[0]?["url"]?.stringValue)
            try await caller.addFaults(#"{"on":"image","kind":"partial_body"}"#)
            await #expect(throws: (any Error).self) { try await caller.send(.GET, url, key: nil) }
            #expect(try await caller.send(.GET, url, key: nil).status == 200)
        }
    }

    @Test func faultsAreAddedExplainedAndCleared() async throws {
        try await Simulator.whileRunning(configuration()) { address in
            let caller = Caller(address)
            try await caller.addFaults(#"{"on":"create","kind":"status","status":429,"retry_after":3,"times":-1}"#)
            let throttled = try await caller.create(#"{"prompt":"x"}"#)
            #expect(throttled.status == 429)
            #expect(throttled.headers["retry-after"] == ["3"])
            #expect(try await caller.send(.DELETE, "/_simulator/faults").status == 200)
            #expect(try await caller.create(#"{"prompt":"x"}"#).status == 200)
        }
    }

    @Test(arguments: [
        (#"{"faults":[{"on":"create","kind":"meteor"}]}"#, "taken_then_cut"),
        (#"{"faults":[{"on":"moon","kind":"cut"}]}"#, "look_up"),
        (#"{"faults":[{"on":"create","kind":"expired"}]}"#, "image only"),
        (#"{"faults":[{"on":"create","kind":"cut","tmes":2}]}"#, "did you mean 'times'"),
        (#"{"faults":[7]}"#, "/faults/0"),
        ("{}", "'faults' is missing"),
        ("", "not JSON"),
    ])
    func aWrongFaultIsRefusedWithWhatIsRight(body: String, hint: String) async throws {
        try await Simulator.whileRunning(configuration()) { address in
            let reply = try await Caller(address).send(.POST, "/_simulator/faults", body: body)
            #expect(reply.status == 400)
            #expect(reply.json["error"]?.stringValue?.contains(hint) == true)
        }
    }

    @Test func aDelayedAnswerComesLate() async throws {
        var configuration = configuration()
        configuration.faults = [Fault(on: .lookUp, .delay, delayMilliseconds: 150)]
        try await Simulator.whileRunning(configuration) { address in
            let caller = Caller(address)
            let waited = try await ContinuousClock().measure { _ = try await caller.lookUp("1") }
            #expect(waited >= .milliseconds(150))
        }
    }

    @Test func healthIsTold() async throws {
        try await Simulator.whileRunning(configuration()) { address in
            let reply = try await Caller(address).send(.GET, "/_simulator/health", key: nil)
            #expect(reply.json == ["status": "ok"])
            #expect(try await Caller(address).send(.GET, "/_simulator/nothing").status == 404)
        }
    }

    @Test func whoRunsItLearnsThePortAndMayUseItAndCancellingEndsIt() async throws {
        let simulator = Simulator(configuration())
        let (addresses, announce) = AsyncStream.makeStream(of: SimulatorAddress.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await simulator.run { address in
                    let reply = try? await Caller(address).send(.GET, "/_simulator/health")
                    #expect(reply?.status == 200)
                    announce.yield(address)
                }
            }
            var iterator = addresses.makeAsyncIterator()
            let address = try #require(await iterator.next())
            group.cancelAll()
            try await group.waitForAll()
            await #expect(throws: (any Error).self) { try await Caller(address).send(.GET, "/_simulator/health") }
        }
    }

    @Test func anAnswerStillDelayedDoesNotKeepItFromEnding() async throws {
        var configuration = configuration()
        configuration.faults = [Fault(on: .lookUp, .delay, delayMilliseconds: 3_600_000)]
        let waited = try await ContinuousClock().measure {
            try await withThrowingTaskGroup(of: Void.self) { group in
                try await Simulator.whileRunning(configuration) { address in
                    let caller = Caller(address)
                    group.addTask { _ = try? await caller.lookUp("1") }
                    while try await caller.bill()["look_ups"] == 0 { await Task.yield() }
                }
                try await group.waitForAll()
            }
        }
        #expect(waited < .seconds(20))
    }

    @Test func aTakenPortIsAnError() async throws {
        try await Simulator.whileRunning(configuration()) { address in
            var second = configuration()
            second.port = address.port
            await #expect(throws: (any Error).self) { try await Simulator.whileRunning(second) { _ in } }
        }
    }

    private func configuration() -> SimulatorConfiguration {
        var configuration = SimulatorConfiguration()
        configuration.seed = 1
        return configuration
    }
}

/// A client of one simulator.
private struct Caller: Sendable {
    static let generations = "/kling/v1/images/generations"

    struct Answer {
        var status: Int
        var headers: [String: [String]] = [:]
        var body: [UInt8]
        var json: JSONValue { (try? JSONValue.parse(body)) ?? .null }
    }

    private let base: String

    init(_ address: SimulatorAddress) {
        base = address.url
    }

    func create(_ body: String) async throws -> Answer { try await send(.POST, Self.generations, body: body) }

    func lookUp(_ id: String) async throws -> Answer { try await send(.GET, "\(Self.generations)/\(id)") }

    func bill() async throws -> JSONValue { try await send(.GET, "/_simulator/bill").json }

    func advance(milliseconds: Int) async throws {
        let answer = try await send(.POST, "/_simulator/clock", body: #"{"advance_ms":\#(milliseconds)}"#)
        try #require(answer.status == 200)
    }

    func addFaults(_ faults: String) async throws {
        let answer = try await send(.POST, "/_simulator/faults", body: #"{"faults":[\#(faults)]}"#)
        try #require(answer.status == 200)
    }

    /// Sends to a path of the simulator or to a whole URL.
    func send(
        _ method: HTTPMethod,
        _ target: String,
        body: String? = nil,
        key: String? = "key"
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: target.hasPrefix("/") ? base + target : target)
        request.method = method
        if let key { request.headers.add(name: "authorization", value: "Bearer \(key)") }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await noRedirects.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 8 << 20)
        var answer = Answer(status: Int(response.status.code), body: Array(bytes.readableBytesView))
        for header in response.headers { answer.headers[header.name.lowercased(), default: []].append(header.value) }
        return answer
    }
}

/// Lives as long as the test process does, like the shared client of the library; that one follows redirects.
private let noRedirects: HTTPClient = {
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    // A simulator that has ended is to be seen at once.
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
}()
