import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension HTTPTransportError {
    /// Puts what the libraries below throw into one of our kinds.
    init(_ error: any Error, url: HTTPURL) {
        let origin = url.origin
        switch error {
        case let error as HTTPTransportError: self = error
        case is CancellationError: self.init(.cancelled, "the request to \(origin) was cancelled")
        case let error as HTTPClientError: self.init(error, origin: origin)
        case NIOSSLError.uncleanShutdown: self.init(.cut, "\(origin) ended the connection in the middle of TLS")
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            self.init(.tls, "no secure connection to \(origin) (certificate not trusted? see SSL_CERT_FILE): \(error)")
        case is NIOConnectionError: self.init(.connectFailed, "no connection to \(origin): \(Self.reason(error))")
        case let error as IOError:
            let kind: Kind = Self.connectErrors.contains(error.errnoCode) ? .connectFailed : .cut
            let what = kind == .cut ? "the connection to \(origin) broke" : "no connection to \(origin)"
            self.init(kind, "\(what): \(Self.reason(error))")
        case is HTTPParserError: self.init(.cut, "\(origin) broke off or did not answer in HTTP")
        default: self.init(.cut, "the exchange with \(origin) broke off (\(type(of: error)))")
        }
    }

    private init(_ error: HTTPClientError, origin: String) {
        switch error {
        case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout, .httpProxyHandshakeTimeout,
            .socksHandshakeTimeout:
            self.init(.timeout, "no connection to \(origin) in time")
        case .readTimeout, .writeTimeout, .deadlineExceeded: self.init(.timeout, "\(origin) did not answer in time")
        case .cancelled: self.init(.cancelled, "the request to \(origin) was cancelled")
        case .remoteConnectionClosed: self.init(.cut, "\(origin) closed the connection without an answer")
        case .proxyAuthenticationRequired, .invalidProxyResponse:
            self.init(.proxy, "the proxy does not let requests to \(origin) through (\(error.shortDescription))")
        case .alreadyShutdown: self.init(.shutDown, "the transport was shut down")
        case .invalidURL, .emptyHost, .emptyScheme: self.init(.invalidURL, "the URL cannot be used")
        default:
            // Told by the short word, because these two cases carry the offending text itself.
            if ["Invalid header field names", "Invalid header field values"].contains(error.shortDescription) {
                self.init(.invalidRequest, "the request cannot be sent: a header has characters HTTP does not allow")
            } else {
                self.init(.cut, "the exchange with \(origin) failed (\(error.shortDescription))")
            }
        }
    }

    private static let connectErrors: Set<CInt> = [
        ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EHOSTDOWN, ENETDOWN, EADDRNOTAVAIL, EACCES, EPERM, EMFILE, ENFILE,
    ]

    /// The last of what was tried: one address failing is as good a reason as all.
    private static func reason(_ error: any Error) -> String {
        guard let error = error as? NIOConnectionError else {
            return (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(type(of: error))"
        }
        if let last = error.connectionErrors.last { return reason(last.error) }
        if error.dnsAError != nil || error.dnsAAAAError != nil { return "the name \(error.host) cannot be resolved" }
        return "no address"
    }
}
