package import HTTPTransport
package import Logging
package import Storage

/// Keeps objects in a bucket of S3 or of any store that speaks its protocol, over HTTP.
///
/// An object is sent by one signed PUT with its length, SHA-256 and MD5, which the store checks before it shows the
/// object; what the store then says of it is compared once more. A repeat overwrites with the same bytes, so a request
/// whose answer was lost is simply sent again.
package final class S3Storage: StorageBackend {
    package let url: StorageURL
    package let capabilities = StorageCapabilities(metadata: true, get: true, presign: true)

    let client: S3Client
    let options: S3StorageOptions
    let surroundings: S3Surroundings
    // Reading a file to hash it blocks; a few at a time keep a slow disk from stopping everything else.
    private let lanes = (0..<2).map { _ in BlockingLane() }
    private let readiness: Readiness

    /// Does no input or output. Throws ``StorageErrorKind/configuration`` for what can't be a bucket. The transport is for
    /// this storage alone; ``shutdown()`` ends it.
    package init(
        url: StorageURL,
        options: S3StorageOptions,
        credentials: any S3Credentials,
        transport: HTTPTransport,
        surroundings: S3Surroundings,
        log: Logger
    ) throws(StorageError) {
        let region = options.region ?? "us-east-1"
        let location = try S3Location(
            url: url,
            endpoint: options.endpoint,
            region: region,
            style: options.addressing
        )
        self.url = url
        self.options = options
        self.surroundings = surroundings
        client = S3Client(
            location: location,
            region: region,
            regionSetting: options.region == nil ? nil : options.regionSetting,
            credentials: credentials,
            transport: transport,
            attempts: options.attempts,
            surroundings: surroundings,
            log: log
        )
        readiness = Readiness()
    }

    /// Stores and removes a tiny object that no key can name: the one request that shows keys, region, clock, bucket and
    /// the right to write to be as they must, each with the store's own words when it is not.
    ///
    /// A success holds for 10 minutes, or until the store refuses something.
    package func prepare() async throws(StorageError) {
        guard await readiness.isDue(at: surroundings.now()) else { return }
        // Somebody waits for this before anything is sent to the provider.
        let patience = S3Client.Patience(attempts: min(2, options.attempts), attemptTimeout: .seconds(5))
        var probe = S3Request(method: .put, key: Self.probeKey, expectsNoError: true)
        // A bucket with object lock takes nothing without it.
        probe.headers = [(name: "Content-MD5", value: FileDigest.md5OfNothing.base64)]
        _ = try await client.send(probe, patience: patience)
        await readiness.found(at: surroundings.now())
        // Whoever may write but not delete may store all the same.
        let removal = S3Request(method: .delete, key: Self.probeKey)
        _ = try? await client.send(removal, patience: patience, accepts: { _ in true })
    }

    /// Begins with a dot, so no ``ObjectKey`` is the same and no listing shows it.
    private static let probeKey = ".klingd-probe"

    @discardableResult
    package func put(_ request: PutRequest) async throws(StorageError) -> StoredObject {
        let content = try await digest(request)
        do throws(StorageError) {
            if request.size > options.multipartThreshold {
                try await putInParts(request)
            } else {
                try await putWhole(request, content)
            }
        } catch {
            if error.kind == .denied || error.kind == .configuration { await readiness.lost() }
            var error = error
            error.key = request.key
            throw error
        }
        return StoredObject(key: request.key, uri: url.appending(request.key).description, size: request.size)
    }

    package func head(_ key: ObjectKey) async throws(StorageError) -> ObjectState {
        let request = S3Request(method: .head, key: key.description)
        let answer = try await client.send(request, accepts: { $0 == 404 })
        guard answer.status != 404 else { return try await absent() }
        guard let size = answer.headers["Content-Length"].flatMap({ Int64($0) }) else {
            throw StorageError(.unavailable, "the store did not tell the size of \(url.appending(key))", key: key)
        }
        return .present(Self.summary(key, size: size, answer.headers))
    }

    package func delete(_ key: ObjectKey) async throws(StorageError) {
        let answer = try await client.send(S3Request(method: .delete, key: key.description), accepts: { $0 == 404 })
        if answer.status == 404 { _ = try await absent() }
    }

    package func presign(_ key: ObjectKey, for duration: Duration) async throws(StorageError) -> String? {
        try await client.presign(key.description, lifetime: Int(duration.components.seconds))
    }

    package func shutdown() async { await client.shutdown() }

    /// "Not found" is no answer while the bucket itself may be what is missing: an answer to HEAD has no words.
    func absent() async throws(StorageError) -> ObjectState {
        let query = [(name: "list-type", value: "2"), (name: "max-keys", value: "1")]
        // Who may not list is told 403 about a bucket that exists.
        _ = try await client.send(S3Request(method: .get, query: query), accepts: { $0 == 403 })
        return .absent
    }

    static func summary(_ key: ObjectKey, size: Int64, _ headers: HTTPFields) -> ObjectSummary {
        var metadata: [String: String] = [:]
        for field in headers.fields where field.name.lowercased().hasPrefix("x-amz-meta-") {
            metadata[String(field.name.lowercased().dropFirst("x-amz-meta-".count))] = field.value
        }
        return ObjectSummary(
            key: key,
            size: size,
            mediaType: headers["Content-Type"],
            metadata: metadata
        )
    }

    /// Reads the file before it is sent, so that nothing is sent that is not what was announced.
    private func digest(_ request: PutRequest) async throws(StorageError) -> FileDigest {
        try await lane(of: request).run { () throws(StorageError) in try FileDigest(of: request) }
    }

    func digest(_ slice: FileSlice, of request: PutRequest) async throws(StorageError) -> FileDigest {
        try await lane(of: request).run { () throws(StorageError) in try FileDigest(of: slice, in: request) }
    }

    private func lane(of request: PutRequest) -> BlockingLane {
        lanes[Int(UInt(bitPattern: request.key.hashValue) % UInt(lanes.count))]
    }
}

/// Whether the store was found ready, and when.
private actor Readiness {
    private static let validity = Duration.seconds(600)

    private var foundAt: Duration?

    func isDue(at now: Duration) -> Bool { foundAt.map { now - $0 >= Self.validity } ?? true }
    func found(at now: Duration) { foundAt = now }
    func lost() { foundAt = nil }
}
