import HTTPTransport
import Testing

@Suite struct HTTPURLTests {
    @Test func aURLIsTakenApart() throws {
        let url = try HTTPURL("HTTPS://Images.Example:8443/a/b.png?x-kcdn-pid=112372&k=%2F#top")
        #expect(url.scheme == .https)
        #expect(url.host == "images.example")
        #expect(url.port == 8443)
        #expect(url.path == "/a/b.png")
        #expect(url.query == "x-kcdn-pid=112372&k=%2F")
        #expect(url.text == "https://images.example:8443/a/b.png?x-kcdn-pid=112372&k=%2F")
    }

    @Test(
        arguments: [
            ("http://h", "http://h/"), ("http://h:80", "http://h/"), ("https://h:443/x", "https://h/x"),
            ("http://h?q", "http://h/?q"), ("http://h#f", "http://h/"), ("http://[::1]:8080/x", "http://[::1]:8080/x"),
            ("http://user:word@h/x", "http://h/x"), ("http://h:/x", "http://h/x"),
        ]
    )
    func aURLIsSentInItsPlainestForm(written: String, sent: String) throws {
        #expect(try HTTPURL(written).text == sent)
    }

    @Test(
        arguments: [
            "", "h", "//h/x", "ftp://h/x", "file:///etc/passwd", "http://", "http:///x", "http://h:0/",
            "http://h:65536/",
            "http://h:8a/", "http://[::1/", "http://[h]/", "http://h x/", "http://h/ x", "http://h\\@evil/",
            "http://h/\u{0}",
            "http://h/\r\nX: y", "http://%68/", "http://hö/", "http://h]/", "http://\u{FF11}27.0.0.1/",
        ]
    )
    func whatTwoReadersCouldReadDifferentlyIsRefused(text: String) {
        let error = #expect(throws: HTTPTransportError.self) { try HTTPURL(text) }
        #expect(error?.kind == .invalidURL)
    }

    @Test func whatIsShownOfAURLHoldsNoSecret() throws {
        let url = try HTTPURL("https://user:word@h/a.png?cacheKey=secret&pkey=secret#secret")
        for shown in [url.description, String(reflecting: url), Redaction.url(url.text), dumped(url)] {
            #expect(!shown.contains("secret") && !shown.contains("word"), "\(shown)")
        }
        #expect(url.description == "https://h/a.png?…")
        #expect(Redaction.url("https://h/not a url?secret") == "a URL that cannot be read")
    }

    @Test(
        arguments: [
            ("https://other/x", "https://other/x"), ("//other/x", "https://other/x"), ("/x?y", "https://h:1/x?y"),
            ("c.png", "https://h:1/a/c.png"), ("?z", "https://h:1/a/b?z"), ("http://h/x", "http://h/x"),
        ]
    )
    func aRedirectLeadsWhereItsLocationSays(location: String, target: String) throws {
        #expect(try HTTPURL("https://h:1/a/b?q").resolving(location).text == target)
    }

    @Test func aPathIsAddedWithOneSlash() throws {
        #expect(try HTTPURL("https://h/base/?q").appending(path: "/v1/x").text == "https://h/base/v1/x")
        #expect(try HTTPURL("https://h").appending(path: "/v1/x").text == "https://h/v1/x")
        let list = try HTTPURL("https://h/base?q").appending(path: "/v1/x", query: "pageNum=2&pageSize=30")
        #expect(list.text == "https://h/base/v1/x?pageNum=2&pageSize=30")
    }

    @Test(
        arguments: [
            "http://127.0.0.1/", "http://127.9.9.9/", "http://localhost/", "http://LOCALHOST./", "http://a.localhost/",
            "http://[::1]/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/",
            "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[64:ff9b::7f00:1]/", "http://127.0.0.1./",
        ]
    )
    func everySpellingOfThisMachineIsKnown(text: String) throws {
        #expect(try HTTPURL(text).reach == .loopback)
    }

    @Test(
        arguments: [
            "http://10.1.2.3/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/",
            "http://169.254.169.254/", "http://100.64.0.1/", "http://0.0.0.0/", "http://255.255.255.255/",
            "http://224.0.0.1/", "http://[::]/", "http://[fe80::1]/", "http://[fd00::1]/", "http://[ff02::1]/",
            "http://[2002:0a00:0001::]/", "http://[::10.0.0.1]/", "http://3232235777/", "http://192.168.257/",
        ]
    )
    func everySpellingOfTheLocalNetworkIsKnown(text: String) throws {
        #expect(try HTTPURL(text).reach == .local)
    }

    @Test(
        arguments: [
            "http://example.com/", "http://9.9.9.9/", "http://172.32.0.1/", "http://[2606:4700::1111]/",
            "http://localhost.example.com/", "http://127.0.0.1.example.com/", "http://[::ffff:9.9.9.9]/",
        ]
    )
    func theRestOfTheWorldIsNotMistakenForIt(text: String) throws {
        #expect(try HTTPURL(text).reach == .everywhere)
    }
}

/// What `dump` prints, which goes around `description`.
func dumped(_ value: Any) -> String {
    var text = ""
    dump(value, to: &text)
    return text
}
