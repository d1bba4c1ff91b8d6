import SigV4
import Testing

/// The cases of AWS's suite, which botocore's source package carries.
private let names = [
    "get-header-key-duplicate", "get-header-value-multiline", "get-header-value-order", "get-header-value-trim",
    "get-unreserved", "get-utf8", "get-vanilla", "get-vanilla-empty-query-key", "get-vanilla-query",
    "get-vanilla-query-order-encoded", "get-vanilla-query-order-key", "get-vanilla-query-order-key-case",
    "get-vanilla-query-order-value", "get-vanilla-query-unreserved", "get-vanilla-utf8-query",
    "get-vanilla-with-session-token", "normalize-path/get-relative", "normalize-path/get-relative-relative",
    "normalize-path/get-slash", "normalize-path/get-slash-dot-slash", "normalize-path/get-slash-pointless-dot",
    "normalize-path/get-slashes", "normalize-path/get-space", "normalize-path/get-special-character",
    "post-header-key-case", "post-header-key-sort", "post-header-value-case", "post-sts-token/post-sts-header-after",
    "post-sts-token/post-sts-header-before", "post-vanilla", "post-vanilla-empty-query-value", "post-vanilla-query",
    "post-x-www-form-urlencoded", "post-x-www-form-urlencoded-parameters",
]

@Suite(.timeLimit(.minutes(1))) struct SuiteTests {
    /// 2015-08-30T12:36:00Z.
    private let time = SigningTime(secondsSince1970: 1_440_938_160)

    @Test(arguments: names) func everyStepOfACaseIsTheSuites(name: String) throws {
        let suiteCase = try SuiteCase(name)
        let credentials = try #require(
            SigV4Credentials(
                accessKeyID: "AKIDEXAMPLE",
                secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                sessionToken: suiteCase.sessionToken
            )
        )
        var rules = SigV4Rules.generic
        rules.signsSessionToken = name != "post-sts-token/post-sts-header-after"
        let signer = SigV4Signer(credentials: credentials, region: "us-east-1", service: "service", rules: rules)

        let steps = signer.steps(of: suiteCase.request, at: time, showsToken: true)
        #expect(steps.canonicalRequest == suiteCase.canonicalRequest)
        #expect(steps.stringToSign == suiteCase.stringToSign)
        let added = signer.sign(suiteCase.request, at: time)
        #expect(added.first { $0.name == "Authorization" }?.value == suiteCase.authorization)

        let replaced = Set(added.map { $0.name.lowercased() })
        let sent = suiteCase.request.headers.filter { !replaced.contains($0.name.lowercased()) } + added
        var expected = suiteCase.signedRequest.headers
        if name == "get-vanilla-with-session-token" {
            // Its signed request has the signature of get-vanilla, in contradiction to its other files.
            expected = expected.filter { $0.name != "Authorization" } + [("Authorization", suiteCase.authorization)]
        }
        #expect(comparable(sent) == comparable(expected))
    }

    @Test func noCaseOfTheSuiteIsLeftOut() throws {
        #expect(try SuiteCase.names() == Set(names))
        #expect(names.count == 34)
    }

    /// Fields of different names may be sent in any order.
    private func comparable(_ headers: [(name: String, value: String)]) -> [String: [String]] {
        Dictionary(grouping: headers) { $0.name.lowercased() }.mapValues { fields in
            fields.map { $0.value.split { $0 == " " || $0 == "\n" }.joined(separator: " ") }
        }
    }
}
