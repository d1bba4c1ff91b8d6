import Synchronization

/// Bounds work that may never end.
enum TimeLimit {
    /// How long work that was cancelled is waited for, at most.
    private static let longestGrace = Duration.seconds(2)

    /// The value of `work`; `nil` when it took longer than `limit`, or when the caller was cancelled and the work did not
    /// heed that.
    ///
    /// Work over its limit is cancelled. When it does not end even then it is left to itself: a call that hangs in a kernel
    /// or a library can't be ended, and whoever asked must have an answer. Hence no task group, which would wait for it.
    static func run<Value: Sendable>(
        _ limit: Duration,
        clock: any Clock<Duration>,
        _ work: @escaping @Sendable () async -> Value
    ) async -> Value? {
        let ending = Ending<Value>()
        let worker = Task {
            let value = await work()
            ending.settle(value)
        }
        let timer = Task {
            try? await clock.sleep(for: limit)
            guard !ending.isSettled else { return }
            if !Task.isCancelled { ending.dropValue() }
            worker.cancel()
            // In a task of its own: this one may be cancelled.
            await Task { try? await clock.sleep(for: min(limit, longestGrace)) }.value
            ending.settle(nil)
        }
        return await withTaskCancellationHandler {
            let value = await ending.value
            timer.cancel()
            return value
        } onCancel: {
            timer.cancel()
        }
    }
}

/// The first of several ends, for one that waits.
private final class Ending<Value: Sendable>: Sendable {
    private struct State {
        var end: Value??
        var isLate = false
        var waiter: CheckedContinuation<Value?, Never>?
    }

    private let state = Mutex(State())

    var isSettled: Bool { state.withLock { $0.end != nil } }

    /// From now on no value counts.
    func dropValue() {
        state.withLock { $0.isLate = true }
    }

    func settle(_ value: Value?) {
        let (waiter, end) = state.withLock { state -> (CheckedContinuation<Value?, Never>?, Value?) in
            guard state.end == nil else { return (nil, nil) }
            let end = state.isLate ? nil : value
            state.end = .some(end)
            defer { state.waiter = nil }
            return (state.waiter, end)
        }
        waiter?.resume(returning: end)
    }

    var value: Value? {
        get async {
            await withCheckedContinuation { continuation in
                let end = state.withLock { state -> Value?? in
                    if state.end == nil { state.waiter = continuation }
                    return state.end
                }
                if let end { continuation.resume(returning: end) }
            }
        }
    }
}
