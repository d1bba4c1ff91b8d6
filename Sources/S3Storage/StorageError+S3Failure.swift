import Storage

/// What an error message can name of the settings in force.
struct S3ErrorContext {
    var endpoint: String
    var bucket: String
    var region: String
    /// Where the region was chosen, such as `AWS_REGION`; `nil` when it was not.
    var regionSetting: String?
    /// What holds the keys, such as `AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`.
    var credentials: String
    var attempts: Int
}

extension StorageError {
    /// What a store's failure means for a storage, and which setting to change.
    init(_ failure: S3Failure, _ context: S3ErrorContext) {
        let said = failure.code.map { "\($0): \(failure.message)" } ?? failure.message
        let request = failure.requestID.map { ", request \($0)" } ?? ""
        let end = " (\(context.endpoint) says \(said)\(request))"
        func isOneOf(_ codes: String...) -> Bool { failure.code.map(codes.contains) ?? false }

        if failure.isOfTheSource {
            self.init(.source, "\(failure.message): fetch it again", isRetryable: true)
        } else if failure.isCancelled {
            self.init(.unavailable, "the request to \(context.endpoint) was cancelled", isRetryable: true)
        } else if isOneOf("SignatureDoesNotMatch") {
            self.init(
                .denied,
                "the access key and its secret do not belong together: correct \(context.credentials)" + end
            )
        } else if isOneOf("InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException") {
            self.init(.denied, "the access key is not known: correct \(context.credentials)" + end)
        } else if isOneOf("ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired") {
            self.init(
                .denied,
                "the session token has expired or is wrong: renew it where \(context.credentials) come from" + end,
                isRetryable: true
            )
        } else if isOneOf("RequestTimeTooSkewed", "RequestExpired") {
            let difference = failure.clockDifference.map { Self.description(ofClockDifference: $0) } ?? "differs"
            self.init(
                .configuration,
                "this machine's clock \(difference) from the store's: set the clock, for example by NTP" + end,
                isRetryable: true
            )
        } else if isOneOf("AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException")
            || failure.status == 301 || failure.status == 307
        {
            let setting = context.regionSetting ?? "AWS_REGION"
            let right = failure.region.map { "to '\($0)'" } ?? "to the bucket's region, or the endpoint to the bucket's"
            self.init(.configuration, "the region '\(context.region)' is wrong: set \(setting) \(right)" + end)
        } else if isOneOf("NoSuchBucket") {
            self.init(
                .configuration,
                "the bucket '\(context.bucket)' does not exist at \(context.endpoint): make it, or correct --storage or "
                    + "AWS_ENDPOINT_URL_S3" + end
            )
        } else if isOneOf("InvalidBucketName") {
            self.init(.configuration, "'\(context.bucket)' can't be a bucket: correct --storage" + end)
        } else if isOneOf(
            "QuotaExceeded",
            "InsufficientCapacity",
            "EntityTooLarge",
            "InsufficientStorage",
            "XMinioStorageFull"
        )
            || failure.status == 507 || failure.status == 413
        {
            self.init(.full, "the store has no room for it: free some, or raise the quota" + end, isRetryable: true)
        } else if failure.status == 401 || failure.status == 403 {
            self.init(
                .denied,
                "the keys in \(context.credentials) may not do this in the bucket '\(context.bucket)': give them "
                    + "s3:PutObject and s3:GetObject there" + end
            )
        } else if failure.kind == .transient || failure.kind == .throttled || failure.kind == .corrupted {
            let times = context.attempts == 1 ? "once" : "\(context.attempts) times"
            self.init(
                .unavailable,
                "the store did not do it, asked \(times): it is tried again" + end,
                isRetryable: true,
                retryAfter: failure.retryAfter
            )
        } else {
            self.init(
                failure.status == nil ? .unavailable : .configuration,
                "the store can't be used: see that AWS_ENDPOINT_URL_S3 leads to an S3 service" + end,
                isRetryable: failure.status == nil
            )
        }
    }

    private static func description(ofClockDifference seconds: Int64) -> String {
        let size = abs(seconds)
        let amount = size < 120 ? "\(size) s" : "\(size / 60) min"
        // Ours is behind when the store's is ahead.
        return "is \(amount) \(seconds > 0 ? "behind" : "ahead") and so differs"
    }
}
