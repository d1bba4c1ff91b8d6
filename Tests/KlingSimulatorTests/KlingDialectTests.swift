import AsyncHTTPClient
import Crypto
import JSON
import NIOCore
import NIOHTTP1
import Testing

@testable import KlingSimulator

/// Kling's own face, without HTTP and without a clock.
@Suite struct KlingDialectTests {
    @Test func answersAreThoseOfKlingsPage() throws {
        var provider = Provider(configuration())
        let created = try json(create(&provider, externalID: "mine", at: 1000))
        let id = try #require(created["data"]?["task_id"]?.stringValue)
        #expect(
            created["data"] == [
                "task_id": .string(id), "task_status": "submitted", "task_info": ["external_task_id": "mine"],
                "created_at": 1000, "updated_at": 1000,
            ]
        )
        #expect(created["code"] == 0 && created["message"] == "SUCCEED")
        #expect(created["request_id"]?.stringValue?.count == 36)

        let running = try json(lookUp(&provider, id, at: 4000))["data"]
        #expect(running?["task_status"] == "processing")
        #expect(running?["task_result"] == [:])
        #expect(running?["watermark_info"] == ["enabled": false])
        #expect(running?["final_unit_deduction"] == nil)
        let done = try json(lookUp(&provider, "mine", at: 13_000))["data"]
        #expect(done?["task_status"] == "succeed")
        #expect(done?["task_status_msg"] == "")
        #expect(done?["final_unit_deduction"] == "16")
        #expect(done?["final_balance_deduction"]?["quota"]?.stringValue != nil)
        #expect(done?["final_balance_deduction"]?["list_price"]?.stringValue != nil)
        #expect(done?["task_result"]?["images"]?.arrayValue?.compactMap { $0["index"] } == [0, 1])
        #expect(done?["task_result"]?["images"]?[0]?["watermark_url"] == nil)
    }

    @Test func whatWasNotGivenIsNotEchoed() throws {
        var provider = Provider(configuration())
        #expect(try json(create(&provider))["data"]?["task_info"] == [:])
    }

    @Test func anImageWithAWatermarkIsThereWhenAskedFor() throws {
        let body = #"{"prompt":"x","watermark_info":{"enabled":true}}"#
        var provider = Provider(configuration())
        let request = try GenerationRequest(body: Array(body.utf8), limits: .current)
        let id = try taskID(provider.create(.success(request), authorization: "Bearer key", at: 0))
        let done = try json(lookUp(&provider, id, at: 12_000))["data"]
        #expect(done?["watermark_info"] == ["enabled": true])
        let url = try #require(done?["task_result"]?["images"]?[0]?["watermark_url"]?.stringValue)
        let parts = url.split(separator: "?", maxSplits: 1).map(String.init)
        #expect(provider.image(path: parts[0], query: parts[1], hasCredentials: false, at: 12_000).status == 200)
        #expect(throws: Refusal.parameter("watermark_info.enabled must be true or false")) {
            let wrong = #"{"prompt":"x","watermark_info":{"enabled":1}}"#
            _ = try GenerationRequest(body: Array(wrong.utf8), limits: .current)
        }
    }

    @Test func aTaskThatIsNotThereIs1203() throws {
        var provider = Provider(configuration(Fault(on: .lookUp, .taskNotExist)))
        let id = try taskID(create(&provider))
        for reply in [lookUp(&provider, id), lookUp(&provider, "1"), lookUp(&provider, "nothing")] {
            #expect(reply.status == 404)
            #expect(try json(reply)["code"] == 1203)
            #expect(try json(reply)["data"] == nil)
            #expect(try json(reply)["request_id"]?.stringValue?.count == 36)
        }
        #expect(lookUp(&provider, id).status == 200)
    }

    @Test func errorsAreKlingsOwn() throws {
        var provider = Provider(configuration())
        #expect(try json(provider.create(.failure(.parameter("no")), authorization: "Bearer k", at: 0))["code"] == 1201)
        #expect(try json(create(&provider, prompt: "forbidden"))["code"] == 1301)
        let stray = provider.stray(path: "/", isWrongMethod: false)
        #expect(stray.status == 404)
        #expect(try json(stray)["code"] == 1203)
        let method = provider.stray(path: "/v1/images/generations", isWrongMethod: true)
        #expect(method.status == 404)
        #expect(try json(method)["code"] == 1202)
        #expect(provider.billed(at: 0)["paid_tasks"] == 0)
    }

    @Test(arguments: [(429, 1302), (500, 5000), (503, 5001), (504, 5002)])
    func anErrorStatusBringsKlingsCode(status: Int, code: Int64) throws {
        var provider = Provider(configuration(Fault(on: .list, .status, status: status)))
        #expect(try json(list(&provider))["code"] == .integer(code))
    }

    @Test func aStatusThatIsNotKlingsIsThatOfAServerBeforeIt() {
        var provider = Provider(configuration(Fault(on: .lookUp, .status, status: 502)))
        #expect(lookUp(&provider, "1") == .page(status: 502))
    }

    @Test func aPlainKeyIsAnyOrTheOneThatIsSet() throws {
        var configuration = configuration()
        var lenient = Provider(configuration)
        configuration.apiKey = "right"
        var strict = Provider(configuration)
        for (authorization, code) in [(nil, 1001), ("", 1001), ("right", 1002), ("Bearer ", 1002), ("Basic x", 1002)]
            as [(String?, Int64)]
        {
            let reply = strict.lookUp("1", authorization: authorization, base: "", at: 0)
            #expect(reply.status == 401)
            #expect(try json(reply)["code"] == .integer(code))
            #expect(try json(reply).objectValue?.members.count == 2, "code and message, as they were seen")
            #expect(lenient.lookUp("1", authorization: authorization, base: "", at: 0) == reply)
        }
        #expect(try json(strict.lookUp("1", authorization: "Bearer wrong", base: "", at: 0))["code"] == 1002)
        #expect(strict.lookUp("1", authorization: "Bearer right", base: "", at: 0).status == 404)
        #expect(lenient.lookUp("1", authorization: "Bearer wrong", base: "", at: 0).status == 404)
        #expect(lenient.lookUp("1", authorization: "Bearer \(token())", base: "", at: 1_000_000).status == 401)
    }

    @Test(
        arguments: [
            (token(), 1_000_000, nil),
            (token(), 995_000, nil), (token(), 994_999, 1003),
            (token(), 2_799_999, nil), (token(), 2_800_000, 1004),
            (token(notBefore: nil), 0, nil),
            (token(issuer: "somebody"), 1_000_000, 1002), (token(issuer: nil), 1_000_000, 1002),
            (token(secret: "wrong"), 1_000_000, 1000), (token() + "x", 1_000_000, 1000),
            (token(expires: nil), 1_000_000, 1000),
            (token(algorithm: "none"), 1_000_000, 1000), (token(algorithm: "HS512"), 1_000_000, 1000),
            // A signature counts before times: who cannot sign learns nothing from them.
            (token(secret: "wrong"), 9_000_000, 1000),
        ] as [(String, Int64, Int64?)]
    )
    func aSignedLoginIsChecked(token: String, now: Int64, code: Int64?) throws {
        var configuration = configuration()
        configuration.accessKey = "access"
        configuration.secretKey = "secret"
        var provider = Provider(configuration)
        let reply = provider.list(query: "", authorization: "Bearer \(token)", base: "", at: now)
        #expect(reply.status == (code == nil ? 200 : 401))
        #expect(try json(reply)["code"] == .integer(code ?? 0))
    }

    /// RFC 7515, appendix A.1.
    @Test func theTokenOfTheStandardIsRead() throws {
        let text =
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
            + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
            + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        let token = try #require(SignedToken(text))
        #expect(token.refusal(accessKey: "joe", secretKey: "joe", at: 0)?.code == 1000)
        #expect(token.refusal(accessKey: nil, secretKey: nil, at: 0)?.code == 1002)
        for plain in ["", "a.b.c", "sk-1", "api-key-kling-1", "..", "e30.e30.", "eyJhbGciOiJIUzI1NiJ9.e30"] {
            #expect(SignedToken(plain) == nil)
        }
    }

    @Test func theListHasTheNewestFirstInPages() throws {
        var provider = Provider(configuration())
        #expect(try json(list(&provider))["data"] == [])
        let ids = try (0..<35).map { try taskID(create(&provider, externalID: "e\($0)", at: Int64($0))) }
        func page(_ query: String) throws -> [String] {
            let items = try #require(try json(list(&provider, query, at: 100))["data"]?.arrayValue)
            return items.compactMap { $0["task_id"]?.stringValue }
        }
        let newest = Array(ids.reversed())
        #expect(try page("") == Array(newest.prefix(30)))
        #expect(try page("pageNum=2") == Array(newest.dropFirst(30)))
        #expect(try page("pageSize=10&pageNum=3") == Array(newest[20..<30]))
        #expect(try page("pageNum=4&pageSize=10&other=1") == Array(newest[30...]))
        #expect(try page("pageNum=1000&pageSize=500").isEmpty)
        let first = try #require(try json(list(&provider, "pageSize=1", at: 20_000))["data"]?[0])
        #expect(try first == #require(json(lookUp(&provider, newest[0], at: 20_000))["data"]))
        #expect(provider.billed(at: 100)["lists"] == 7)
        #expect(provider.billed(at: 100)["look_ups"] == 1)
    }

    @Test(arguments: [
        "pageNum=0", "pageNum=1001", "pageNum=", "pageNum", "pageNum=x", "pageNum=1.5", "pageNum=-1", "pageSize=0",
        "pageSize=501", "pageNum=1&pageSize=99999999999999999999",
    ])
    func aPageOutOfBoundsIs1201(query: String) throws {
        var provider = Provider(configuration())
        let reply = list(&provider, query)
        #expect(reply.status == 400)
        #expect(try json(reply)["code"] == 1201)
    }

    @Test func whatLookUpsDoNotFindYetIsNotListedYet() throws {
        var provider = Provider(configuration(Fault(on: .create, .takenThenCut, delayMilliseconds: 5000)))
        #expect(create(&provider, externalID: "x") == .closed)
        _ = try taskID(create(&provider, externalID: "y", at: 1))
        func listed(at now: Int64) throws -> [JSONValue?] {
            let items = try #require(try json(list(&provider, at: now))["data"]?.arrayValue)
            return items.map { $0["task_info"]?["external_task_id"] }
        }
        #expect(try listed(at: 4999) == ["y"])
        #expect(try listed(at: 5000) == ["y", "x"])
        // The hidden one takes no place on a page.
        #expect(try json(list(&provider, "pageSize=1&pageNum=2", at: 4999))["data"] == [])
    }

    @Test func aListedTaskThatWasForgottenIsGone() throws {
        var provider = Provider(configuration(), mostTasks: 3)
        for _ in 0..<5 { _ = create(&provider) }
        #expect(try json(list(&provider))["data"]?.arrayValue?.count == 3)
    }

    @Test func listsCanGoWrong() throws {
        func reply(_ kind: Fault.Kind) throws -> Reply {
            var provider = Provider(configuration(Fault(on: .list, kind, delayMilliseconds: 7)))
            _ = create(&provider)
            _ = lookUp(&provider, "1")
            let reply = list(&provider)
            #expect(try json(list(&provider))["data"]?.arrayValue?.count == 1, "the fault strikes once")
            return reply
        }
        #expect(try reply(.cut).content == .nothing)
        #expect(try reply(.status).status == 500)
        #expect(try reply(.html).content == Reply.page(status: 200).content)
        let late = try reply(.delay)
        #expect(late.delayMilliseconds == 7)
        #expect(try json(late)["code"] == 0)
        let broken = try reply(.brokenJSON)
        #expect(throws: (any Error).self) { try json(broken) }
    }

    @Test func onlyWhatCanHappenToListsIsTakenAsTheirFault() throws {
        for kind in Fault.Kind.allCases {
            let members = JSONMembers(["on": "list", "kind": .string(kind.rawValue)])
            let isTaken = (try? Fault(members)) != nil
            #expect(isTaken == [.cut, .status, .delay, .html, .brokenJSON].contains(kind), "\(kind)")
        }
    }
}

