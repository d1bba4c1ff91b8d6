import HTTPTransport
import Logging
package import SigV4
package import Storage
import Synchronization

/// One request to a store, before it is signed.
struct S3Request: Sendable {
    enum Body: Sendable {
        case bytes([UInt8])
        case file(FileSlice, sha256: String)
    }

    var method: HTTPRequest.Method
    /// `nil` for the bucket.
    var key: String?
    var query: [(name: String, value: String)] = []
    var headers: [(name: String, value: String)] = []
    var body = Body.bytes([])
    /// Whether the body of a success may be an error, which came too late for a status.
    var expectsNoError = false
}

/// Sends requests to one store: signed, asked again as ``RetryPolicy`` allows, bounded in time and size.
final class S3Client: Sendable {
    /// How long a request is insisted on.
    struct Patience: Sendable {
        var attempts: Int
        /// For one attempt, which has a second more for each 100 kB of its body.
        var attemptTimeout = Duration.seconds(30)
    }

    /// In bytes: pages of listings are well below.
    private static let answerLimit = 8 << 20
    private static let slowestUpload: Int64 = 100_000

    private struct Place {
        var location: S3Location
        var region: String
    }

    private let place: Mutex<Place>
    /// What to change when the region is wrong; `nil` when nobody chose one.
    private let regionSetting: String?
    private let credentials: any S3Credentials
    private let transport: HTTPTransport
    private let surroundings: S3Surroundings
    private let budget = Mutex(RetryBudget())
    private let patience: Patience
    private let log: Logger

    init(
        location: S3Location,
        region: String,
        regionSetting: String?,
        credentials: any S3Credentials,
        transport: HTTPTransport,
        attempts: Int,
        surroundings: S3Surroundings,
        log: Logger
    ) {
        place = Mutex(Place(location: location, region: region))
        self.regionSetting = regionSetting
        self.credentials = credentials
        self.transport = transport
        patience = Patience(attempts: attempts)
        self.surroundings = surroundings
        self.log = log
    }

    /// Where the bucket is, as far as is known now.
    var location: S3Location { place.withLock(\.location) }

    /// Gives a 2xx answer, and every other one that `accepts` takes.
    func send(
        _ request: S3Request,
        patience given: Patience? = nil,
        accepts: (_ status: Int) -> Bool = { _ in false }
    ) async throws(StorageError) -> HTTPResponse {
        let patience = given ?? self.patience
        return try await withRetries(request, patience) { outgoing in
            let file: FileSlice? = if case .file(let slice, _) = request.body { slice } else { nil }
            return try await transport.send(
                outgoing,
                file: file,
                bodyLimit: Self.answerLimit,
                timeout: patience.attemptTimeout + .seconds((file?.length ?? 0) / Self.slowestUpload)
            )
        } isSuccess: { answer in
            if accepts(answer.status) { return true }
            guard (200...299).contains(answer.status) else { return false }
            // Some stores begin to answer before they know how it ends (`s3-facts.md` 2.2.7).
            guard request.expectsNoError, !answer.body.isEmpty else { return true }
            return S3Failure.document(of: answer)?.name != "Error"
        }
    }

    /// Gives the body of an answer 200 to `sink`, piece by piece; `begin` is told before each attempt.
    func fetch(
        _ request: S3Request,
        accepts: (_ status: Int) -> Bool,
        begin: () throws -> Void,
        into sink: ([UInt8]) throws -> Void
    ) async throws(StorageError) -> HTTPResponse {
        try await withRetries(request, patience) { outgoing in
            try begin()
            return try await transport.fetch(outgoing, limit: .max, bodyLimit: Self.answerLimit) { try sink($0) }
        } isSuccess: {
            accepts($0.status) || $0.status == 200
        }
    }

    func shutdown() async { await transport.shutdown() }

    /// A URL by which anybody can read the object for `lifetime` seconds.
    func presign(_ key: String, lifetime: Int) async throws(StorageError) -> String {
        let signer = SigV4Signer(credentials: try await credentials.current(), region: place.withLock(\.region))
        let path = location.path(of: key)
        let request = SigV4Request(method: "GET", host: location.host, path: path)
        let query = signer.presign(request, lifetime: lifetime, at: SigningTime(secondsSince1970: surroundings.date()))
        do {
            return try location.url(path: path, query: query).text
        } catch {
            throw StorageError(.configuration, error.message)
        }
    }

