import GenerationTasks
import Testing

@Suite("Due queue")
struct DueQueueTests {
    /// The same by searching through everything.
    private struct Model {
        var entries: [(id: TaskID, at: Moment)] = []

        mutating func add(_ id: TaskID, at moment: Moment) {
            remove(id)
            entries.append((id, moment))
        }

        mutating func remove(_ id: TaskID) { entries.removeAll { $0.id == id } }

        mutating func takeDue(at now: Moment) -> TaskID? {
            guard let next, next <= now, let index = entries.firstIndex(where: { $0.at == next }) else { return nil }
            return entries.remove(at: index).id
        }

        var next: Moment? { entries.map(\.at).min() }
    }

    @Test("does what searching through everything would, after any operations", arguments: 1...8 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var queue = DueQueue()
        var model = Model()
        let ids = (0..<40).map { TaskID.sample($0) }
        var now = Moment(.zero)
        for _ in 0..<4000 {
            guard let id = ids.randomElement(using: &generator) else { return }
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<5:
                let moment = now + .seconds(Int.random(in: -3...20, using: &generator))
                queue.add(id, at: moment)
                model.add(id, at: moment)
            case 5:
                queue.remove(id)
                model.remove(id)
            case 6: now = now + .seconds(Int.random(in: 0...3, using: &generator))
            default: #expect(queue.takeDue(at: now) == model.takeDue(at: now))
            }
            #expect(queue.next() == model.next)
            #expect(queue.count == model.entries.count)
            #expect(queue.contains(id) == model.entries.contains { $0.id == id })
        }
    }

    @Test("gives entries of the same date in the order in which they came")
    func order() {
        var queue = DueQueue()
        for number in 0..<100 { queue.add(.sample(number), at: Moment(.seconds(1))) }
        #expect(queue.takeDue(at: Moment(.milliseconds(999))) == nil)
        #expect((0..<100).map { _ in queue.takeDue(at: Moment(.seconds(1))) } == (0..<100).map { TaskID.sample($0) })
        #expect(queue.next() == nil)
    }

    @Test("an entry put down anew has only its last date")
    func replaced() {
        var queue = DueQueue()
        for seconds in 1...1000 { queue.add(.sample(1), at: Moment(.seconds(seconds))) }
        #expect(queue.count == 1)
        #expect(queue.next() == Moment(.seconds(1000)))
        #expect(queue.takeDue(at: Moment(.seconds(999))) == nil)
        #expect(queue.takeDue(at: Moment(.seconds(1000))) == .sample(1))
        #expect(queue.takeDue(at: Moment(.seconds(1000))) == nil)
    }
}
