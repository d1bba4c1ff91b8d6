/// Which look-ups are due, under one limit for all: a pure state machine.
package struct LookUpSchedule {
    /// How a look-up ended, as far as the provider's health goes.
    package enum Outcome: Sendable, Equatable {
        case answered
        /// Not to be asked at all before that moment.
        case throttled(until: Moment)
        /// The provider could not be reached or was not able to answer.
        case unavailable
    }

    /// Look-ups at once; with the creates, 32 requests to the provider.
    package static let inFlightLimit = 24
    /// Failures in a row that open the breaker.
    package static let breakerThreshold = 5

    private var queue = DueQueue()
    private var inFlight: Set<TaskID> = []
    private var failures = 0
    private var breakerPause = Backoff(first: .seconds(2), longest: .seconds(60))
    private var closedUntil: Moment?

    package init() {}

    /// Tasks that are looked up or wait for it.
    package var count: Int { queue.count + inFlight.count }

    package func contains(_ id: TaskID) -> Bool { queue.contains(id) || inFlight.contains(id) }

    /// Puts `id` down for a look-up, in place of an earlier date if there is one.
    package mutating func add(_ id: TaskID, at moment: Moment) { queue.add(id, at: moment) }

    /// Forgets `id`. A look-up under way is not stopped; its end is then of no consequence.
    package mutating func remove(_ id: TaskID) {
        queue.remove(id)
        inFlight.remove(id)
    }

    /// The tasks to look up now. They count as under way until ``finished(_:_:at:jitter:)``.
    package mutating func takeDue(at now: Moment) -> [TaskID] {
        if let closedUntil, closedUntil > now { return [] }
        var due: [TaskID] = []
        while inFlight.count < limit, let id = queue.takeDue(at: now) {
            inFlight.insert(id)
            due.append(id)
        }
        return due
    }

    /// A look-up has ended.
    ///
    /// - Returns: whether the task still counts, that is, was not removed meanwhile.
    package mutating func finished(_ id: TaskID, _ outcome: Outcome, at now: Moment, jitter: Double) -> Bool {
        switch outcome {
        case .answered:
            failures = 0
            breakerPause.reset()
            closedUntil = nil
        case .throttled(let moment): closedUntil = max(closedUntil ?? moment, moment)
        case .unavailable:
            failures += 1
            if failures >= Self.breakerThreshold { closedUntil = now + breakerPause.next(jitter: jitter) }
        }
        return inFlight.remove(id) != nil
    }

    /// When ``takeDue(at:)`` has something to give next; `nil` when only an event can change that.
    package mutating func nextWake() -> Moment? {
        guard inFlight.count < limit, let next = queue.next() else { return nil }
        return max(next, closedUntil ?? next)
    }

    /// An open breaker that has waited lets one look-up through to try.
    private var limit: Int { failures >= Self.breakerThreshold ? 1 : Self.inFlightLimit }
}
