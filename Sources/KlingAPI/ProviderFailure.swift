package import JSON

/// What the provider, or the way to it, answered instead of a task.
///
/// Holds no secret: what the provider says is quoted only after the key has been taken out of it.
package struct ProviderFailure: Error, Sendable, Equatable {
    package var kind: FailureKind
    /// What happened and what to do, for a person, without a final stop.
    package var message: String
    /// `nil` when no answer came.
    package var httpStatus: Int?
    /// The business code as it was written: an integer at Kling, a word at gateways.
    package var code: JSONValue?
    /// The provider's own words, cut to a length fit for a log.
    package var providerMessage: String?
    /// What the provider's support asks for.
    package var requestID: String?
    /// How long the provider asks to be left alone, at most a day.
    package var retryAfter: Duration?

    package init(
        _ kind: FailureKind,
        _ message: String,
        httpStatus: Int? = nil,
        code: JSONValue? = nil,
        providerMessage: String? = nil,
        requestID: String? = nil,
        retryAfter: Duration? = nil
    ) {
        self.kind = kind
        self.message = message
        self.httpStatus = httpStatus
        self.code = code
        self.providerMessage = providerMessage
        self.requestID = requestID
        self.retryAfter = retryAfter
    }
}
