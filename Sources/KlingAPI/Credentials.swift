import HTTPTransport

/// What proves to the provider who asks: a key, or the means to sign logins. No description of it shows anything of
/// either.
package struct Credentials: Sendable {
    private enum Proof: Sendable {
        case key(String)
        case signature(LoginSigner)
    }

    private let proof: Proof

    /// An API key that is sent as it is (RFC 6750 section 2.1); `nil` when it is empty or cannot stand in a header.
    ///
    /// White space around it is dropped: files and commands that keep a key end it with a line break.
    package init?(bearerKey: String) {
        guard let key = Self.trimmed(bearerKey) else { return nil }
        proof = .key(key)
    }

    /// An access key and the secret key that signs logins under it (kling-api-facts.md 2.2); `nil` when either is empty
    /// or holds what no key does. White space around them is dropped.
    package init?(accessKey: String, secretKey: String) {
        guard let accessKey = Self.trimmed(accessKey), let secretKey = Self.trimmed(secretKey) else { return nil }
        proof = .signature(LoginSigner(accessKey: accessKey, secretKey: secretKey))
    }

    /// What tells the account from others: the key, or the access key. Secret, and never to be shown.
    package var account: String {
        switch proof {
        case .key(let key): key
        case .signature(let signer): signer.accessKey
        }
    }

    private static func trimmed(_ text: String) -> String? {
        let text = text.drop(while: \.isWhitespace)
        let end = text.lastIndex { !$0.isWhitespace }.map { text.index(after: $0) } ?? text.startIndex
        guard end > text.startIndex, text[..<end].utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return String(text[..<end])
    }

    /// What a request at `now`, in Unix milliseconds, goes out with.
    func login(at now: Int64) async throws(HTTPTransportError) -> Login {
        switch proof {
        case .key(let key): Login(token: key, secrets: [key], placeholder: "[key]")
        case .signature(let signer): try await signer.login(at: now)
        }
    }

    /// Takes note that the provider takes `login` for expired or not yet valid, and tells whether another can be made:
    /// a key stays what it is.
    func discard(_ login: Login) -> Bool {
        guard case .signature(let signer) = proof else { return false }
        signer.discard(login)
        return true
    }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String {
        switch proof {
        case .key: "bearer key"
        case .signature: "access key and secret key"
        }
    }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
