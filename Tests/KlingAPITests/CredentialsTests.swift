import Crypto
import HTTPTransport
import JSON
import Testing

@testable import KlingAPI

@Suite("The key")
struct CredentialsTests {
    @Test("is shown by no way of showing things")
    func hidden() async throws {
        let credentials = try #require(Credentials(bearerKey: "sk-1234567890"))
        let login = try await credentials.login(at: 0)
        for shown in everyDescription(of: credentials) + everyDescription(of: login) {
            #expect(!shown.contains("sk-") && !shown.contains("7890"))
        }
        #expect("\(credentials)" == "bearer key")
    }

    @Test("is taken without the line break that ends its file")
    func trimmed() async throws {
        let credentials = try #require(Credentials(bearerKey: " sk-1234567890\r\n"))
        #expect(try await credentials.login(at: 0).authorization == "Bearer sk-1234567890")
        // With the line break or without, it is one account.
        #expect(credentials.account == "sk-1234567890")
    }

    @Test(
        "is none when it is empty or could break out of its header",
        arguments: ["", " \n", "a\r\nX: y", "a b", "schlüssel"]
    )
    func refused(key: String) {
        #expect(Credentials(bearerKey: key) == nil)
        #expect(Credentials(accessKey: key, secretKey: "secret") == nil)
        #expect(Credentials(accessKey: "access", secretKey: key) == nil)
    }

    @Test("is taken out of what the provider repeats")
    func removed() async throws {
        let login = try await #require(Credentials(bearerKey: "sk-1234567890")).login(at: 0)
        let answer = Array("invalid token sk-1234567890, yes sk-1234567890".utf8)
        #expect(login.removed(from: answer) == Array("invalid token [key], yes [key]".utf8))
        #expect(login.removed(from: Array("sk-1234567890".utf8)) == Array("[key]".utf8))
        for other in ["", "sk-123456789", "sk-sk-123456789", "k-1234567890"] {
            #expect(login.removed(from: Array(other.utf8)) == Array(other.utf8))
        }
    }

    @Test("stays what it is when the provider does not take it")
    func kept() async throws {
        let credentials = try #require(Credentials(bearerKey: "sk-1234567890"))
        #expect(credentials.discard(try await credentials.login(at: 0)) == false)
    }
}

@Suite("A signed login")
struct SignedLoginTests {
    private static let accessKey = "AccessKey0123456789abcdef"
    private static let secretKey = "SecretKey0123456789abcdefABCDEFxyz"
    /// 2026-11-25, not on a full second.
    private static let now: Int64 = 1_795_600_000_789

    private func credentials(secretKey: String = Self.secretKey) throws -> Credentials {
        try #require(Credentials(accessKey: Self.accessKey + "\n", secretKey: secretKey))
    }

    @Test(
        "is a token as Kling's page describes it, whatever the length of the secret",
        arguments: [1, 31, 32, 33, 64, 65, 200]
    )
    func content(length: Int) async throws {
        let secret = String(repeating: "s3-", count: 70).prefix(length)
        let login = try await credentials(secretKey: String(secret)).login(at: Self.now)
        let token = try #require(login.authorization.split(separator: "Bearer ").first)
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        #expect(login.authorization == "Bearer \(token)" && parts.count == 3)
        #expect(try json(parts[0]) == ["alg": "HS256", "typ": "JWT"])
        let claims = try json(parts[1])
        #expect(claims["iss"] == .string(Self.accessKey))
        #expect(claims["exp"] == 1_795_601_800)
        #expect(claims["nbf"] == 1_795_599_995)
        #expect(claims.objectValue?.members.count == 3)
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("\(parts[0]).\(parts[1])".utf8),
            using: SymmetricKey(data: Array(secret.utf8))
        )
        #expect(try base64URL(parts[2]) == Array(code))
    }

    @Test("is used again until two minutes before its end, so that it outlives every request")
    func renewed() async throws {
        let credentials = try credentials()
        let first = try await credentials.login(at: Self.now).authorization
        for later: Int64 in [1, 60_000, 1_679_999] {
            #expect(try await credentials.login(at: Self.now + later).authorization == first)
        }
        let second = try await credentials.login(at: Self.now + 1_680_000).authorization
        #expect(second != first)
        #expect(try await credentials.login(at: Self.now + 1_680_001).authorization == second)
        #expect(Duration.milliseconds(1_800_000 - 1_680_000) > HTTPTransportConfiguration().requestTimeout)
    }

    @Test("is made anew when the clock was set back: it would be one of the future")
    func clockSetBack() async throws {
        let credentials = try credentials()
        let first = try await credentials.login(at: Self.now).authorization
        #expect(try await credentials.login(at: Self.now - 5_000).authorization == first)
        #expect(try await credentials.login(at: Self.now - 5_001).authorization != first)
    }

    @Test("is made anew once it was discarded, and only if it is the one in use")
    func discarded() async throws {
        let credentials = try credentials()
        let first = try await credentials.login(at: Self.now)
        #expect(credentials.discard(first))
        let second = try await credentials.login(at: Self.now + 1_000)
        #expect(second.authorization != first.authorization)
        // Of several requests refused under one login, the first has seen to a new one.
        #expect(credentials.discard(first))
        #expect(try await credentials.login(at: Self.now + 2_000).authorization == second.authorization)
    }

    @Test("shows nothing of key, secret or token in any description")
    func hidden() async throws {
        let credentials = try credentials()
        let login = try await credentials.login(at: Self.now)
        let token = login.authorization.dropFirst("Bearer ".count)
        let signer = LoginSigner(accessKey: Self.accessKey, secretKey: Self.secretKey)
        _ = try await signer.login(at: Self.now)
        let shown =
            everyDescription(of: credentials) + everyDescription(of: login) + everyDescription(of: signer)
        for text in shown {
            for secret in [Self.accessKey, Self.secretKey] + token.split(separator: ".").map(String.init) {
                #expect(!text.contains(secret))
            }
        }
        #expect("\(credentials)" == "access key and secret key")
    }

    @Test("is taken out of what the provider repeats, with what it was made from")
    func removed() async throws {
        let login = try await credentials().login(at: Self.now)
        let token = String(login.authorization.dropFirst("Bearer ".count))
        let signature = try #require(token.split(separator: ".").last)
        let answer = "\(token)|\(signature)|\(Self.secretKey)|\(Self.accessKey)|rest"
        #expect(login.removed(from: Array(answer.utf8)) == Array("[login]|[login]|[login]|[login]|rest".utf8))
    }

    private func json(_ part: Substring) throws -> JSONValue { try JSONValue.parse(base64URL(part)) }

    private func base64URL(_ part: Substring) throws -> [UInt8] {
        #expect(!part.contains { "+/=".contains($0) })
        let standard = part.replacing("-", with: "+").replacing("_", with: "/")
        return try #require(Base64.decode(standard[...]))
    }
}

/// Whatever prints a value prints one of these.
private func everyDescription(of value: Any) -> [String] {
    var dumped = ""
    dump(value, to: &dumped)
    return ["\(value)", String(reflecting: value), String(describing: [value]), dumped]
}
