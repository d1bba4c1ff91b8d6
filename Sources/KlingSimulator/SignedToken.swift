import Crypto
import JSON

/// A login signed by the caller: a JSON Web Token with HS256 (RFC 7515, RFC 7519; kling-api-facts.md 2.2).
struct SignedToken {
    private let signingInput: String
    private let signature: [UInt8]
    private let header: JSONValue
    private let claims: JSONValue

    /// `nil` when `text` has not the shape of a token: it is a plain key then.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.json(parts[0]), header["alg"] != nil, let claims = Self.json(parts[1])
        else { return nil }
        signingInput = "\(parts[0]).\(parts[1])"
        // One that cannot be read is none that fits.
        signature = Self.bytes(parts[2]) ?? []
        self.header = header
        self.claims = claims
    }

    /// Why it is not accepted at `now`, in Unix milliseconds, from the holder of the two keys.
    func refusal(accessKey: String?, secretKey: String?, at now: Int64) -> Refusal? {
        guard let accessKey, let secretKey, claims["iss"]?.stringValue == accessKey else { return .unknownKey }
        let isSigned = HMAC<SHA256>.isValidAuthenticationCode(
            signature,
            authenticating: Array(signingInput.utf8),
            using: SymmetricKey(data: Array(secretKey.utf8))
        )
        guard header["alg"] == "HS256", isSigned, let expires = claims["exp"]?.integerValue else {
            return .badSignature
        }
        let seconds = now / 1000
        if let notBefore = claims["nbf"]?.integerValue, seconds < notBefore { return .tokenNotYetValid }
        return seconds < expires ? nil : .tokenExpired
    }

    private static func json(_ part: Substring) -> JSONValue? {
        guard let bytes = bytes(part), let value = try? JSONValue.parse(bytes) else { return nil }
        return value.objectValue == nil ? nil : value
    }

    /// Base64 with the alphabet for URLs and without padding (RFC 7515 section 2).
    private static func bytes(_ part: Substring) -> [UInt8]? {
        guard !part.contains(where: { "+/=".contains($0) }) else { return nil }
        let standard = part.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
        return Base64.decode(String(standard) + String(repeating: "=", count: (4 - part.utf8.count % 4) % 4))
    }
}
