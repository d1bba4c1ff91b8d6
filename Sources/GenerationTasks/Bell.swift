import Synchronization

/// Wakes the one task that waits for it. Rung while nobody waits, it wakes the next wait at once.
package final class Bell: Sendable {
    private struct State {
        var isRung = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    package init() {}

    package func ring() {
        let waiter = state.withLock { state in
            state.isRung = state.waiter == nil
            return state.waiter.take()
        }
        waiter?.resume()
    }

    /// Returns when rung, or when the task is cancelled.
    package func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    guard state.isRung || Task.isCancelled else {
                        state.waiter = continuation
                        return false
                    }
                    state.isRung = false
                    return true
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            ring()
        }
    }

    /// Returns when rung, even if the task is cancelled.
    package func waitUncancelled() async {
        await withCheckedContinuation { continuation in
            let isDue = state.withLock { state in
                guard state.isRung else {
                    state.waiter = continuation
                    return false
                }
                state.isRung = false
                return true
            }
            if isDue { continuation.resume() }
        }
    }

    /// Returns when rung, at `deadline`, or when the task is cancelled.
    package func wait(until deadline: Moment?, _ time: any TimeSource) async {
        guard let deadline else { return await wait() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await time.sleep(until: deadline) }
            group.addTask { await self.wait() }
            await group.next()
            group.cancelAll()
        }
    }
}
