package import KlingAPI

/// How the service is set up.
package struct ServiceConfiguration: Sendable {
    /// Name of the provider as the wire shows it.
    package var provider: String
    package var account: String
    package var dialect: Dialect
    package var limits: LimitsProfile
    /// `nil` when a key is there; else what is to be said to those who want to spend money without one.
    package var missingCredentials: String?
    package var maxImagesInFlight: Int?
    /// Images that may be asked for on one day (UTC).
    package var maxImagesPerDay: Int?
    /// Folder for content on its way, private to the user.
    package var spool: String
    /// Whether images may come from this machine and network: only when the provider is there itself.
    package var allowsPrivateAddresses: Bool
    /// Told each moment between two durable steps: tests end the process there.
    package var reached: @Sendable (CrashPoint) -> Void

    package init(
        provider: String,
        account: String,
        dialect: Dialect,
        limits: LimitsProfile,
        missingCredentials: String? = nil,
        maxImagesInFlight: Int? = nil,
        maxImagesPerDay: Int? = nil,
        spool: String,
        allowsPrivateAddresses: Bool,
        reached: @escaping @Sendable (CrashPoint) -> Void = { _ in }
    ) {
        self.provider = provider
        self.account = account
        self.dialect = dialect
        self.limits = limits
        self.missingCredentials = missingCredentials
        self.maxImagesInFlight = maxImagesInFlight
        self.maxImagesPerDay = maxImagesPerDay
        self.spool = spool
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.reached = reached
    }
}
