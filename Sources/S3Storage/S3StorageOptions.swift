package import HTTPTransport
package import Storage

/// What a bucket needs to be known, beyond its URL.
package struct S3StorageOptions: Sendable {
    /// The store's address, such as `https://s3.example.com`; `nil` for Amazon's.
    package var endpoint: HTTPURL?
    /// `us-east-1` when nobody chose one; then the one that the store names is taken.
    package var region: String?
    /// What to change when the region is wrong, such as `AWS_REGION`.
    package var regionSetting: String
    /// `nil` for the endpoint's usual one.
    package var addressing: S3AddressingStyle?
    package var checksums: S3Checksums
    /// Requests for one operation, the first among them.
    package var attempts: Int
    /// Files above this many bytes are stored in parts. A single request is what every store does right.
    package var multipartThreshold: Int64
    /// In bytes; stores want at least 5 MiB.
    package var partLength: Int64

    package init(
        endpoint: HTTPURL? = nil,
        region: String? = nil,
        regionSetting: String = "AWS_REGION",
        addressing: S3AddressingStyle? = nil,
        checksums: S3Checksums = .automatic,
        attempts: Int = 4,
        multipartThreshold: Int64 = 200 << 20,
        partLength: Int64 = 64 << 20
    ) {
        self.endpoint = endpoint
        self.region = region
        self.regionSetting = regionSetting
        self.addressing = addressing
        self.checksums = checksums
        self.attempts = attempts
        self.multipartThreshold = multipartThreshold
        self.partLength = partLength
    }

    /// What the AWS variables and files say. Throws ``StorageErrorKind/configuration`` that names the setting.
    package init(_ settings: S3Settings) throws(StorageError) {
        self.init()
        if let given = settings.endpoint {
            do {
                endpoint = try HTTPURL(given.value)
            } catch {
                throw given.error("must be an address such as https://s3.example.com (\(error.message))")
            }
        }
        if let given = settings.region {
            region = given.value
            regionSetting = given.origin
        }
        addressing = settings.addressingStyle.flatMap { S3AddressingStyle(rawValue: $0.value.rawValue) }
        if let given = settings.maxAttempts { attempts = given.value }
        if let given = settings.requestChecksums { checksums = given.value == .whenRequired ? .never : .automatic }
    }
}

/// Whether `x-amz-checksum-sha256` goes with what is stored. Several stores refuse it (`s3-facts.md` 2.2.2), and
/// Content-MD5 and the signed SHA-256 guard the way there in any case.
package enum S3Checksums: String, Sendable, CaseIterable {
    /// To Amazon only.
    case automatic
    case always
    case never
}
