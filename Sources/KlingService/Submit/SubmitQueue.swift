import GenerationTasks

/// Which queued task is sent next: a pure state machine.
///
/// Tasks go in the order in which they came. What stands in the way of one (a limit at the provider, a network that is
/// down) stands in the way of all, so the queue as a whole pauses.
struct SubmitQueue {
    /// Creates on the wire at once; with the look-ups, 32 requests to the provider.
    static let inFlightLimit = 8

    private struct Waiting {
        let id: TaskID
        let sequence: Int64
    }

    /// Ascending by sequence.
    private var waiting: [Waiting] = []
    private var inFlight: Set<TaskID> = []
    private var pausedUntil: Moment?
    private var pause = Backoff(first: .milliseconds(500), longest: .seconds(60))
    private var needsSlots = false

    var count: Int { waiting.count + inFlight.count }

    /// Puts a task in its place by the sequence of its first appearance.
    mutating func add(_ id: TaskID, sequence: Int64) {
        guard !inFlight.contains(id), !waiting.contains(where: { $0.id == id }) else { return }
        let place = waiting.lastIndex { $0.sequence <= sequence }.map { $0 + 1 } ?? 0
        waiting.insert(Waiting(id: id, sequence: sequence), at: place)
    }

    mutating func remove(_ id: TaskID) {
        waiting.removeAll { $0.id == id }
    }

    /// The task to send now; it counts as under way until ``finished(_:)``.
    mutating func takeNext(at now: Moment) -> TaskID? {
        guard !needsSlots, inFlight.count < Self.inFlightLimit, (pausedUntil ?? now) <= now, let first = waiting.first
        else { return nil }
        waiting.removeFirst()
        inFlight.insert(first.id)
        return first.id
    }

    mutating func finished(_ id: TaskID) {
        inFlight.remove(id)
    }

    /// The provider took one: whatever was in the way is gone.
    mutating func succeeded() {
        pause.reset()
        pausedUntil = nil
    }

    /// Nothing is to be sent for a while.
    mutating func pause(_ asked: Duration?, at now: Moment, jitter: Double) {
        let until = now + (asked ?? pause.next(jitter: jitter))
        pausedUntil = max(pausedUntil ?? until, until)
    }

    /// The first task does not fit beside those in flight.
    mutating func waitForSlots() { needsSlots = true }

    /// Jobs have ended at the provider.
    mutating func slotsFreed() { needsSlots = false }

    /// When ``takeNext(at:)`` has something to give; `nil` when only an event can change that.
    func nextWake(at now: Moment) -> Moment? {
        guard !needsSlots, inFlight.count < Self.inFlightLimit, !waiting.isEmpty else { return nil }
        return pausedUntil ?? now
    }
}
