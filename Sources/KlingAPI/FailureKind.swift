/// What kind of thing went wrong: the words of the wire's `kind` that the core client can give (design section 5).
package struct FailureKind: Sendable, Hashable {
    package let rawValue: String

    private init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    /// A parameter is missing, of the wrong type or out of range.
    package static let invalidParams = FailureKind("invalid_params")
    /// Right in itself, but not offered: a parameter of another limits profile, a model without a channel.
    package static let unsupported = FailureKind("unsupported")
    /// The provider knows no such task.
    package static let notFound = FailureKind("not_found")
    /// The key is wrong, or may not do this.
    package static let auth = FailureKind("auth")
    /// Arrears, an empty balance, a resource pack used up.
    package static let account = FailureKind("account")
    /// The prompt or the image is against the provider's content policy.
    package static let contentPolicy = FailureKind("content_policy")
    /// The provider does not take the request, for any other reason.
    package static let refused = FailureKind("refused")
    /// Too many requests, or too many images in flight.
    package static let throttled = FailureKind("throttled")
    /// Not reached, broken, or answering what cannot be read.
    package static let providerUnavailable = FailureKind("provider_unavailable")
    /// An input image that cannot be read.
    package static let imageUnavailable = FailureKind("image_unavailable")
    /// Larger than the provider takes.
    package static let tooLarge = FailureKind("too_large")
}
