import HeapModule

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

    private struct Due: Comparable {
        let at: Moment
        let order: UInt64
        let id: TaskID

        static func < (left: Due, right: Due) -> Bool { (left.at, left.order) < (right.at, right.order) }
    }

    /// Look-ups at once.
    package static let inFlightLimit = 32
    /// Failures in a row that open the breaker.
    package static let breakerThreshold = 5

    /// The heap keeps what was replaced or removed until it surfaces; this says what counts.
    private var heap = Heap<Due>()
    private var orders: [TaskID: UInt64] = [:]
    private var inFlight: Set<TaskID> = []
    private var nextOrder: UInt64 = 0
    private var failures = 0
    private var breakerPause = Backoff(first: .seconds(2), longest: .seconds(60))
    private var closedUntil: Moment?

    package init() {}

    package var isEmpty: Bool { orders.isEmpty && inFlight.isEmpty }
    /// Tasks that are looked up or wait for it.
    package var count: Int { orders.count + inFlight.count }

    package func contains(_ id: TaskID) -> Bool { orders[id] != nil || inFlight.contains(id) }

    /// Puts `id` down for a look-up, in place of an earlier date if there is one.
    package mutating func add(_ id: TaskID, at moment: Moment) {
        nextOrder += 1
        orders[id] = nextOrder
        heap.insert(Due(at: moment, order: nextOrder, id: id))
    }

    /// Forgets `id`. A look-up under way is not stopped; its end is then of no consequence.
    package mutating func remove(_ id: TaskID) {
        orders[id] = nil
        inFlight.remove(id)
        if heap.count > 2 * orders.count + 64 { compact() }
    }

    /// The tasks to look up now. They count as under way until ``finished(_:_:at:jitter:)``.
    package mutating func takeDue(at now: Moment) -> [TaskID] {
        if let closedUntil, closedUntil > now { return [] }
        // An open breaker that has waited lets one look-up through to try.
        let limit = failures >= Self.breakerThreshold ? 1 : Self.inFlightLimit
        var due: [TaskID] = []
        while inFlight.count < limit, let next = heap.min, next.at <= now {
            heap.removeMin()
            guard orders[next.id] == next.order else { continue }
            orders[next.id] = nil
            inFlight.insert(next.id)
            due.append(next.id)
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
        while let next = heap.min, orders[next.id] != next.order { heap.removeMin() }
        guard let next = heap.min?.at else { return nil }
        let limit = failures >= Self.breakerThreshold ? 1 : Self.inFlightLimit
        guard inFlight.count < limit else { return nil }
        return max(next, closedUntil ?? next)
    }

    private mutating func compact() {
        heap = Heap(heap.unordered.filter { orders[$0.id] == $0.order })
    }
}
