/// Why an exchange over HTTP did not come to its end.
///
/// Neither the message nor the description ever holds a header, a body or a URL's query.
package struct HTTPTransportError: Error, Sendable {
    /// What went wrong, for decisions.
    package struct Kind: Sendable, Hashable, CustomStringConvertible {
        package let description: String

        /// The URL cannot be used at all.
        package static let invalidURL = Kind(description: "invalid_url")
        /// A header that HTTP does not allow, a line break in a key for example.
        package static let invalidRequest = Kind(description: "invalid_request")
        /// ``AddressGuard`` says no.
        package static let forbiddenAddress = Kind(description: "forbidden_address")
        /// The proxy named by the environment cannot be used, or refused.
        package static let proxy = Kind(description: "proxy")
        /// No connection: name not found, refused, unreachable.
        package static let connectFailed = Kind(description: "connect_failed")
        /// The handshake or a certificate.
        package static let tls = Kind(description: "tls")
        /// Not connected in time, silence for too long, or the whole took too long.
        package static let timeout = Kind(description: "timeout")
        /// The connection ended before the answer did, or the answer was not HTTP.
        package static let cut = Kind(description: "cut")
        /// Fewer bytes came than were announced.
        package static let shortBody = Kind(description: "short_body")
        /// More bytes came, or were announced, than the caller allowed.
        package static let bodyTooLarge = Kind(description: "body_too_large")
        package static let tooManyRedirects = Kind(description: "too_many_redirects")
        /// The caller's sink threw; its error is ``HTTPTransportError/underlying``.
        package static let sinkFailed = Kind(description: "sink_failed")
        /// The file to be sent can't be read, or is shorter than announced.
        package static let sourceFailed = Kind(description: "source_failed")
        package static let cancelled = Kind(description: "cancelled")
        /// The caller lost the right to send while the request went out; its last byte stayed here.
        package static let withdrawn = Kind(description: "withdrawn")
        /// The transport was shut down.
        package static let shutDown = Kind(description: "shut_down")
    }

    package var kind: Kind
    /// What happened, without a final stop.
    package var message: String
    /// `false` only if it is proven that not every byte of the request was handed to the connection, now or ever, so
    /// that no server can have acted on it (design 6.3).
    package var requestHandedOut: Bool
    /// What the sink threw, with ``Kind/sinkFailed``.
    package var underlying: (any Error)?

    package init(
        _ kind: Kind,
        _ message: String,
        requestHandedOut: Bool = false,
        underlying: (any Error)? = nil
    ) {
        self.kind = kind
        self.message = message
        self.requestHandedOut = requestHandedOut
        self.underlying = underlying
    }
}

extension HTTPTransportError: CustomStringConvertible {
    package var description: String { "\(kind): \(message)" }
}

extension HTTPTransportError {
    static func invalidURL(_ reason: String) -> Self { Self(.invalidURL, "the URL cannot be used: \(reason)") }

    static func withdrawn(_ url: HTTPURL) -> Self {
        Self(.withdrawn, "the request to \(url.origin) was withdrawn before its last byte went out")
    }

    static func forbidden(_ url: HTTPURL, _ reason: String) -> Self {
        Self(.forbiddenAddress, "\(url) is not fetched: \(reason)")
    }
}
