import GenerationTasks
import Synchronization

/// Both clocks in the hand of a test: time stands still until the test moves it.
final class TestClock: TimeSource {
    private struct Sleeper {
        let deadline: Moment
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Moment(.zero)
        var nextID = 0
        /// Numbered in the order in which they lay down.
        var sleepers: [Int: Sleeper] = [:]
        var mostSleepers = 0
    }

    /// The date at which the clock starts: 2026-11-23T20:26:00.000Z.
    static let epoch = Timestamp(milliseconds: 1_795_465_560_000)

    private let state = Mutex(State())

    var now: Moment { state.withLock(\.now) }
    var date: Timestamp { Self.epoch.adding(now.elapsed) }
    /// How many tasks sleep.
    var sleepers: Int { state.withLock(\.sleepers.count) }
    /// How many have slept at the same time at most.
    var mostSleepers: Int { state.withLock(\.mostSleepers) }
    /// When the first of them wakes.
    var nextDeadline: Moment? { state.withLock { $0.sleepers.values.map(\.deadline).min() } }

    func sleep(until deadline: Moment) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // Asked under the lock, so that a cancellation comes either before this or finds the sleeper.
                let early: Result<Void, any Error>? = state.withLock { state in
                    guard !Task.isCancelled else { return .failure(CancellationError()) }
                    guard deadline > state.now else { return .success(()) }
                    state.sleepers[id] = Sleeper(deadline: deadline, continuation: continuation)
                    state.mostSleepers = max(state.mostSleepers, state.sleepers.count)
                    return nil
                }
                if let early { continuation.resume(with: early) }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Moves time on and wakes those whose time has come, the earliest first.
    func advance(to moment: Moment) {
        let woken = state.withLock { state in
            state.now = max(state.now, moment)
            let due = state.sleepers.filter { $0.value.deadline <= moment }
            for id in due.keys { state.sleepers[id] = nil }
            return due.sorted { ($0.value.deadline, $0.key) < ($1.value.deadline, $1.key) }.map(\.value.continuation)
        }
        for sleeper in woken { sleeper.resume() }
    }

    func advance(by duration: Duration) { advance(to: now + duration) }
}

extension Timestamp {
    func adding(_ duration: Duration) -> Timestamp { Timestamp(milliseconds: milliseconds + duration.milliseconds) }
}
