import Testing

@testable import KlingAPI

@Suite("The key")
struct CredentialsTests {
    @Test("is shown by no way of showing things")
    func hidden() throws {
        let credentials = try #require(Credentials(bearerKey: "sk-1234567890"))
        var dumped = ""
        dump(credentials, to: &dumped)
        for shown in ["\(credentials)", String(reflecting: credentials), String(describing: [credentials]), dumped] {
            #expect(!shown.contains("sk-") && !shown.contains("7890"))
        }
        #expect("\(credentials)" == "bearer key")
    }

    @Test("is taken without the line break that ends its file")
    func trimmed() throws {
        let credentials = try #require(Credentials(bearerKey: " sk-1234567890\r\n"))
        #expect(credentials.authorization == "Bearer sk-1234567890")
    }

    @Test(
        "is none when it is empty or could break out of its header",
        arguments: ["", " \n", "a\r\nX: y", "a b", "schlüssel"]
    )
    func refused(key: String) {
        #expect(Credentials(bearerKey: key) == nil)
    }

    @Test("is taken out of what the provider repeats")
    func removed() throws {
        let credentials = try #require(Credentials(bearerKey: "sk-1234567890"))
        let answer = Array("invalid token sk-1234567890, yes sk-1234567890".utf8)
        #expect(credentials.removed(from: answer) == Array("invalid token [key], yes [key]".utf8))
    }
}