/// The same through a real socket.
@Suite(.timeLimit(.minutes(1))) struct KlingDialectOverHTTPTests {
    private static let generations = "/v1/images/generations"

    @Test func fromSignedLoginToListedTask() async throws {
        try await Simulator.whileRunning(signedConfiguration()) { address in
            let caller = PlainCaller(address)
            let now = try await caller.advance(milliseconds: 0)
            let login = "Bearer \(token(notBefore: now / 1000 - 5, expires: now / 1000 + 1800))"
            let body = #"{"prompt":"a lighthouse","external_task_id":"mine"}"#
            let created = try await caller.send(.POST, Self.generations, body: body, authorization: login)
            #expect(created.json["data"]?["task_status"] == "submitted")
            let list = try await caller.send(.GET, Self.generations + "?pageNum=1&pageSize=30", authorization: login)
            #expect(list.status == 200)
            #expect(list.json["data"]?.arrayValue?.count == 1)
            #expect(list.json["data"]?[0]?["task_id"] == created.json["data"]?["task_id"])
            let found = try await caller.send(.GET, Self.generations + "/mine", authorization: login)
            #expect(found.json["code"] == 0)

            _ = try await caller.advance(milliseconds: 1_800_000)
            let late = try await caller.send(.GET, Self.generations + "/mine", authorization: login)
            #expect(late.status == 401)
            #expect(late.json["code"] == 1004)
            let bill = try await caller.send(.GET, "/_simulator/bill", authorization: nil).json
            #expect(bill["lists"] == 1)
            #expect(bill["look_ups"] == 2)
            #expect(bill["paid_tasks"] == 1)
        }
    }

    @Test func imagesComeWithoutAKeyAndByTheListToo() async throws {
        try await Simulator.whileRunning(signedConfiguration()) { address in
            let caller = PlainCaller(address)
            let body = #"{"prompt":"a lighthouse"}"#
            _ = try await caller.send(.POST, Self.generations, body: body, authorization: "Bearer plain")
            _ = try await caller.advance(milliseconds: 12_000)
            let list = try await caller.send(.GET, Self.generations, authorization: "Bearer plain")
            let images = list.json["data"]?[0]?["task_result"]?["images"]
            let url = try #require(images?[0]?["url"]?.stringValue)
            #expect(url.hasPrefix(address.url))
            #expect(try await caller.send(.GET, url, authorization: nil).status == 200)
        }
    }

    @Test func whatIsNotKlingsIsAnsweredInJSON() async throws {
        try await Simulator.whileRunning(signedConfiguration()) { address in
            let caller = PlainCaller(address)
            for (method, path, code) in [
                (HTTPMethod.GET, "/", 1203), (.GET, "/v1/videos/text2video", 1203),
                (.GET, "/kling/v1/images/generations/1", 1203), (.DELETE, Self.generations, 1202),
                (.PUT, Self.generations, 1202), (.POST, Self.generations + "/1", 1202),
                (.GET, Self.generations + "/1", 1203),
            ] as [(HTTPMethod, String, Int64)] {
                let reply = try await caller.send(method, path, authorization: "Bearer plain")
                #expect(reply.status == 404)
                #expect(reply.json["code"] == .integer(code), "\(method) \(path)")
                #expect(reply.json["request_id"]?.stringValue?.count == 36)
            }
        }
    }

    @Test func theGatewayHasNoList() async throws {
        try await Simulator.whileRunning { address in
            let caller = PlainCaller(address)
            let reply = try await caller.send(.GET, "/kling/v1/images/generations?pageNum=1", authorization: "Bearer k")
            #expect(reply.status == 301)
            #expect(try await caller.send(.GET, "/_simulator/bill", authorization: nil).json["lists"] == 0)
        }
    }

    private func signedConfiguration() -> SimulatorConfiguration {
        var configuration = configuration()
        configuration.accessKey = "access"
        configuration.secretKey = "secret"
        return configuration
    }
}

