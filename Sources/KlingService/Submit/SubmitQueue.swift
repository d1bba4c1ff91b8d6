import GenerationTasks

/// Which queued task is sent next: a pure state machine.
///
/// Tasks go in the order in which they came. What stands in the way of one (a limit at the provider, a network that is
/// down) stands in the way of all, so the queue as a whole pauses.
struct SubmitQueue {
    /// Creates on the wire at once at the most; with the look-ups, 32 requests to the provider.
    static let inFlightLimit = 8
    /// Whatever the provider asks for, one create tries it again after so long: a slip of its must not stop all for a day.
    static let longestPause = Duration.seconds(600)
    /// And at first: how much the account may have in flight is not known, and each refusal is a request for nothing.
    static let firstWindow = 2

    private struct Waiting {
        let id: TaskID
        let ordinal: Int64
    }

    /// Ascending by ordinal.
    private var waiting: [Waiting] = []
    private var inFlight: Set<TaskID> = []
    /// Creates on the wire at once now: grows with each that is taken, shrinks when one is throttled.
    private var window = firstWindow
    private var pausedUntil: Moment?
    private var pause = Backoff(first: .milliseconds(500), longest: .seconds(60))
    /// While the first task does not fit beside those in flight: when to try it all the same, since the end of a job
    /// that nobody watches is not told.
    private var slotsWanted: Moment?
    private var timesFreed = 0

    var count: Int { waiting.count + inFlight.count }

    /// Whether the first task waits for images in flight to end.
    var waitsForSlots: Bool { slotsWanted != nil && !waiting.isEmpty }

    /// Puts a task in its place by the order of the ledger, which is the same in all processes.
    mutating func add(_ id: TaskID, ordinal: Int64) {
        guard !inFlight.contains(id), !waiting.contains(where: { $0.id == id }) else { return }
        let place = waiting.lastIndex { $0.ordinal <= ordinal }.map { $0 + 1 } ?? 0
        waiting.insert(Waiting(id: id, ordinal: ordinal), at: place)
    }

    mutating func remove(_ id: TaskID) {
        waiting.removeAll { $0.id == id }
    }

    /// The task to send now; it counts as under way until ``finished(_:)``.
    mutating func takeNext(at now: Moment) -> TaskID? {
        guard inFlight.count < window, max(pausedUntil ?? now, slotsWanted ?? now) <= now,
            let first = waiting.first
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
        window = min(window + 1, Self.inFlightLimit)
        pause.reset()
        pausedUntil = nil
    }

    /// Nothing is to be sent for a while. What was on the wire together and fails together is one failure.
    mutating func pause(_ asked: Duration?, at now: Moment, jitter: Double) {
        let isPaused = pausedUntil.map { $0 > now } ?? false
        if isPaused, asked == nil { return }
        if !isPaused { window = max(1, window / 2) }
        let until = now + min(asked ?? pause.next(jitter: jitter), Self.longestPause)
        pausedUntil = max(pausedUntil ?? until, until)
    }

    /// Counts how often slots have become free; to be kept before slots are asked for.
    var slotTicket: Int { timesFreed }

    /// The first task did not fit beside those in flight. If slots have become free since the ticket was taken, the
    /// answer is out of date.
    mutating func waitForSlots(_ ticket: Int, at now: Moment) {
        if ticket == timesFreed { slotsWanted = now + .seconds(30) }
    }

    /// A task holds its slots no longer.
    mutating func slotsFreed() {
        timesFreed += 1
        slotsWanted = nil
    }

    /// When ``takeNext(at:)`` has something to give; `nil` when only an event can change that.
    func nextWake(at now: Moment) -> Moment? {
        guard inFlight.count < window, !waiting.isEmpty else { return nil }
        return max(pausedUntil ?? now, slotsWanted ?? now)
    }
}
