import Foundation
import HTTPTransport
import Testing

/// Files as bodies, and bodies into files.
@Suite(.timeLimit(.minutes(1))) struct FileBodyTests {
    private func withFile<Result>(_ content: String, _ body: (String) async throws -> Result) async throws -> Result {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-body-\(UUID())").path
        try Data(content.utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(path)
    }

    private func put(_ server: ScriptedServer) throws -> HTTPRequest {
        HTTPRequest(.put, try HTTPURL(server.origin + "/x"))
    }

    /// Several pieces of a body, the whole of it, and nothing.
    @Test(arguments: [(0, 300_000), (1, 200_000), (299_999, 1), (5, 0)])
    func aPartOfAFileIsSentWithItsLength(offset: Int, length: Int) async throws {
        let content = String(
            (0..<300_000).map { "abcdefghijklmnopqrstuvwxyz".utf8.map { Character(Unicode.Scalar($0)) }[$0 % 26] }
        )
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.answer("200 OK")
        }
        try await withFile(content) { path in
            try await ScriptedServer.run(script: script) { server in
                try await HTTPTransport.run { transport in
                    let slice = FileSlice(path: path, offset: Int64(offset), length: Int64(length))
                    let response = try await transport.send(put(server), file: slice, bodyLimit: 100)
                    #expect(response.status == 200)
                    let request = try #require(server.requests.first)
                    #expect(request.lowercased().contains("content-length: \(length)\r\n"))
                    let body = request.components(separatedBy: "\r\n\r\n").dropFirst().joined()
                    #expect(body == String(content.dropFirst(offset).prefix(length)))
                }
            }
        }
    }

    @Test func aFileThatIsGoneIsFoundBeforeAnythingIsSent() async throws {
        try await ScriptedServer.run(script: { _ in }) { server in
            try await HTTPTransport.run { transport in
                let slice = FileSlice(path: "/nonexistent/file", length: 5)
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.send(put(server), file: slice, bodyLimit: 100)
                }
                #expect(error?.kind == .sourceFailed)
                #expect(server.connections == 0)
            }
        }
    }

    /// The server must not take what came for the whole.
    @Test func aFileThatIsShorterThanAnnouncedIsNotSentWhole() async throws {
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.answer("200 OK")
        }
        try await withFile("12345") { path in
            try await ScriptedServer.run(script: script) { server in
                try await HTTPTransport.run { transport in
                    let slice = FileSlice(path: path, length: 6)
                    let error = await #expect(throws: HTTPTransportError.self) {
                        try await transport.send(put(server), file: slice, bodyLimit: 100)
                    }
                    #expect(error?.kind == .sourceFailed)
                    #expect(error?.message.contains("5 of 6 bytes") == true)
                }
            }
        }
    }

    @Test func aBodyIsFetchedPieceByPieceAndAnErrorIsInTheAnswer() async throws {
        let script: @Sendable (Connection) -> Void = {
            while let request = $0.request() {
                if request.hasPrefix("GET /missing") {
                    $0.answer("404 Not Found", body: "no such thing")
                } else {
                    $0.answer("200 OK", body: "content")
                }
            }
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                var taken: [UInt8] = []
                let found = HTTPRequest(.get, try HTTPURL(server.origin + "/there"), headers: ["Authorization": "x"])
                let answer = try await transport.fetch(found, limit: 100, bodyLimit: 100) { taken += $0 }
                #expect(answer.status == 200 && answer.body.isEmpty)
                #expect(taken == Array("content".utf8))
                #expect(server.requests.first?.lowercased().contains("authorization: x") == true)

                let missing = HTTPRequest(.get, try HTTPURL(server.origin + "/missing"))
                let refusal = try await transport.fetch(missing, limit: 100, bodyLimit: 100) { _ in
                    Issue.record("an error is no content")
                }
                #expect(refusal.status == 404)
                #expect(refusal.body == Array("no such thing".utf8))
            }
        }
    }
}
