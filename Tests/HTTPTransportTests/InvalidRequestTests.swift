import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct InvalidRequestTests {
    @Test(arguments: ["Bearer sk-secret\r\nX-Evil: 1", "Bearer sk-secret\n", "Bearer sk-secret\u{0}"])
    func aKeyThatWouldBreakTheHeaderIsNotSentAndNotShown(value: String) async throws {
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.answer("200 OK")
        }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                let url = try HTTPURL(server.origin + "/create")
                let request = HTTPRequest(.post, url, headers: ["Authorization": value], body: Array("{}".utf8))
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.sendOnce(request, bodyLimit: 100)
                }
                #expect(error?.kind == .invalidRequest)
                #expect(error?.requestHandedOut == false)
                #expect(!dumped(error as Any).contains("sk-secret"))
                #expect(server.connections == 0)
            }
        }
    }
}
