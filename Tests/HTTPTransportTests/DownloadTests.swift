import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct DownloadTests {
    /// Downloads from `url` on the server and returns what came.
    private func download(
        _ path: String,
        limit: Int = 1 << 20,
        script: @escaping @Sendable (Connection) -> Void
    ) async throws -> (status: Int, content: String, requests: [String]) {
        var result = (status: 0, content: "", requests: [String]())
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                var content: [UInt8] = []
                let head = try await transport.download(
                    server.origin + path,
                    limit: limit,
                    allowsPrivateAddresses: true
                ) { content += $0 }
                result = (head.status, String(decoding: content, as: UTF8.self), server.requests)
            }
        }
        return result
    }

    private static func serving(_ content: String) -> @Sendable (Connection) -> Void {
        { while $0.request() != nil { $0.answer("200 OK", ["Content-Type: image/png"], body: content) } }
    }

    @Test func aFileComesWholeInPieces() async throws {
        let content = String(repeating: "0123456789abcdef", count: 60_000)
        let result = try await download("/a.png", script: Self.serving(content))
        #expect(result.status == 200)
        #expect(result.content == content)
    }

    @Test func theQueryIsKeptAndNoAuthorizationIsSent() async throws {
        let query = "?cacheKey=a%2Fb+c&x-kcdn-pid=112757&pkey=%E2%9C%93=="
        let result = try await download("/kimg/abc.origin" + query, script: Self.serving("x"))
        #expect(result.requests.first?.hasPrefix("GET /kimg/abc.origin\(query) HTTP/1.1\r\n") == true)
        #expect(result.requests.first?.lowercased().contains("authorization") == false)
    }

    @Test(arguments: [301, 302, 303, 307, 308])
    func aRedirectIsFollowed(status: Int) async throws {
        let result = try await download("/a/b") { connection in
            while let request = connection.request() {
                if request.hasPrefix("GET /a/b ") { connection.answer("\(status) Moved", ["Location: c?d"]) }
                if request.hasPrefix("GET /a/c?d ") { connection.answer("200 OK", body: "image") }
            }
        }
        #expect(result.content == "image")
    }

    @Test func aCircleOfRedirectsEnds() async throws {
        let error = await #expect(throws: HTTPTransportError.self) {
            try await download("/a") { while $0.request() != nil { $0.answer("302 Found", ["Location: /a"]) } }
        }
        #expect(error?.kind == .tooManyRedirects)
    }

    @Test(arguments: ["403 Forbidden", "404 Not Found", "410 Gone", "500 Error", "206 Partial Content", "302 Found"])
    func anyOtherStatusIsReturnedWithoutItsBody(status: String) async throws {
        let result = try await download("/a") { while $0.request() != nil { $0.answer(status, body: "no image") } }
        #expect(status.hasPrefix("\(result.status)"))
        #expect(result.content == "")
    }

    @Test func anImageBeyondTheLimitIsAnError() async throws {
        let error = await #expect(throws: HTTPTransportError.self) {
            try await download("/a", limit: 9, script: Self.serving("0123456789"))
        }
        #expect(error?.kind == .bodyTooLarge)
    }

    @Test func anImageThatBreaksOffIsAnError() async throws {
        let error = await #expect(throws: HTTPTransportError.self) {
            try await download("/a") {
                $0.request()
                $0.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
            }
        }
        #expect(error?.kind == .shortBody)
        #expect(error?.message.contains("5 of 10") == true)
    }

    @Test func whatTheSinkThrowsComesBack() async throws {
        struct DiskFull: Error {}
        try await ScriptedServer.run(script: Self.serving("x")) { server in
            try await HTTPTransport.run { transport in
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.download(server.origin + "/a", allowsPrivateAddresses: true) { _ in
                        throw DiskFull()
                    }
                }
                #expect(error?.kind == .sinkFailed)
                #expect(error?.underlying is DiskFull)
            }
        }
    }

    @Test(
        arguments: [
            "http://example.com/a.png", "https://127.0.0.1/a.png", "https://localhost/a", "https://169.254.169.254/",
            "https://[::1]/", "https://10.0.0.1/", "https://user@example.com/a.png",
        ]
    )
    func anAddressThatNoImageHasIsNotAsked(url: String) async throws {
        try await HTTPTransport.run { transport in
            let error = await #expect(throws: HTTPTransportError.self) { try await transport.download(url) { _ in } }
            #expect(error?.kind == .forbiddenAddress)
        }
    }

    @Test func aUserNameIsRefusedEvenOfTheSimulator() async throws {
        try await HTTPTransport.run { transport in
            let error = await #expect(throws: HTTPTransportError.self) {
                try await transport.download("http://user@127.0.0.1/", allowsPrivateAddresses: true) { _ in }
            }
            #expect(error?.kind == .forbiddenAddress)
        }
    }

    @Test func aRedirectIsHeldToTheSameRules() async throws {
        let error = await #expect(throws: HTTPTransportError.self) {
            try await download("/a") {
                while $0.request() != nil { $0.answer("302 Found", ["Location: http://user:word@127.0.0.1/b"]) }
            }
        }
        #expect(error?.kind == .forbiddenAddress)
        #expect(error?.message.contains("word") == false)
    }

    @Test func aSlowSinkHoldsTheServerBack() async throws {
        let size = 48 << 20
        let written = Counter()
        let script: @Sendable (Connection) -> Void = { connection in
            connection.request()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            let piece = String(repeating: "x", count: 1 << 20)
            for _ in 0..<(size >> 20) {
                guard connection.write(piece) else { return }
                written.add(piece.utf8.count)
            }
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run(requestTimeout: .seconds(30), idleTimeout: .seconds(30)) { transport in
                var taken = 0
                var furthestAhead = 0
                _ = try await transport.download(server.origin + "/a", allowsPrivateAddresses: true) { piece in
                    if taken == 0 { await written.settle() }
                    taken += piece.count
                    furthestAhead = max(furthestAhead, written.value - taken)
                }
                #expect(taken == size)
                #expect(furthestAhead < size / 2, "\(furthestAhead) bytes were ahead of the sink")
            }
        }
    }
}
