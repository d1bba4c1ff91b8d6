package import SigV4
package import Storage
import Synchronization

/// Hands out credentials that are good for the next request, and gets new ones before they end.
///
/// New ones are got by one task at a time; others go on with the old ones while these are good, and wait when not.
package final class AWSCredentials: S3Credentials {
    typealias Load = @Sendable () async throws(StorageError) -> TemporaryCredentials

    private enum Outcome: Sendable {
        case use(SigV4Credentials)
        case refresh
        case failed(StorageError)
        /// Whoever was at it gave up: ask anew.
        case again
        case cancelled
    }

    private struct State {
        var refresh = CredentialRefresh()
        /// Of those that were loaded last.
        var origin = "the S3 credentials"
        var waiting: [UInt64: CheckedContinuation<Outcome, Never>] = [:]
        var nextID: UInt64 = 0

        /// Those that wait, who are to be resumed once the lock is free: a task that is being cancelled holds a lock of
        /// its own, which resuming it takes too, while its handler waits for this one.
        mutating func takeWaiting() -> [CheckedContinuation<Outcome, Never>] {
            defer { waiting = [:] }
            return Array(waiting.values)
        }
    }

    private let state = Mutex(State())
    private let now: @Sendable () -> Int64
    private let report: @Sendable (StorageError) -> Void
    private let load: Load

    /// Takes credentials from the environment, the shared files or a program that these name, in the order of the AWS
    /// command line. The files are read anew each time. `now` is in seconds since 1970; `report` hears of trouble that
    /// does not show yet, since the old credentials are still good.
    package convenience init(
        environment: [String: String],
        now: @escaping @Sendable () -> Int64,
        report: @escaping @Sendable (StorageError) -> Void = { _ in }
    ) {
        self.init(now: now, report: report) { () throws(StorageError) in
            let files = try AWSSharedFiles.read(environment: environment)
            return switch try CredentialSource(environment: environment, files: files) {
            case .keys(let keys): keys
            case .process(let process): try await process.run(at: now())
            }
        }
    }

    init(
        now: @escaping @Sendable () -> Int64,
        report: @escaping @Sendable (StorageError) -> Void,
        load: @escaping Load
    ) {
        self.now = now
        self.report = report
        self.load = load
    }

    package var origin: String { state.withLock(\.origin) }

    /// Throws ``StorageErrorKind/configuration`` when there are none or settings are wrong, and what can be retried when a
    /// program fails.
    package func current() async throws(StorageError) -> SigV4Credentials {
        while true {
            switch await outcome() {
            case .use(let credentials): return credentials
            case .failed(let error): throw error
            case .cancelled:
                throw StorageError(.unavailable, "waiting for credentials was cancelled", isRetryable: true)
            case .refresh: return try await refresh()
            case .again: continue
            }
        }
    }

    /// Takes note that a server calls `credentials` expired or unknown: the next call gets new ones, which may be the same
    /// when their source has no others.
    package func discard(_ credentials: SigV4Credentials) {
        state.withLock { $0.refresh.discard(credentials) }
    }

    /// What the calling task is to do, once it does not have to wait for another.
    private func outcome() async -> Outcome {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let outcome: Outcome? = state.withLock { state in
                    guard !Task.isCancelled else { return .cancelled }
                    switch state.refresh.decide(at: now()) {
                    case .use(let credentials): return .use(credentials)
                    case .refresh: return .refresh
                    case .wait:
                        state.waiting[id] = continuation
                        return nil
                    }
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            let waited = state.withLock { $0.waiting.removeValue(forKey: id) }
            waited?.resume(returning: .cancelled)
        }
    }

    /// Gets new credentials and tells those who wait for them.
    private func refresh() async throws(StorageError) -> SigV4Credentials {
        let error: StorageError
        do {
            let loaded = try await load()
            let waited = state.withLock { state in
                state.refresh.succeeded(loaded, at: now())
                state.origin = loaded.origin
                return state.takeWaiting()
            }
            for continuation in waited { continuation.resume(returning: .use(loaded.credentials)) }
            return loaded.credentials
        } catch let failure {
            error = failure
        }
        let (waited, outcome) = state.withLock { state -> ([CheckedContinuation<Outcome, Never>], Outcome) in
            if Task.isCancelled {
                state.refresh.abandoned()
                return (state.takeWaiting(), .again)
            }
            return (state.takeWaiting(), state.refresh.failed(at: now()).map(Outcome.use) ?? .failed(error))
        }
        for continuation in waited { continuation.resume(returning: outcome) }
        guard case .use(let kept) = outcome else { throw error }
        report(error)
        return kept
    }
}
