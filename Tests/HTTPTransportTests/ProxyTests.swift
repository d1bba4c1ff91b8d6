import HTTPTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ProxyTests {
    @Test func aRequestGoesThroughTheProxyThatTheEnvironmentNames() async throws {
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.write("HTTP/1.1 200 Connection established\r\n\r\n")
            $0.request()
            $0.answer("200 OK", body: "from behind")
        }
        try await ScriptedServer.run(script: script) { proxy in
            let environment = ["http_proxy": "http://user:sec%20ret@127.0.0.1:\(proxy.port)"]
            try await HTTPTransport.run(proxies: environment) { transport in
                let request = HTTPRequest(.get, try HTTPURL("http://api.example.invalid/x"))
                let response = try await transport.send(request, bodyLimit: 100)
                #expect(String(decoding: response.body, as: UTF8.self) == "from behind")
                #expect(proxy.requests.first?.hasPrefix("CONNECT api.example.invalid:80 HTTP/1.1\r\n") == true)
                // Base64 of "user:sec ret"
                #expect(proxy.requests.first?.contains("Basic dXNlcjpzZWMgcmV0\r\n") == true)
                #expect(proxy.requests.last?.hasPrefix("GET /x HTTP/1.1\r\n") == true)
            }
        }
    }

    @Test func whatNoProxyNamesGoesAroundIt() async throws {
        try await ScriptedServer.run(script: { _ in }) { proxy in
            let environment = ["http_proxy": "http://127.0.0.1:\(proxy.port)", "no_proxy": "example.invalid"]
            try await HTTPTransport.run(proxies: environment) { transport in
                let request = HTTPRequest(.get, try HTTPURL("http://api.example.invalid/x"))
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.send(request, bodyLimit: 100)
                }
                #expect(error?.kind == .connectFailed)
                #expect(proxy.connections == 0)
            }
        }
    }

    @Test func aCreateThatTheProxyDoesNotLetThroughWasNotSent() async throws {
        let script: @Sendable (Connection) -> Void = {
            $0.request()
            $0.answer("407 Proxy Authentication Required")
        }
        try await ScriptedServer.run(script: script) { proxy in
            try await HTTPTransport.run(proxies: ["http_proxy": "http://127.0.0.1:\(proxy.port)"]) { transport in
                let url = try HTTPURL("http://api.example.invalid/create")
                let error = await #expect(throws: HTTPTransportError.self) {
                    try await transport.sendOnce(HTTPRequest(.post, url, body: Array("{}".utf8)), bodyLimit: 100)
                }
                #expect(error?.kind == .proxy, "\(String(describing: error))")
                #expect(error?.requestHandedOut == false)
            }
        }
    }
}
