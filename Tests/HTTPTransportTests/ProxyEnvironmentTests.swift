import HTTPTransport
import Testing

@Suite struct ProxyEnvironmentTests {
    private func proxy(_ url: String, _ environment: [String: String]) throws -> String? {
        try ProxyEnvironment(environment).proxy(for: HTTPURL(url)).map { "\($0.kind) \($0.host):\($0.port)" }
    }

    @Test func eachSchemeHasItsVariable() throws {
        let environment = ["http_proxy": "http://p1:1", "https_proxy": "http://p2:2"]
        #expect(try proxy("http://h/", environment) == "http p1:1")
        #expect(try proxy("https://h/", environment) == "http p2:2")
    }

    @Test func allProxyServesWhatHasNoneOfItsOwn() throws {
        let environment = ["ALL_PROXY": "socks5://p0:9", "HTTPS_PROXY": "http://p2:2"]
        #expect(try proxy("http://h/", environment) == "socks p0:9")
        #expect(try proxy("https://h/", environment) == "http p2:2")
    }

    @Test func theLowerCaseWins() throws {
        #expect(try proxy("https://h/", ["https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"]) == "http low:1")
    }

    @Test func aHeaderOfACGIClientIsNoProxy() throws {
        #expect(try proxy("http://h/", ["HTTP_PROXY": "http://evil:1"]) == nil)
    }

    @Test(
        arguments: [
            ("p", "http p:1080"), ("p:3128", "http p:3128"), ("http://p:80/", "http p:80"),
            ("socks5h://p", "socks p:1080"), ("[::1]:8080", "http ::1:8080"), ("http://u:w@p:1", "http p:1"),
        ]
    )
    func aProxyIsWrittenInManyWays(value: String, meaning: String) throws {
        #expect(try proxy("https://h/", ["https_proxy": value]) == meaning)
    }

    @Test(arguments: ["https://p:1", "socks4://p", "http://", "http://p:x", "http://a b", "socks5://u:w@p:1", "://p"])
    func aProxyThatCannotBeUsedIsAnErrorAndNotPassedBy(value: String) throws {
        let error = #expect(throws: HTTPTransportError.self) { try proxy("https://h/", ["https_proxy": value]) }
        #expect(error?.kind == .proxy)
        #expect(error?.message.contains("u:w") == false)
    }

    @Test(
        arguments: [
            ("*", "https://h/", true), ("h", "https://h/", true), ("h", "https://a.h/", true),
            ("h", "https://ah/", false),
            (".h", "https://a.h/", true), ("*.h", "https://a.h/", true), ("H", "https://h./", true),
            ("a, b c", "https://b/", true), ("a, b c", "https://c/", true), ("a, b c", "https://d/", false),
            ("h:443", "https://h/", true), ("h:80", "https://h/", false), ("10.0.0.0/8", "https://10.9.9.9/", true),
            ("10.0.0.0/8", "https://11.0.0.1/", false), ("10.9.9.9", "https://10.9.9.9/", true),
            ("172.16.0.0/12", "https://172.31.0.1/", true), ("172.16.0.0/12", "https://172.32.0.1/", false),
            ("fd00::/8", "https://[fd12::1]/", true), ("[fd12::1]", "https://[fd12::1]/", true),
            ("", "https://h/", false), (",", "https://h/", false), ("10.0.0.0/99", "https://10.0.0.1/", false),
        ]
    )
    func noProxyNamesWhatIsReachedDirectly(list: String, url: String, isDirect: Bool) throws {
        let environment = ["all_proxy": "http://p:1", "no_proxy": list]
        #expect(try (proxy(url, environment) == nil) == isDirect)
    }

    @Test func thisMachineIsAlwaysReachedDirectly() throws {
        #expect(try proxy("http://127.0.0.1:8080/", ["all_proxy": "http://p:1"]) == nil)
        #expect(try proxy("http://localhost/", ["http_proxy": "http://p:1"]) == nil)
    }

    @Test func withoutVariablesOrWithEmptyOnesThereIsNoProxy() throws {
        #expect(try proxy("https://h/", [:]) == nil)
        #expect(try proxy("https://h/", ["https_proxy": "", "ALL_PROXY": ""]) == nil)
    }

    @Test func theWordsOfAProxyAreNotShown() throws {
        let proxy = try ProxyEnvironment(["https_proxy": "http://user:secret@p:1"]).proxy(for: HTTPURL("https://h/"))
        for shown in ["\(String(describing: proxy))", String(reflecting: proxy), dumped(proxy as Any)] {
            #expect(!shown.contains("secret") && !shown.contains("user"))
        }
    }
}
