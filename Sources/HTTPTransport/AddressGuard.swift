/// Decides from which addresses an image may be fetched.
///
/// The URLs come from the provider's answers. Without a guard, a provider gone bad, or a gateway in between, could
/// make this process fetch from the user's own machine and network (server-side request forgery).
struct AddressGuard: Sendable {
    /// For a provider that is itself on this machine or network, as the simulator is.
    let allowsPrivateAddresses: Bool

    /// Throws `forbiddenAddress` for a URL that must not be fetched.
    func check(_ url: HTTPURL) throws(HTTPTransportError) {
        guard url.userInfo == nil else { throw .forbidden(url, "it contains a user name") }
        guard !allowsPrivateAddresses else { return }
        guard url.scheme == .https else { throw .forbidden(url, "it is not https") }
        guard url.reach == .everywhere else { throw .forbidden(url, "it points into this machine or network") }
    }
}
