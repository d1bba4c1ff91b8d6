import HTTPTransport
import JSON
import Logging
import Testing

@testable import KlingAPI

@Suite("The core client over HTTP")
struct KlingClientTests {
    private static let key = "sk-test-0123456789"
    private static let taskID = "867283741759111202"
    private static let created = #"{"code":0,"data":{"task_id":"867283741759111202","task_status":"submitted"}}"#

    private func withClient<Result>(
        _ baseURL: String,
        requestTimeout: Duration = .seconds(20),
        _ body: (KlingClient) async throws -> Result
    ) async throws -> Result {
        let transport = HTTPTransport(
            configuration: HTTPTransportConfiguration(requestTimeout: requestTimeout),
            logger: Logger(label: "test")
        )
        let credentials = try #require(Credentials(bearerKey: Self.key))
        let client = KlingClient(transport: transport, baseURL: baseURL, dialect: .cometapi, credentials: credentials)
        do {
            let result = try await body(client)
            await transport.shutdown()
            return result
        } catch {
            await transport.shutdown()
            throw error
        }
    }

    /// One create against a server of that behaviour, with what the server saw.
    private func create(
        _ reply: ScriptedServer.Reply,
        requestTimeout: Duration = .seconds(20)
    ) async throws -> (CreateOutcome, [ScriptedServer.Request]) {
        try await ScriptedServer.run({ _ in reply }) { server in
            try await withClient(server.url, requestTimeout: requestTimeout) { client in
                (await client.create(body: Array(#"{"prompt":"p"}"#.utf8)), server.requests)
            }
        }
    }

    @Test("A create is one POST of the body as it is, with the key, on a connection for itself")
    func request() async throws {
        let (outcome, requests) = try await create(.answer(200, Self.created))
        guard case .accepted(let task) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(task.taskID == Self.taskID)
        let request = try #require(requests.first)
        #expect(requests.count == 1)
        #expect(request.lines[0] == "POST /kling/v1/images/generations HTTP/1.1")
        #expect(request.header("Authorization") == "Bearer \(Self.key)")
        #expect(request.header("Content-Type") == "application/json")
        #expect(request.header("Connection")?.lowercased() == "close")
        #expect(request.body == #"{"prompt":"p"}"#)
    }

    @Test("A create that is taken and then cut is ambiguous, and was sent once")
    func cut() async throws {
        let (outcome, requests) = try await create(.hangUp)
        guard case .ambiguous(let failure) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(failure.kind == .providerUnavailable)
        #expect(failure.httpStatus == nil)
        #expect(requests.count == 1)
    }

    @Test("A create without an answer in time is ambiguous, and was not sent twice")
    func silence() async throws {
        let (outcome, requests) = try await create(.silence, requestTimeout: .seconds(1))
        guard case .ambiguous = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(requests.count <= 1)
    }

    @Test("A create that nobody listens to was not sent")
    func noConnection() async throws {
        let port = try ScriptedServer.deadPort()
        let outcome = try await withClient("http://127.0.0.1:\(port)") { await $0.create(body: Array("{}".utf8)) }
        guard case .notSent(let failure) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(failure.kind == .providerUnavailable)
    }

    @Test("A create of which the server did not take all was not sent")
    func early() async throws {
        try await ScriptedServer.run({ _ in .answerEarly }) { server in
            let body = [UInt8](repeating: UInt8(ascii: " "), count: 64 << 20)
            guard case .notSent = try await withClient(server.url, { await $0.create(body: body) }) else {
                Issue.record("taken for sent")
                return
            }
            #expect(server.requests.count == 1)
        }
    }

    @Test("A redirect is not followed, not even for a look-up: the create is refused, the key goes nowhere")
    func redirect() async throws {
        try await ScriptedServer.run({ _ in .answer(200, Self.created) }) { elsewhere in
            let reply = ScriptedServer.Reply.answer(302, headers: ["Location: \(elsewhere.url)/x?token=1"], "<html>")
            try await ScriptedServer.run({ _ in reply }) { server in
                try await withClient(server.url) { client in
                    guard case .refused(let failure) = await client.create(body: []) else {
                        Issue.record("a create followed a redirect")
                        return
                    }
                    #expect(failure.message.contains("redirect") && !failure.message.contains("token"))
                    guard case .rejected = await client.lookUp(taskID: "1") else {
                        Issue.record("a look-up followed a redirect")
                        return
                    }
                }
            }
            #expect(elsewhere.requests.isEmpty)
        }
    }

    @Test("An answer that promises more than comes is ambiguous")
    func short() async throws {
        let (outcome, _) = try await create(.answer(200, headers: ["Content-Length: 9999"], Self.created))
        guard case .ambiguous = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test("An answer without end is ambiguous and does not fill the memory")
    func endless() async throws {
        let (outcome, _) = try await create(.answer(200, String(repeating: " ", count: 2 << 20) + Self.created))
        guard case .ambiguous = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test("A key that the provider repeats in its answer does not come back")
    func echoedKey() async throws {
        let body = #"{"error":{"message":"bad token \#(Self.key) (request id: r-7)","code":"\#(Self.key)"}}"#
        let (outcome, _) = try await create(.answer(401, body))
        guard case .refused(let failure) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(failure.kind == .auth)
        #expect(failure.requestID == "r-7")
        #expect(failure.providerMessage == "bad token [key] (request id: r-7)")
        #expect(!"\(outcome)".contains(Self.key))
    }

    @Test("Throttling tells how long to wait")
    func throttled() async throws {
        let (outcome, _) = try await create(.answer(429, headers: ["Retry-After: 7"], #"{"code":1302}"#))
        guard case .throttled(let failure) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(failure.retryAfter == .seconds(7))
    }

    @Test("A look-up is a GET by either id, which cannot leave its place in the path")
    func lookUp() async throws {
        try await ScriptedServer.run({ _ in .answer(200, Self.created) }) { server in
            try await withClient(server.url + "/") { client in
                guard case .found = await client.lookUp(taskID: Self.taskID) else {
                    Issue.record("not found")
                    return
                }
                _ = await client.lookUp(externalTaskID: "a/../b?c#d é")
            }
            #expect(
                server.requests.map(\.lines[0]) == [
                    "GET /kling/v1/images/generations/\(Self.taskID) HTTP/1.1",
                    "GET /kling/v1/images/generations/a%2F..%2Fb%3Fc%23d%20%C3%A9 HTTP/1.1",
                ]
            )
            #expect(server.requests.allSatisfy { $0.header("Authorization") == "Bearer \(Self.key)" })
        }
    }

    @Test("A look-up that finds nobody or hears nothing is unavailable")
    func lookUpFails() async throws {
        let port = try ScriptedServer.deadPort()
        let refused = try await withClient("http://127.0.0.1:\(port)") { await $0.lookUp(taskID: "1") }
        let cut = try await ScriptedServer.run({ _ in .hangUp }) { server in
            try await withClient(server.url) { await $0.lookUp(externalTaskID: "mine") }
        }
        for outcome in [refused, cut] {
            guard case .unavailable(let failure) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
            #expect(failure.kind == .providerUnavailable)
        }
    }

    @Test("A base URL that is none refuses every create and says so", arguments: ["", "api.cometapi.com", "ftp://x"])
    func badBase(url: String) async throws {
        let outcome = try await withClient(url) { await $0.create(body: []) }
        guard case .refused(let failure) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(failure.message.contains("base URL"))
    }
}
