import GenerationTasks
import Testing

@testable import KlingService

@Suite struct SubmitQueueTests {
    private let start = Moment(.seconds(100))

    private func ids(_ count: Int) -> [TaskID] {
        var random = SystemRandomNumberGenerator()
        return (0..<count).map { _ in TaskID(at: Timestamp(milliseconds: 0), random: &random) }
    }

    @Test func tasksAreSentInTheOrderInWhichTheyCame() {
        var queue = SubmitQueue()
        let ids = ids(3)
        for (index, id) in ids.enumerated().reversed() { queue.add(id, ordinal: Int64(index)) }
        for id in ids {
            #expect(queue.takeNext(at: start) == id)
            queue.finished(id)
        }
        #expect(queue.takeNext(at: start) == nil)
    }

    @Test func aTaskThatComesBackKeepsItsPlace() {
        var queue = SubmitQueue()
        let ids = ids(2)
        for (index, id) in ids.enumerated() { queue.add(id, ordinal: Int64(index)) }
        #expect(queue.takeNext(at: start) == ids[0])
        queue.finished(ids[0])
        queue.add(ids[0], ordinal: 0)
        #expect(queue.takeNext(at: start) == ids[0])
    }

    @Test func twoAreOnTheWireAtFirstAndOneMoreForEachThatIsTakenUpToEight() {
        var queue = SubmitQueue()
        let ids = ids(20)
        for (index, id) in ids.enumerated() { queue.add(id, ordinal: Int64(index)) }
        #expect((0..<3).compactMap { _ in queue.takeNext(at: start) }.count == 2)
        #expect(queue.nextWake(at: start) == nil)
        for _ in 0..<10 { queue.succeeded() }
        #expect((0..<9).compactMap { _ in queue.takeNext(at: start) }.count == 6)
        #expect(queue.nextWake(at: start) == nil)
        queue.finished(ids[0])
        #expect(queue.takeNext(at: start) == ids[8])
    }

    @Test func aThrottledOneHalvesWhatIsOnTheWireAndThoseThatFailWithItChangeNothing() {
        var queue = SubmitQueue()
        let ids = ids(20)
        for (index, id) in ids.enumerated() { queue.add(id, ordinal: Int64(index)) }
        for _ in 0..<10 { queue.succeeded() }
        let onTheWire = (0..<8).compactMap { _ in queue.takeNext(at: start) }
        for id in onTheWire {
            queue.pause(nil, at: start, jitter: 0)
            queue.finished(id)
        }
        #expect(queue.nextWake(at: start) == start + .milliseconds(500))
        let later = start + .seconds(1)
        #expect((0..<8).compactMap { _ in queue.takeNext(at: later) }.count == 4)
    }

    @Test func aPauseHoldsAllAndEndsAsAskedFor() {
        var queue = SubmitQueue()
        queue.add(ids(1)[0], ordinal: 1)
        queue.pause(.seconds(7), at: start, jitter: 0)
        #expect(queue.takeNext(at: start + .seconds(6)) == nil)
        #expect(queue.nextWake(at: start) == start + .seconds(7))
        #expect(queue.takeNext(at: start + .seconds(7)) != nil)
    }

    @Test func pausesThatNobodyAskedForDoubleUntilOneIsTaken() {
        var queue = SubmitQueue()
        queue.add(ids(1)[0], ordinal: 1)
        var now = start
        for seconds in [0.5, 1, 2] {
            queue.pause(nil, at: now, jitter: 0)
            #expect(queue.nextWake(at: now) == now + .seconds(seconds))
            now = now + .seconds(seconds)
        }
        queue.pause(nil, at: now, jitter: 0)
        queue.succeeded()
        #expect(queue.nextWake(at: now) == now)
    }

    @Test func missingSlotsHoldTheQueueUntilSomeAreFreed() {
        var queue = SubmitQueue()
        queue.add(ids(1)[0], ordinal: 1)
        queue.waitForSlots(queue.slotTicket, at: start)
        #expect(queue.takeNext(at: start) == nil)
        queue.slotsFreed()
        #expect(queue.takeNext(at: start) != nil)
    }

    @Test func slotsFreedWhileTheAnswerWasOnItsWayAreNotOverlooked() {
        var queue = SubmitQueue()
        queue.add(ids(1)[0], ordinal: 1)
        let ticket = queue.slotTicket
        queue.slotsFreed()
        queue.waitForSlots(ticket, at: start)
        #expect(queue.takeNext(at: start) != nil)
    }

    @Test func slotsWhoseEndNobodyTellsAreTriedAgainAfterAWhile() {
        var queue = SubmitQueue()
        queue.add(ids(1)[0], ordinal: 1)
        queue.waitForSlots(queue.slotTicket, at: start)
        let wake = queue.nextWake(at: start)
        #expect(wake == start + .seconds(30))
        #expect(queue.takeNext(at: start + .seconds(30)) != nil)
    }
}
