import HTTPTransport
import JWTKit
import Synchronization

/// Signs logins with a secret key, as Kling's own API takes them: a JSON Web Token, HS256 (kling-api-facts.md 2.2).
///
/// One is used until it is about to expire, since making it costs more than sending it.
final class LoginSigner: Sendable {
    /// Kling's sample values, in milliseconds; no others are known to be taken.
    private static let lifetime: Int64 = 1_800_000
    private static let clockSlack: Int64 = 5_000
    /// Longer than a request may take, so that none is on its way with a login that expires before it arrives.
    private static let margin: Int64 = 120_000

    private struct Signed: Sendable {
        let login: Login
        let notBefore: Int64
        let expires: Int64

        /// Also `false` when the clock was set back since, which makes the login one of the future.
        func isGood(at now: Int64) -> Bool { notBefore <= now && now < expires - LoginSigner.margin }
    }

    private struct Claims: JWTPayload {
        let iss: String
        let exp: Int64
        let nbf: Int64

        /// Nothing is ever read back.
        func verify(using algorithm: some JWTAlgorithm) {}
    }

    let accessKey: String
    private let secretKey: String
    private let current = Mutex<Signed?>(nil)

    init(accessKey: String, secretKey: String) {
        self.accessKey = accessKey
        self.secretKey = secretKey
    }

    /// A login that is good at `now`, in Unix milliseconds, and for a while after.
    func login(at now: Int64) async throws(HTTPTransportError) -> Login {
        if let signed = current.withLock({ $0 }), signed.isGood(at: now) { return signed.login }
        // Two at once may both sign, which does no harm: both logins are good.
        let signed = try await sign(at: now)
        current.withLock { $0 = signed }
        return signed.login
    }

    /// Uses `login` no more; does nothing when another has taken its place already.
    func discard(_ login: Login) {
        current.withLock { signed in
            if signed?.login.isSame(as: login) == true { signed = nil }
        }
    }

    private func sign(at now: Int64) async throws(HTTPTransportError) -> Signed {
        let notBefore = now - Self.clockSlack
        let expires = now + Self.lifetime
        // Whole seconds (RFC 7519 section 2, NumericDate); "not before" is rounded down, as the end is.
        let claims = Claims(iss: accessKey, exp: expires / 1000, nbf: notBefore / 1000)
        // HMAC fills a short key up with zeros (RFC 2104 section 2), and JWTKit stops the process for one.
        let key = secretKey + String(repeating: "\0", count: max(0, 32 - secretKey.utf8.count))
        do {
            let keys = await JWTKeyCollection().add(hmac: HMACKey(from: key), digestAlgorithm: .sha256)
            let token = try await keys.sign(claims)
            let signature = token.split(separator: ".").last.map(String.init) ?? token
            let login = Login(
                token: token,
                secrets: [token, signature, secretKey, accessKey],
                placeholder: "[login]"
            )
            return Signed(login: login, notBefore: notBefore, expires: expires)
        } catch {
            // What JWTKit throws may quote what it was given.
            throw HTTPTransportError(.invalidRequest, "the login could not be signed")
        }
    }
}

extension LoginSigner: CustomReflectable {
    var customMirror: Mirror { Mirror(self, children: [], displayStyle: .class) }
}