    private func withRetries(
        _ request: S3Request,
        _ patience: Patience,
        _ exchange: (HTTPRequest) async throws -> HTTPResponse,
        isSuccess: (HTTPResponse) -> Bool
    ) async throws(StorageError) -> HTTPResponse {
        var policy = RetryPolicy(attempts: patience.attempts)
        var attempt = 0
        let start = surroundings.now()
        while true {
            attempt += 1
            let sentAt = surroundings.date()
            let keys = try await credentials.current()
            let failure: S3Failure
            do {
                let answer = try await exchange(try signed(request, keys, at: sentAt))
                if isSuccess(answer) {
                    budget.withLock { $0.succeeded(retried: attempt > 1) }
                    return answer
                }
                failure = S3Failure(answer, regionWasGiven: regionSetting != nil, sentAt: sentAt, keys: keys)
            } catch let error as HTTPTransportError {
                failure = S3Failure(error)
            } catch {
                throw StorageError(.unavailable, "\(error)", isRetryable: true)
            }
            let step = budget.withLock { budget in
                policy.failed(
                    failure.kind,
                    elapsed: surroundings.now() - start,
                    asked: failure.retryAfter,
                    jitter: surroundings.jitter(),
                    budget: &budget
                )
            }
            report(failure, of: request, attempt: attempt, step)
            switch step {
            case .again(let wait): try await pause(wait)
            case .refresh: credentials.discard(keys)
            case .region(let named):
                place.withLock { place in
                    place.region = named
                    place.location = place.location.inRegion(named)
                }
            case .signAnew: break
            case .giveUp:
                // Whoever corrects a file of keys need not start klingd anew.
                if failure.blamesKeys { credentials.discard(keys) }
                throw storageError(failure, attempts: attempt)
            }
        }
    }

    private func signed(
        _ request: S3Request,
        _ keys: SigV4Credentials,
        at time: Int64
    ) throws(HTTPTransportError) -> HTTPRequest {
        let path = location.path(of: request.key)
        let (bytes, payload): ([UInt8], SigV4Payload) =
            switch request.body {
            case .bytes(let bytes): (bytes, .bytes(bytes))
            case .file(_, let sha256): ([], .sha256(hex: sha256))
            }
        let signer = SigV4Signer(credentials: keys, region: place.withLock(\.region))
        let fields = signer.sign(
            SigV4Request(
                method: request.method.rawValue,
                host: location.host,
                path: path,
                query: request.query,
                headers: request.headers,
                payload: payload
            ),
            at: SigningTime(secondsSince1970: time)
        )
        return HTTPRequest(
            request.method,
            try location.url(path: path, query: SigV4Encoding.query(request.query)),
            headers: HTTPFields(request.headers + fields),
            body: bytes
        )
    }

    private func pause(_ duration: Duration) async throws(StorageError) {
        do {
            try await surroundings.sleep(duration)
        } catch {
            throw StorageError(.unavailable, "storing was interrupted", isRetryable: true)
        }
    }

    /// Never with a header, a query or a body: they can hold what opens the store.
    private func report(_ failure: S3Failure, of request: S3Request, attempt: Int, _ step: RetryPolicy.Step) {
        log.info(
            "a request to the store failed",
            metadata: [
                "request": "\(request.method.rawValue) \(location.host)\(location.path(of: request.key))",
                "attempt": "\(attempt)",
                "cause": "\(failure.code ?? failure.status.map(String.init) ?? "no answer"): \(failure.message)",
                "request_id": "\(failure.requestID ?? "none")",
                "next": "\(step)",
            ]
        )
    }

    private func storageError(_ failure: S3Failure, attempts: Int) -> StorageError {
        StorageError(
            failure,
            S3ErrorContext(
                endpoint: location.endpoint.origin,
                bucket: location.bucket,
                region: place.withLock(\.region),
                regionSetting: regionSetting,
                credentials: credentials.origin,
                attempts: attempts
            )
        )
    }
}

/// Where keys come from.
package protocol S3Credentials: Sendable {
    /// Those to sign with now, renewed where they run out.
    func current() async throws(StorageError) -> SigV4Credentials
    /// The store says that they have run out: the next ones must be others.
    func discard(_ credentials: SigV4Credentials)
    /// What holds them, for a person who has to correct them, such as `AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`.
    var origin: String { get }
}

/// What is not a store's: clocks and chance, passed in so that tests can turn them.
package struct S3Surroundings: Sendable {
    /// Seconds since 1970, for signatures.
    package var date: @Sendable () -> Int64
    /// For intervals, from an arbitrary start.
    package var now: @Sendable () -> Duration
    /// Throws `CancellationError` when the task is cancelled meanwhile.
    package var sleep: @Sendable (Duration) async throws -> Void
    /// From 0 to 1.
    package var jitter: @Sendable () -> Double

    package init(
        date: @escaping @Sendable () -> Int64,
        now: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        jitter: @escaping @Sendable () -> Double
    ) {
        self.date = date
        self.now = now
        self.sleep = sleep
        self.jitter = jitter
    }
}
