import HeapModule

/// Tasks with a date each, the earliest first. Replacing and removing cost nothing but the memory of the old date until
/// it surfaces.
package struct DueQueue: Sendable {
    private struct Due: Comparable {
        let at: Moment
        let order: UInt64
        let id: TaskID

        static func < (left: Due, right: Due) -> Bool { (left.at, left.order) < (right.at, right.order) }
    }

    private var heap = Heap<Due>()
    /// Which of a task's dates counts.
    private var orders: [TaskID: UInt64] = [:]
    private var nextOrder: UInt64 = 0

    package init() {}

    package var count: Int { orders.count }

    package func contains(_ id: TaskID) -> Bool { orders[id] != nil }

    /// Puts `id` down for `moment`, in place of an earlier entry if there is one.
    package mutating func add(_ id: TaskID, at moment: Moment) {
        nextOrder += 1
        orders[id] = nextOrder
        heap.insert(Due(at: moment, order: nextOrder, id: id))
        if heap.count > 2 * orders.count + 64 { heap = Heap(heap.unordered.filter { orders[$0.id] == $0.order }) }
    }

    package mutating func remove(_ id: TaskID) { orders[id] = nil }

    /// Takes out the earliest entry that is due.
    package mutating func takeDue(at now: Moment) -> TaskID? {
        guard let first = next(), first <= now, let due = heap.popMin() else { return nil }
        orders[due.id] = nil
        return due.id
    }

    /// The earliest date.
    package mutating func next() -> Moment? {
        while let first = heap.min, orders[first.id] != first.order { heap.removeMin() }
        return heap.min?.at
    }
}
