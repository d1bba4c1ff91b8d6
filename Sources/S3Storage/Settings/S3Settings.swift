package import Storage

/// What the environment and the shared files of AWS's tools say of S3, as the AWS command line takes it. Pure.
package struct S3Settings: Sendable {
    /// How a bucket is addressed.
    package enum AddressingStyle: String, Sendable, CaseIterable {
        case auto
        /// In the path: `https://host/bucket/key`.
        case path
        /// In the host: `https://bucket.host/key`.
        case virtual
    }

    /// When checksums beyond what is required go with a request.
    package enum RequestChecksums: String, Sendable, CaseIterable {
        case whenSupported = "when_supported"
        case whenRequired = "when_required"
    }

    /// Not checked: it may be no URL.
    package let endpoint: ConfiguredValue<String>?
    /// Letters, digits, `-`, `_` and `.`, since it goes into a header field.
    package let region: ConfiguredValue<String>?
    package let addressingStyle: ConfiguredValue<AddressingStyle>?
    /// The path of a file with certificates to trust in place of the system's.
    package let caFile: ConfiguredValue<String>?
    /// How often a request is sent at most, the first time included; at least 1.
    package let maxAttempts: ConfiguredValue<Int>?
    package let requestChecksums: ConfiguredValue<RequestChecksums>?

    /// A variable counts before a file; one that is set to nothing counts as not set.
    package init(environment: [String: String], files: AWSSharedFiles) throws(StorageError) {
        let profile = try files.profile(environment)
        endpoint = try Self.endpoint(environment, profile, services: files.services(of: profile))
        let region =
            environment.setting("AWS_REGION") ?? environment.setting("AWS_DEFAULT_REGION") ?? profile["region"]
        if let region, !region.value.utf8.allSatisfy(Self.isPartOfRegion) {
            throw region.error("must be the name of a region, such as us-east-1")
        }
        self.region = region
        addressingStyle = try profile["s3", "addressing_style"].map { setting throws(StorageError) in
            ConfiguredValue(try setting.choice(AddressingStyle.self), origin: setting.origin)
        }
        caFile = (environment.setting("AWS_CA_BUNDLE") ?? profile["ca_bundle"]).map {
            ConfiguredValue($0.value.expandingHome(environment["HOME"]), origin: $0.origin)
        }
        let attempts = environment.setting("AWS_MAX_ATTEMPTS") ?? profile["max_attempts"]
        maxAttempts = try attempts.map { setting throws(StorageError) in
            guard let count = Int(setting.value), count >= 1 else { throw setting.error("must be a number from 1") }
            return ConfiguredValue(count, origin: setting.origin)
        }
        let checksums =
            environment.setting("AWS_REQUEST_CHECKSUM_CALCULATION") ?? profile["request_checksum_calculation"]
        requestChecksums = try checksums.map { setting throws(StorageError) in
            ConfiguredValue(try setting.choice(RequestChecksums.self), origin: setting.origin)
        }
    }

    private static func endpoint(
        _ environment: [String: String],
        _ profile: AWSProfile,
        services: AWSProfile?
    ) throws(StorageError) -> ConfiguredValue<String>? {
        let ignored =
            environment.setting("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") ?? profile["ignore_configured_endpoint_urls"]
        if let ignored, try ignored.choice(Switch.self) == .on { return nil }
        return environment.setting("AWS_ENDPOINT_URL_S3") ?? environment.setting("AWS_ENDPOINT_URL")
            ?? services?["s3", "endpoint_url"] ?? profile["endpoint_url"]
    }

    static func isPartOfRegion(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private enum Switch: String, CaseIterable {
        case on = "true"
        case off = "false"
    }
}
