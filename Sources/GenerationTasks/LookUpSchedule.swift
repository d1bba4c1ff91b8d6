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
    /// Look-ups under way, and whether their tasks still count.
    private var inFlight: [TaskID: Bool] = [:]
    private var failures = 0
    private var breakerPause = Backoff(first: .seconds(2), longest: .seconds(60))
    private var brokenUntil: Moment?
    private var throttledUntil: Moment?

    package init() {}

    /// Tasks that are looked up or wait for it.
    package var count: Int { queue.count + inFlight.values.count { $0 } }

    package func contains(_ id: TaskID) -> Bool { queue.contains(id) || inFlight[id] == true }

    /// Puts `id` down for a look-up, in place of an earlier date if there is one. While a look-up of it is under way,
    /// that one counts again instead.
    package mutating func add(_ id: TaskID, at moment: Moment) {
        guard inFlight[id] == nil else { return inFlight[id] = true }
        queue.add(id, at: moment)
    }

    /// Forgets `id`. A look-up under way is not stopped and keeps its place among those at once.
    package mutating func remove(_ id: TaskID) {
        queue.remove(id)
        if inFlight[id] != nil { inFlight[id] = false }
    }

    /// The tasks to look up now. They count as under way until ``finished(_:)``.
    package mutating func takeDue(at now: Moment) -> [TaskID] {
        if let closedUntil, closedUntil > now { return [] }
        var due: [TaskID] = []
        while inFlight.count < limit, let id = queue.takeDue(at: now) {
            inFlight[id] = true
            due.append(id)
        }
        return due
    }

    /// Learns of the provider's health from a look-up.
    package mutating func note(_ outcome: Outcome, at now: Moment, jitter: Double) {
        switch outcome {
        case .answered:
            failures = 0
            breakerPause.reset()
            brokenUntil = nil
        case .throttled(let moment): throttledUntil = max(throttledUntil ?? moment, moment)
        case .unavailable:
            failures += 1
            // Those that were under way when the breaker opened tell nothing new.
            guard failures >= Self.breakerThreshold, (brokenUntil ?? now) <= now else { return }
            brokenUntil = now + breakerPause.next(jitter: jitter)
        }
    }

    /// A look-up has ended.
    ///
    /// - Returns: whether the task still counts, that is, was not removed meanwhile.
    package mutating func finished(_ id: TaskID) -> Bool { inFlight.removeValue(forKey: id) ?? false }

    /// When ``takeDue(at:)`` has something to give next; `nil` when only an event can change that.
    package mutating func nextWake() -> Moment? {
        guard inFlight.count < limit, let next = queue.next() else { return nil }
        return max(next, closedUntil ?? next)
    }

    /// Nothing is asked before.
    private var closedUntil: Moment? {
        guard let brokenUntil, let throttledUntil else { return brokenUntil ?? throttledUntil }
        return max(brokenUntil, throttledUntil)
    }

    /// An open breaker that has waited lets one look-up through to try.
    private var limit: Int { failures >= Self.breakerThreshold ? 1 : Self.inFlightLimit }
}
