import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ExchangeTests {
    private func get(_ server: ScriptedServer, path: String = "/x") throws -> HTTPRequest {
        HTTPRequest(.get, try HTTPURL(server.origin + path), headers: ["Authorization": "Bearer sk-secret"])
    }

    @Test func anAnswerComesBackWholeWhateverItsStatus() async throws {
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.answer("503 Out", ["Retry-After: 7", "X-Request-ID: abc"], body: #"{"code":5001}"#)
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let response = try await transport.send(get(server, path: "/a%2Fb?q=%20"), bodyLimit: 100)
                #expect(response.status == 503)
                #expect(response.headers["retry-after"] == "7")
                #expect(response.headers["x-request-id"] == "abc")
                #expect(String(decoding: response.body, as: UTF8.self) == #"{"code":5001}"#)
                #expect(server.requests.first?.hasPrefix("GET /a%2Fb?q=%20 HTTP/1.1\r\n") == true)
                #expect(server.requests.first?.lowercased().contains("user-agent: klingd/test\r\n") == true)
            }
        }
    }

    @Test func anAnswerToHEADIsWholeWithoutTheBodyItTellsOf() async throws {
        let script: @Sendable (Connection) -> Void = {
            while $0.request() != nil { $0.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n") }
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                for _ in 0..<2 {
                    let request = HTTPRequest(.head, try HTTPURL(server.origin + "/x"))
                    let response = try await transport.send(request, bodyLimit: 100)
                    #expect(response.headers["Content-Length"] == "1000000000")
                    #expect(response.body.isEmpty)
                }
                #expect(server.connections == 1, "the connection is still good")
            }
        }
    }

    @Test func aRedirectIsAnAnswerAndIsNotFollowed() async throws {
        let script: @Sendable (Connection) -> Void = {
            while $0.request() != nil { $0.answer("301 Moved", ["Location: /elsewhere"]) }
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let response = try await transport.send(get(server), bodyLimit: 100)
                #expect(response.status == 301)
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test func lookUpsShareAConnection() async throws {
        let script: @Sendable (Connection) -> Void = {
            while $0.request() != nil { $0.answer("200 OK", body: "{}") }
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                for _ in 0..<3 { _ = try await transport.send(get(server), bodyLimit: 100) }
                #expect(server.requests.count == 3)
                #expect(server.connections == 1)
            }
        }
    }

    @Test(
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n\(String(repeating: "x", count: 64))\r\n",
            "HTTP/1.1 200 OK\r\n\r\n\(String(repeating: "x", count: 64))",
        ]
    )
    func anAnswerBeyondTheLimitIsAnErrorHoweverItIsFramed(answer: String) async throws {
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.write(answer)
            $0.end()
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.send(get(server), bodyLimit: 63)
                }
                #expect(error?.kind == .bodyTooLarge)
            }
        }
    }

    @Test(
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", HTTPTransportError.Kind.shortBody),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", .shortBody),
            ("HTTP/1.1 200 OK\r\nContent-Le", .cut), ("", .cut), ("SSH-2.0-OpenSSH_9.6\r\n", .cut),
        ]
    )
    func anAnswerThatBreaksOffIsAnError(answer: String, kind: HTTPTransportError.Kind) async throws {
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.write(answer)
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.send(get(server), bodyLimit: 100)
                }
                #expect(error?.kind == kind, "\(String(describing: error))")
            }
        }
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"])
    func aServerThatFallsSilentIsGivenUp(start: String) async throws {
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.write(start)
            $0.end()
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run(idleTimeout: .milliseconds(100)) { transport in
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.send(get(server), bodyLimit: 100)
                }
                #expect(error?.kind == .timeout, "\(String(describing: error))")
            }
        }
    }

    @Test func aServerThatDripsIsGivenUpWhenTheWholeTakesTooLong() async throws {
        let script: @Sendable (Connection) -> Void = { connection in
            connection.request()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            while connection.write("x") {}
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run(requestTimeout: .milliseconds(200)) { transport in
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.send(get(server), bodyLimit: 1 << 30)
                }
                #expect(error?.kind == .timeout, "\(String(describing: error))")
            }
        }
    }

    @Test func nobodyListeningIsAFailedConnectionAtOnce() async throws {
        let url = try HTTPURL("http://127.0.0.1:\(ScriptedServer.deadPort())/x")
        try await HTTPTransport.run { transport in
            let error = await #expect(throws: HTTPTransportError.self) {
                try await transport.send(HTTPRequest(.get, url), bodyLimit: 100)
            }
            #expect(error?.kind == .connectFailed, "\(String(describing: error))")
        }
    }

    @Test func aNameThatDoesNotExistIsAFailedConnection() async throws {
        let url = try HTTPURL("http://does-not-exist.invalid/x")
        try await HTTPTransport.run { transport in
            let error = await #expect(throws: HTTPTransportError.self) {
                try await transport.send(HTTPRequest(.get, url), bodyLimit: 100)
            }
            #expect(error?.kind == .connectFailed, "\(String(describing: error))")
        }
    }

    @Test func aServerWithoutTLSIsATLSErrorForHTTPS() async throws {
        let script: @Sendable (Connection) -> Void = {
            _ = $0.read()
            $0.answer("400 Bad Request", body: "plain")
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let url = try HTTPURL("https://127.0.0.1:\(server.port)/x")
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.send(HTTPRequest(.get, url), bodyLimit: 100)
                }
                #expect(error?.kind == .tls, "\(String(describing: error))")
            }
        }
    }

    @Test func aCancelledRequestEndsAtOnceAndClosesItsConnection() async throws {
        let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            arrival.yield()
            $0.end()
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let request = try get(server)
                let error = await withTaskGroup(of: HTTPTransportError?.self) { group in
                    group.addTask {
                        do throws(HTTPTransportError) {
                            _ = try await transport.send(request, bodyLimit: 100)
                            return nil
                        } catch {
                            return error
                        }
                    }
                    for await _ in arrived { break }
                    group.cancelAll()
                    return await group.next() ?? nil
                }
                #expect(error?.kind == .cancelled, "\(String(describing: error))")
            }
        }
    }

    @Test func afterShutdownRequestsFailAndThoseInFlightEnd() async throws {
        let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            arrival.yield()
            $0.end()
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let request = try get(server)
                await withTaskGroup { group in
                    group.addTask {
                        _ = await #expect(throws: HTTPTransportError.self) {
                            try await transport.send(request, bodyLimit: 100)
                        }
                    }
                    for await _ in arrived { break }
                    await transport.shutdown()
                }
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.send(request, bodyLimit: 100)
                }
                #expect(error?.kind == .shutDown)
            }
        }
    }

    @Test func neitherErrorsNorLogsNorDescriptionsHoldASecret() async throws {
        let log = CapturedLog()
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsk-")
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run(log: log) { transport in
                let url = try HTTPURL("http://user:sk-secret@127.0.0.1:\(server.port)/a.png?pkey=sk-secret#sk-secret")
                let request = HTTPRequest(
                    .post,
                    url,
                    headers: ["Authorization": "Bearer sk-secret"],
                    body: Array("sk-secret".utf8)
                )
                let failed = await #expect(throws: HTTPTransportError.self) {
                    try await transport.sendOnce(request, bodyLimit: 100)
                }
                let error = try #require(failed)
                for shown in ["\(error)", String(reflecting: error), dumped(error), "\(request)", dumped(request)] {
                    #expect(!shown.contains("sk-secret"), "\(shown)")
                }
                #expect(log.text.contains("/a.png"))
                #expect(!log.text.contains("sk-secret"), "\(log.text)")
            }
        }
    }
}
