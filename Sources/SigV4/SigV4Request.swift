import Crypto

/// What is to be signed of a request.
package struct SigV4Request: Sendable {
    package var method: String
    /// The `Host` field exactly as it is sent, with the port when it has one.
    package var host: String
    /// As it goes on the wire; ``SigV4Encoding/path(_:)`` makes the form that every server agrees on.
    package var path: String
    /// Names and values as they are meant, not percent-encoded, in any order; ``SigV4Encoding/query(_:)`` makes what goes
    /// on the wire. A name without a value (`?lifecycle`) has an empty one.
    package var query: [(name: String, value: String)]
    /// The fields to sign. What others may change on the way, such as `User-Agent` or `Expect`, had better not be among
    /// them. `Host` and the fields that the signer returns are signed without being here, and skipped when they are.
    package var headers: [(name: String, value: String)]
    package var payload: SigV4Payload

    package init(
        method: String,
        host: String,
        path: String,
        query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [],
        payload: SigV4Payload = .empty
    ) {
        self.method = method
        self.host = host
        self.path = path
        self.query = query
        self.headers = headers
        self.payload = payload
    }
}

/// How a signature vouches for the body: the value of `x-amz-content-sha256`.
package struct SigV4Payload: Sendable, Hashable {
    let text: String

    /// The body has this SHA-256, in hexadecimal.
    package static func sha256(hex: String) -> SigV4Payload { SigV4Payload(text: hex.lowercased()) }

    /// The body is exactly this.
    package static func bytes(_ body: [UInt8]) -> SigV4Payload {
        SigV4Payload(text: SHA256.hash(data: body).hexadecimal)
    }

    /// There is no body.
    package static let empty = SigV4Payload.bytes([])

    /// The body is not vouched for: TLS has to protect it.
    package static let unsigned = SigV4Payload(text: "UNSIGNED-PAYLOAD")
}
