import HTTPTransport
import Testing

/// URLs of images are the provider's; one that is written carelessly still leads to a paid image.
@Suite(.timeLimit(.minutes(1))) struct HTTPURLEncodingTests {
    @Test(
        arguments: [
            ("https://h/a b.png?x=1 2", "https://h/a%20b.png?x=1%202"),
            ("https://h/ü?q={\"a\"|b}", "https://h/%C3%BC?q=%7B%22a%22%7Cb%7D"),
            ("https://h/a%20b?c=%2F", "https://h/a%20b?c=%2F"),
            ("https://h?é", "https://h/?%C3%A9"),
        ]
    )
    func aCarelessPathAndQueryAreEncoded(written: String, sent: String) throws {
        #expect(try HTTPURL(encoding: written).text == sent)
    }

    @Test(
        arguments: [
            "https://h x/", "https://hö/", "https://h\\@evil/", "https://h|i/", "https://h/\r\nX: y",
            "https://h/\u{7F}",
            "h/ x", "", "ftp://h/a b",
        ]
    )
    func aCarelessHostIsRefused(written: String) {
        let error = #expect(throws: HTTPTransportError.self) { try HTTPURL(encoding: written) }
        #expect(error?.kind == .invalidURL)
    }

    @Test(
        arguments: [
            ("/a b", "/a%20b"), ("/a%zz%?b=%", "/a%25zz%25?b=%25"), ("/a?b[]=c[0]", "/a?b%5B%5D=c%5B0%5D"),
            ("//a//b", "//a//b"),
            ("/a/../b/./c", "/a/../b/./c"), ("/a;b=c,d@e!$&'()*+:=~?/?:@", "/a;b=c,d@e!$&'()*+:=~?/?:@"),
        ]
    )
    func whatIsSentIsWhatTheURLSaysInTheGrammarOfRFC3986(written: String, sent: String) async throws {
        let script: @Sendable (Connection) -> Void = { while $0.request() != nil { $0.answer("200 OK", body: "x") } }
        try await ScriptedServer.run(script: script) { server in
            try await HTTPTransport.run { transport in
                _ = try await transport.download(server.origin + written, allowsPrivateAddresses: true) { _ in }
                #expect(server.requests.first?.hasPrefix("GET \(sent) HTTP/1.1\r\n") == true, "\(server.requests)")
            }
        }
    }
}