private func configuration(_ faults: Fault...) -> SimulatorConfiguration {
    var configuration = SimulatorConfiguration()
    configuration.dialect = .kling
    configuration.seed = 1
    configuration.faults = faults
    return configuration
}

private func create(
    _ provider: inout Provider,
    prompt: String = "a cat",
    externalID: String? = nil,
    at now: Int64 = 0
) -> Reply {
    let request = GenerationRequest(prompt: prompt, n: 2, size: AspectRatio.square.size, externalTaskID: externalID)
    return provider.create(.success(request), authorization: "Bearer key", at: now)
}

private func lookUp(_ provider: inout Provider, _ id: String, at now: Int64 = 0) -> Reply {
    provider.lookUp(id, authorization: "Bearer key", base: "", at: now)
}

private func list(_ provider: inout Provider, _ query: String = "", at now: Int64 = 0) -> Reply {
    provider.list(query: query, authorization: "Bearer key", base: "", at: now)
}

private func json(_ reply: Reply) throws -> JSONValue {
    guard case .bytes(let bytes, "application/json") = reply.content else { return .null }
    return try JSONValue.parse(bytes)
}

private func taskID(_ reply: Reply) throws -> String {
    try #require(json(reply)["data"]?["task_id"]?.stringValue)
}

/// A login as a client signs it, good from second 995 to 2800 unless told otherwise.
private func token(
    issuer: String? = "access",
    secret: String = "secret",
    algorithm: String = "HS256",
    notBefore: Int64? = 995,
    expires: Int64? = 2800
) -> String {
    var claims: JSONObject = [:]
    claims["iss"] = issuer.map(JSONValue.string)
    claims["nbf"] = notBefore.map(JSONValue.integer)
    claims["exp"] = expires.map(JSONValue.integer)
    let header: JSONValue = ["alg": .string(algorithm), "typ": "JWT"]
    let input = "\(base64URL(header.serialized)).\(base64URL(JSONValue.object(claims).serialized))"
    let key = SymmetricKey(data: Array(secret.utf8))
    return "\(input).\(base64URL(Array(HMAC<SHA256>.authenticationCode(for: Array(input.utf8), using: key))))"
}

