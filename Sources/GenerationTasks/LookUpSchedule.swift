/// Which look-ups are due, under one limit for all: a pure state machine.
package struct LookUpSchedule {
    /// How a look-up ended, as far as the provider's health goes.
    package enum Outcome: Sendable, Equatable {
        case answered
        /// Not to be asked at all before that moment.
        case throttled(until: Moment)
        /// The provider could not be reached or was not able to answer.
        case unavailable

        package init(_ result: LookUpResult, at now: Moment) {
            switch result {
            case .found, .noSuchTask, .rejected: self = .answered
            case .throttled(let error): self = .throttled(until: now + (error.retryAfter ?? .seconds(5)))
            case .unavailable: self = .unavailable
            }
        }
    }

    /// Look-ups of accepted jobs at once; with the creates and the look-ups of open ones, 32 requests to the provider.
    package static let inFlightLimit = 20
    /// Failures in a row that open the breaker.
    package static let breakerThreshold = 5

    private var queue = DueQueue()
    /// Look-ups under way, and whether their tasks still count.
    private var inFlight: [TaskID: Bool] = [:]
    /// Those of them that are made together, by one request for all.
    private var together: Set<TaskID> = []
    /// Tasks that such a request did not tell of: the next time they are looked up by themselves.
    private var alone: Set<TaskID> = []
    /// Requests for all are not worth their while before.
    private var togetherAfter: Moment?
    private var failures = 0
    private var breakerPause = Backoff(first: .seconds(2), longest: .seconds(60))
    private var brokenUntil: Moment?
    private var throttledUntil: Moment?

    private let inFlightLimit: Int

    package init(inFlightLimit: Int = inFlightLimit) {
        self.inFlightLimit = inFlightLimit
    }

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
        alone.remove(id)
        if inFlight[id] != nil { inFlight[id] = false }
    }

    /// The tasks to look up now. They count as under way until ``finished(_:)``.
    package mutating func takeDue(at now: Moment) -> [TaskID] {
        if let closedUntil, closedUntil > now { return [] }
        var due: [TaskID] = []
        while requests < limit, let id = queue.takeDue(at: now) {
            alone.remove(id)
            inFlight[id] = true
            due.append(id)
        }
        return due
    }

    /// Tasks that one request can look up together: those due now, and those due within `slack` besides, at most `most`.
    /// Empty when it would not save requests, or another such request is under way.
    package mutating func takeTogether(at now: Moment, slack: Duration, most: Int) -> [TaskID] {
        if let closedUntil = [closedUntil, togetherAfter].compactMap(\.self).max(), closedUntil > now { return [] }
        guard together.isEmpty, failures < Self.breakerThreshold, let first = queue.next(), first <= now else {
            return []
        }
        var dates: [(id: TaskID, date: Moment)] = []
        while dates.count < most, let date = queue.next(), let id = queue.takeDue(at: now + slack) {
            dates.append((id, date))
        }
        let due = dates.map(\.id).filter { !alone.contains($0) }
        for (id, date) in dates where alone.contains(id) { queue.add(id, at: date) }
        guard due.count >= Self.fewestTogether else {
            for (id, date) in dates where !alone.contains(id) { queue.add(id, at: date) }
            return []
        }
        for id in due { inFlight[id] = true }
        together.formUnion(due)
        return due
    }

    /// Below, single look-ups are as cheap, and their answers smaller.
    package static let fewestTogether = 3

    /// The request for all has its answer, in which these are missing: each is looked up by itself. When they are many,
    /// it is a while before another such request is made.
    package mutating func endTogether(without missing: [TaskID], at now: Moment) {
        if 2 * missing.count > together.count { togetherAfter = now + Self.togetherPause }
        together = []
        for id in missing where inFlight.removeValue(forKey: id) == true {
            queue.add(id, at: now)
            alone.insert(id)
        }
    }

    private static let togetherPause = Duration.seconds(60)

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
        guard requests < limit, let next = queue.next() else { return nil }
        return max(next, closedUntil ?? next)
    }

    /// Nothing is asked before.
    private var closedUntil: Moment? {
        guard let brokenUntil, let throttledUntil else { return brokenUntil ?? throttledUntil }
        return max(brokenUntil, throttledUntil)
    }

    private var requests: Int { inFlight.count - together.count + (together.isEmpty ? 0 : 1) }

    /// An open breaker that has waited lets one look-up through to try.
    private var limit: Int { failures >= Self.breakerThreshold ? 1 : inFlightLimit }
}
