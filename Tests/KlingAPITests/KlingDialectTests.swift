import HTTPTransport
import JSON
import Logging
import Synchronization
import Testing

@testable import KlingAPI

@Suite("Kling's own API over HTTP", .timeLimit(.minutes(1)))
struct KlingDialectTests {
    private static let accessKey = "AccessKey0123456789abcdef"
    private static let secretKey = "SecretKey0123456789abcdefABCDEFxyz"
    private static let plainKey = "api-key-kling-0123456789"
    private static let taskID = "867283741759111202"
    private static let created = #"{"code":0,"data":{"task_id":"867283741759111202","task_status":"submitted"}}"#
    private static let stale: [ScriptedServer.Reply] = [
        .answer(401, #"{"code":1003,"message":"token is not valid yet"}"#),
        .answer(401, #"{"code":1004,"message":"token is expired"}"#),
        .answer(200, #"{"code":"1004","message":"token is expired"}"#),
    ]
    private static let body = Array(#"{"prompt":"p"}"#.utf8)

    /// Answers one request after the other; the last answer is given for ever.
    private final class Script: Sendable {
        private let replies: Mutex<[ScriptedServer.Reply]>

        init(_ replies: [ScriptedServer.Reply]) {
            self.replies = Mutex(replies)
        }

        func next() -> ScriptedServer.Reply {
            replies.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
        }
    }

    /// A clock that goes on by a second whenever it is read, so that no two tokens are the same.
    private final class TickingClock: Sendable {
        private let time = Mutex<Int64>(1_795_600_000_000)

        func now() -> Int64 {
            time.withLock { time in
                time += 1000
                return time
            }
        }
    }

    private static func signed() throws -> Credentials {
        try #require(Credentials(accessKey: accessKey, secretKey: secretKey))
    }

    /// Runs `body` with a client of a server that gives `replies`, and returns what the server saw.
    private func exchange(
        _ replies: ScriptedServer.Reply...,
        dialect: Dialect = .kling,
        credentials: Credentials,
        _ body: (KlingClient, ScriptedServer) async throws -> Void
    ) async throws -> [ScriptedServer.Request] {
        let transport = HTTPTransport(
            configuration: HTTPTransportConfiguration(requestTimeout: .seconds(20)),
            logger: Logger(label: "test")
        )
        let script = Script(replies)
        let clock = TickingClock()
        do {
            let requests = try await ScriptedServer.run({ _ in script.next() }) { server in
                let client = KlingClient(
                    transport: transport,
                    baseURL: server.url,
                    dialect: dialect,
                    credentials: credentials,
                    now: { clock.now() }
                )
                try await body(client, server)
                return server.requests
            }
            await transport.shutdown()
            return requests
        } catch {
            await transport.shutdown()
            throw error
        }
    }

    @Test("Creates, look-ups and lists go to Kling's addresses with the plain key")
    func addresses() async throws {
        let credentials = try #require(Credentials(bearerKey: Self.plainKey))
        let requests = try await exchange(.answer(200, Self.created), credentials: credentials) { client, _ in
            _ = await client.create(body: Self.body)
            _ = await client.lookUp(taskID: Self.taskID)
            _ = await client.lookUp(externalTaskID: "a b")
            _ = await client.list(page: 2, size: 500)
        }
        #expect(
            requests.map(\.lines[0]) == [
                "POST /v1/images/generations HTTP/1.1",
                "GET /v1/images/generations/867283741759111202 HTTP/1.1",
                "GET /v1/images/generations/a%20b HTTP/1.1",
                "GET /v1/images/generations?pageNum=2&pageSize=500 HTTP/1.1",
            ]
        )
        #expect(requests.allSatisfy { $0.header("Authorization") == "Bearer \(Self.plainKey)" })
        #expect(Dialect.kling.baseURL == "https://api-singapore.klingai.com")
        #expect(Dialect.kling.lookUpIsAuthoritative && Dialect.kling.sendsExternalTaskID)
    }

    @Test(
        "Every answer means the same in both dialects",
        arguments: [Dialect.cometapi, .kling],
        [
            (401, 1000), (401, 1001), (401, 1002), (401, 1003), (401, 1004), (429, 1100), (429, 1101), (429, 1102),
            (403, 1103), (400, 1200), (400, 1201), (404, 1202), (404, 1203), (400, 1300), (400, 1301), (429, 1302),
            (429, 1303), (429, 1304), (500, 5000), (503, 5001), (504, 5002),
        ]
    )
    func table(dialect: Dialect, answer: (status: Int, code: Int)) async throws {
        let credentials = try #require(Credentials(bearerKey: Self.plainKey))
        let reply = ScriptedServer.Reply.answer(answer.status, #"{"code":\#(answer.code),"message":"m"}"#)
        let requests = try await exchange(reply, dialect: dialect, credentials: credentials) { client, _ in
            switch (await client.create(body: Self.body), answer.code) {
            case (.refused, 1000...1301), (.refused, 1304), (.throttled, 1302...1303), (.ambiguous, 5000...5002): break
            case (let outcome, _): Issue.record("\(outcome)")
            }
            switch (await client.lookUp(taskID: Self.taskID), answer.code) {
            case (.noSuchTask, 1203): break
            case (.rejected, 1000...1202), (.rejected, 1300...1301), (.rejected, 1304): break
            case (.throttled, 1302...1303), (.unavailable, 5000...5002): break
            case (let outcome, _): Issue.record("\(outcome)")
            }
        }
        #expect(requests.count == 2, "a plain key is never sent again")
    }

    @Test("A create refused for a stale login goes out once more under a new one", arguments: stale.indices)
    func createAgain(index: Int) async throws {
        let requests = try await exchange(
            Self.stale[index],
            .answer(200, Self.created),
            credentials: try Self.signed()
        ) { client, _ in
            guard case .accepted(let task) = await client.create(body: Self.body) else {
                Issue.record("not accepted")
                return
            }
            #expect(task.taskID == Self.taskID)
            // The new login is kept.
            _ = await client.lookUp(taskID: Self.taskID)
        }
        let logins = requests.compactMap { $0.header("Authorization") }
        #expect(logins.count == 3)
        #expect(logins[0] != logins[1])
        #expect(logins[1] == logins[2])
        #expect(logins.allSatisfy { $0.hasPrefix("Bearer ey") })
        #expect(requests[0].body == requests[1].body)
    }

    @Test("There is no third time", arguments: stale.indices)
    func noThirdTime(index: Int) async throws {
        let requests = try await exchange(Self.stale[index], credentials: try Self.signed()) { client, server in
            guard case .refused(let failure) = await client.create(body: Self.body) else {
                Issue.record("not refused")
                return
            }
            #expect(failure.kind == .auth)
            #expect(server.requests.count == 2)
            guard case .rejected = await client.lookUp(taskID: Self.taskID) else {
                Issue.record("a look-up was not rejected")
                return
            }
            #expect(server.requests.count == 4)
            guard case .rejected = await client.list(page: 1, size: 30) else {
                Issue.record("a list was not rejected")
                return
            }
        }
        #expect(requests.count == 6)
        #expect(Set(requests.compactMap { $0.header("Authorization") }).count == 6)
    }

    @Test("Look-ups and lists go out once more too")
    func askedAgain() async throws {
        let lookUps = try await exchange(
            Self.stale[1],
            .answer(200, Self.created),
            credentials: try Self.signed()
        ) { client, _ in
            guard case .found = await client.lookUp(externalTaskID: "mine") else {
                Issue.record("not found")
                return
            }
        }
        #expect(lookUps.count == 2)
        let lists = try await exchange(
            Self.stale[1],
            .answer(200, #"{"code":0,"data":[{"task_id":"1"}]}"#),
            credentials: try Self.signed()
        ) { client, _ in
            guard case .page(let tasks) = await client.list(page: 1, size: 30) else {
                Issue.record("no page")
                return
            }
            #expect(tasks.map(\.taskID) == ["1"])
        }
        #expect(lists.count == 2)
    }

    @Test("A plain key is sent once, however stale it is called", arguments: stale.indices)
    func plainKeyOnce(index: Int) async throws {
        let credentials = try #require(Credentials(bearerKey: Self.plainKey))
        let requests = try await exchange(Self.stale[index], credentials: credentials) { client, _ in
            guard case .refused = await client.create(body: Self.body) else {
                Issue.record("not refused")
                return
            }
        }
        #expect(requests.count == 1)
    }

    @Test(
        "No other refusal makes a create go out again",
        arguments: [1000, 1001, 1002, 1103, 1201, 1203, 1301, 1303, 5000]
    )
    func onlyStaleLogins(code: Int) async throws {
        let reply = ScriptedServer.Reply.answer(401, #"{"code":\#(code),"message":"m"}"#)
        let requests = try await exchange(reply, credentials: try Self.signed()) { client, _ in
            if case .accepted = await client.create(body: Self.body) { Issue.record("accepted") }
        }
        #expect(requests.count == 1)
    }

    @Test("What becomes of the second time is what became of the create")
    func secondTimeCounts() async throws {
        let requests = try await exchange(Self.stale[1], .hangUp, credentials: try Self.signed()) { client, _ in
            guard case .ambiguous = await client.create(body: Self.body) else {
                Issue.record("taken for certain")
                return
            }
        }
        #expect(requests.count == 2)
    }

    @Test("Key, secret and token do not come back from a provider that repeats them")
    func echo() async throws {
        let transport = HTTPTransport(configuration: HTTPTransportConfiguration(), logger: Logger(label: "test"))
        let echo: @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply = { request in
            let login = request.header("Authorization") ?? ""
            return .answer(401, #"{"code":1002,"message":"\#(login) \#(Self.accessKey) \#(Self.secretKey)"}"#)
        }
        let outcomes = try await ScriptedServer.run(echo) { server in
            let client = KlingClient(
                transport: transport,
                baseURL: server.url,
                dialect: .kling,
                credentials: try Self.signed()
            )
            let outcomes: [Any] = [
                await client.create(body: Self.body), await client.lookUp(taskID: "1"),
                await client.list(page: 1, size: 1),
            ]
            let token = try #require(server.requests.first?.header("Authorization")?.dropFirst("Bearer ".count))
            return outcomes.map { outcome in
                var text = ""
                dump(outcome, to: &text)
                #expect(!text.contains(token))
                return text
            }
        }
        await transport.shutdown()
        for text in outcomes {
            #expect(!text.contains(Self.accessKey) && !text.contains(Self.secretKey))
        }
        #expect(outcomes[0].contains("Bearer [login] [login] [login]"))
    }

    @Test("With the right to send lost, a create was not sent, and its last byte never arrived")
    func rightLost() async throws {
        let asked = Mutex(0)
        let requests = try await exchange(.answer(200, Self.created), credentials: try Self.signed()) {
            client,
            server in
            let outcome = await client.create(body: Self.body) {
                asked.withLock { $0 += 1 }
                return false
            }
            guard case .notSent(let failure) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(
                failure.message == "the right to send this was lost before the last byte went out; nothing was sent"
            )
            // The server has seen the end of the connection by then.
            while server.brokenOff.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            #expect(server.brokenOff.allSatisfy { $0.hasPrefix("POST ") && !$0.hasSuffix("}") })
        }
        #expect(requests.isEmpty)
        #expect(asked.withLock { $0 } == 1)
    }

    @Test("The right to send is asked for each time that a create goes out")
    func rightLostMeanwhile() async throws {
        let asked = Mutex(0)
        let requests = try await exchange(
            Self.stale[1],
            .answer(200, Self.created),
            credentials: try Self.signed()
        ) { client, _ in
            let outcome = await client.create(body: Self.body) {
                asked.withLock { asked in
                    asked += 1
                    return asked == 1
                }
            }
            guard case .notSent = outcome else {
                Issue.record("\(outcome)")
                return
            }
        }
        #expect(requests.count == 1)
        #expect(asked.withLock { $0 } == 2)
    }

    @Test("A list may be long, but not without end")
    func longList() async throws {
        let url = "https://h/" + String(repeating: "x", count: 700)
        let image = #"{"index":0,"url":"\#(url)"}"#
        let images = Array(repeating: image, count: 9).joined(separator: ",")
        let items = (0..<500).map { #"{"task_id":"\#($0)","task_result":{"images":[\#(images)]}}"# }
        let full = #"{"code":0,"data":[\#(items.joined(separator: ","))]}"#
        let endless = #"{"code":0,"data":[]}"# + String(repeating: " ", count: 16 << 20)
        _ = try await exchange(
            .answer(200, full),
            .answer(200, endless),
            credentials: try Self.signed()
        ) { client, _ in
            guard case .page(let tasks) = await client.list(page: 1, size: 500) else {
                Issue.record("no page")
                return
            }
            #expect(tasks.count == 500 && tasks.allSatisfy { $0.images.count == 9 })
            guard case .unavailable = await client.list(page: 1, size: 500) else {
                Issue.record("taken in")
                return
            }
        }
    }

    @Test("Where there is no list, and beyond its pages, nobody is asked")
    func noList() async throws {
        let credentials = try #require(Credentials(bearerKey: Self.plainKey))
        let requests = try await exchange(.hangUp, dialect: .cometapi, credentials: credentials) { client, _ in
            guard case .rejected(let failure) = await client.list(page: 1, size: 30) else {
                Issue.record("listed")
                return
            }
            #expect(failure.kind == .unsupported)
        }
        let beyond = try await exchange(.hangUp, credentials: credentials) { client, _ in
            for (page, size) in [(0, 30), (1001, 30), (1, 0), (1, 501), (-1, -1)] {
                guard case .rejected(let failure) = await client.list(page: page, size: size) else {
                    Issue.record("listed")
                    return
                }
                #expect(failure.kind == .invalidParams)
            }
        }
        #expect(requests.isEmpty && beyond.isEmpty)
    }

    @Test("A list that nobody answers is unavailable")
    func silentList() async throws {
        _ = try await exchange(.hangUp, credentials: try Self.signed()) { client, _ in
            guard case .unavailable(let failure) = await client.list(page: 1, size: 30) else {
                Issue.record("listed")
                return
            }
            #expect(failure.kind == .providerUnavailable)
        }
    }
}
