import HTTPTransport
import SigV4

/// Why a store did not do what it was asked for: its own words and what they mean for another attempt.
struct S3Failure: Error, Sendable {
    /// `nil` when there was no answer.
    var status: Int?
    /// S3's own word, such as `SlowDown`; `nil` when the answer had none.
    var code: String?
    /// The store's, or the transport's.
    var message: String
    /// For whoever asks the store's owner.
    var requestID: String?
    /// The region that the store says the bucket is in.
    var region: String?
    /// Seconds by which the store's clock is ahead of ours; `nil` when it did not tell its time.
    var clockDifference: Int64?
    /// How long the store wants to be left alone.
    var retryAfter: Duration?
    var kind: RetryClass
    /// Whether the file to be sent could not be read.
    var isOfTheSource = false
    /// Whether nobody waits for it any more.
    var isCancelled = false

    /// An answer that is no success.
    ///
    /// The store's words are cut and made fit to be shown, and of `keys` nothing is in them.
    init(_ response: HTTPResponse, regionWasGiven: Bool, sentAt: Int64, keys: SigV4Credentials? = nil) {
        let document = Self.document(of: response)
        let error = document?.name == "Error" ? document : nil
        func shown(_ text: String?, _ limit: Int) -> String? {
            text.map { Self.printable(keys?.redact($0) ?? $0, limit: limit) }
        }
        status = response.status
        code = shown(error?.text(of: "Code"), 64)
        message = shown(error?.text(of: "Message"), 500) ?? "HTTP \(response.status)"
        requestID = shown(response.headers["x-amz-request-id"] ?? error?.text(of: "RequestId"), 128)
        region = (response.headers["x-amz-bucket-region"] ?? error?.text(of: "Region")).flatMap { name in
            !name.isEmpty && name.utf8.count <= 64 && name.utf8.allSatisfy(S3Settings.isPartOfRegion) ? name : nil
        }
        let date = response.headers["Date"]
        clockDifference = date.flatMap(RetryAfter.seconds(ofDate:)).map { $0 - sentAt }
        retryAfter =
            response.headers["Retry-After"].flatMap { RetryAfter.duration($0, date: date) }
            ?? response.headers["x-amz-retry-after"].flatMap { UInt32($0) }.map { .milliseconds($0) }
        kind = .permanent
        kind = Self.classify(self, regionWasGiven: regionWasGiven)
    }

    /// No answer.
    init(_ error: HTTPTransportError) {
        message = error.message
        isOfTheSource = error.kind == .sourceFailed
        isCancelled = error.kind == .cancelled || error.kind == .shutDown
        let lasting: [HTTPTransportError.Kind] = [
            .invalidURL, .invalidRequest, .proxy, .tls, .cancelled, .shutDown, .sourceFailed, .sinkFailed,
        ]
        kind = lasting.contains(error.kind) ? .permanent : .transient
    }

    /// What was stored is not what was sent.
    init(corrupted message: String) {
        self.message = message
        kind = .corrupted
    }

    /// What an answer says in XML; `nil` when it is none, or longer than an error ever is.
    static func document(of response: HTTPResponse) -> XMLElement? {
        response.body.count <= longestError ? XMLElement.parse(response.body) : nil
    }

    /// In bytes.
    private static let longestError = 64 << 10

    /// In one line, without what could move a terminal or forge a line of a log.
    private static func printable(_ text: String, limit: Int) -> String {
        let scalars = text.unicodeScalars.prefix(limit).map { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: scalar.escaped(asASCII: true)
            default: String(scalar)
            }
        }
        return scalars.joined() + (text.unicodeScalars.count > limit ? "…" : "")
    }

    /// Whether other keys may be what is needed.
    var blamesKeys: Bool { status == 401 || status == 403 || kind == .expired }

    private static func classify(_ failure: S3Failure, regionWasGiven: Bool) -> RetryClass {
        switch failure.code {
        case "SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "ThrottlingException", "TooManyRequests",
            "RequestLimitExceeded", "BandwidthLimitExceeded", "RequestThrottled":
            return .throttled
        case "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted", "ConditionalRequestConflict",
            "RequestTimeoutException", "Busy":
            return .transient
        case "BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "InvalidDigest": return .corrupted
        case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired": return .expired
        case "RequestTimeTooSkewed", "RequestExpired":
            // Only a request that lay around too long is helped by a new signature; a wrong clock is not.
            guard let difference = failure.clockDifference, abs(difference) < 300 else { return .permanent }
            return .stale
        case "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect",
            "IllegalLocationConstraintException", "AuthorizationQueryParametersError":
            return otherRegion(failure, regionWasGiven)
        default: break
        }
        switch failure.status {
        case 301, 307: return otherRegion(failure, regionWasGiven)
        case 429: return .throttled
        case 408, 499, 500, 502, 503, 504: return .transient
        // An error in the body of a success.
        case 200: return .transient
        default: return .permanent
        }
    }

    /// A region that somebody chose is not overruled: it is told what it should be.
    private static func otherRegion(_ failure: S3Failure, _ regionWasGiven: Bool) -> RetryClass {
        guard !regionWasGiven, let region = failure.region else { return .permanent }
        return .otherRegion(region)
    }
}