private func base64URL(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for digit in 0...group.count { text.append(alphabet[bits >> (18 - 6 * digit) & 63]) }
    }
    return text
}

/// A client of one simulator that says about itself what a test wants.
private struct PlainCaller: Sendable {
    struct Answer {
        var status: Int
        var json: JSONValue
    }

    private let base: String

    init(_ address: SimulatorAddress) {
        base = address.url
    }

    /// Sets the clock forward and tells the new time.
    func advance(milliseconds: Int) async throws -> Int64 {
        let body = #"{"advance_ms":\#(milliseconds)}"#
        return try #require(
            try await send(.POST, "/_simulator/clock", body: body, authorization: nil).json["now_ms"]?.integerValue
        )
    }

    /// Sends to a path of the simulator or to a whole URL.
    func send(
        _ method: HTTPMethod,
        _ target: String,
        body: String? = nil,
        authorization: String?
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: target.hasPrefix("/") ? base + target : target)
        request.method = method
        if let authorization { request.headers.add(name: "authorization", value: authorization) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await noRedirects.execute(request, timeout: .seconds(30))
        let bytes = Array(try await response.body.collect(upTo: 8 << 20).readableBytesView)
        return Answer(status: Int(response.status.code), json: (try? JSONValue.parse(bytes)) ?? .null)
    }
}

private let noRedirects: HTTPClient = {
    let configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
}()
