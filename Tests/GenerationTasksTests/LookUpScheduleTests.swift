import GenerationTasks
import Testing

@Suite("Look-up schedule")
struct LookUpScheduleTests {
    private let start = Moment(.zero)

    private func schedule(_ count: Int) -> LookUpSchedule {
        var schedule = LookUpSchedule()
        for number in 0..<count { schedule.add(.sample(number), at: start) }
        return schedule
    }

    @Test("gives out 20 look-ups at once, and another for each that ends")
    func limit() {
        var schedule = schedule(100)
        let first = schedule.takeDue(at: start)
        #expect(first == (0..<20).map { TaskID.sample($0) })
        #expect(schedule.takeDue(at: start).isEmpty)
        #expect(schedule.nextWake() == nil)
        #expect(schedule.count == 100)
        #expect(schedule.finished(.sample(3)) == true)
        #expect(schedule.nextWake() == start)
        #expect(schedule.takeDue(at: start) == [.sample(20)])
        #expect(schedule.count == 99)
    }

    @Test("gives nothing before its date")
    func dates() {
        var schedule = LookUpSchedule()
        schedule.add(.sample(1), at: Moment(.seconds(2)))
        schedule.add(.sample(2), at: Moment(.seconds(1)))
        #expect(schedule.takeDue(at: Moment(.milliseconds(999))).isEmpty)
        #expect(schedule.nextWake() == Moment(.seconds(1)))
        #expect(schedule.takeDue(at: Moment(.seconds(5))) == [.sample(2), .sample(1)])
        #expect(schedule.nextWake() == nil)
    }

    @Test("asks nothing until the moment that was named, also when other look-ups are answered meanwhile")
    func throttled() {
        var schedule = schedule(50)
        let underWay = schedule.takeDue(at: start)
        schedule.note(.throttled(until: Moment(.seconds(30))), at: start, jitter: 0)
        schedule.note(.throttled(until: Moment(.seconds(10))), at: start, jitter: 0)
        for id in underWay {
            schedule.note(.answered, at: start, jitter: 0)
            #expect(schedule.finished(id) == true)
        }
        #expect(schedule.takeDue(at: Moment(.milliseconds(29_999))).isEmpty)
        #expect(schedule.nextWake() == Moment(.seconds(30)))
        #expect(schedule.takeDue(at: Moment(.seconds(30))).count == 20)
    }

    // MARK: Breaker

    /// Lets one look-up fail at `now`.
    private func failOne(_ schedule: inout LookUpSchedule, at now: Moment) {
        guard let id = schedule.takeDue(at: now).first else { return }
        schedule.note(.unavailable, at: now, jitter: 0)
        _ = schedule.finished(id)
        schedule.add(id, at: now)
    }

    @Test("opens after five failures in a row, for 2 s doubling to 60 s, and then tries with one look-up")
    func breaker() {
        var schedule = LookUpSchedule()
        schedule.add(.sample(0), at: start)
        for _ in 0..<5 {
            #expect(schedule.nextWake() == start)
            failOne(&schedule, at: start)
        }
        for number in 1..<10 { schedule.add(.sample(number), at: start) }
        var now = start
        for pause in [2, 4, 8, 16, 32, 60, 60] {
            let open = now + .seconds(pause)
            #expect(schedule.nextWake() == open)
            #expect(schedule.takeDue(at: open + .milliseconds(-1)).isEmpty)
            now = open
            let tried = schedule.takeDue(at: now)
            #expect(tried.count == 1)
            #expect(schedule.nextWake() == nil)
            schedule.note(.unavailable, at: now, jitter: 0)
            for id in tried {
                _ = schedule.finished(id)
                schedule.add(id, at: now)
            }
        }
    }

    @Test("closes when the one that was let through is answered, and starts from 2 s the next time")
    func closing() {
        var schedule = schedule(30)
        for _ in 0..<30 { failMany(&schedule, at: start) }
        let later = start + .seconds(60)
        let tried = schedule.takeDue(at: later)
        #expect(tried.count == 1)
        schedule.note(.answered, at: later, jitter: 0)
        for id in tried { #expect(schedule.finished(id) == true) }
        #expect(schedule.takeDue(at: later).count == 20)
        for _ in 0..<5 { schedule.note(.unavailable, at: later, jitter: 0) }
        for number in 0..<30 { _ = schedule.finished(.sample(number)) }
        #expect(schedule.takeDue(at: later + .milliseconds(1999)).isEmpty)
        #expect(schedule.takeDue(at: later + .seconds(2)).count == 1)
    }

    private func failMany(_ schedule: inout LookUpSchedule, at now: Moment) {
        for id in schedule.takeDue(at: now) {
            schedule.note(.unavailable, at: now, jitter: 0)
            _ = schedule.finished(id)
            schedule.add(id, at: now)
        }
    }

    @Test("one outage that 20 look-ups meet at once counts as one: the pause is 2 s, not 60")
    func oneOutage() {
        var schedule = schedule(20)
        failMany(&schedule, at: start)
        #expect(schedule.nextWake() == Moment(.seconds(2)))
    }

    @Test("an answer between failures keeps the breaker closed")
    func notInARow() {
        var schedule = schedule(1)
        for _ in 0..<10 {
            for _ in 0..<4 { schedule.note(.unavailable, at: start, jitter: 0) }
            schedule.note(.answered, at: start, jitter: 0)
        }
        #expect(schedule.nextWake() == start)
    }

    // MARK: Removal

    @Test("a task that is removed is not looked up")
    func removed() {
        var schedule = schedule(2)
        schedule.remove(.sample(0))
        #expect(!schedule.contains(.sample(0)))
        #expect(schedule.count == 1)
        #expect(schedule.takeDue(at: start) == [.sample(1)])
    }

    @Test("a look-up under way keeps its place when its task is removed, and then no longer counts")
    func removedUnderWay() {
        var schedule = schedule(30)
        #expect(schedule.takeDue(at: start).count == 20)
        for number in 0..<20 { schedule.remove(.sample(number)) }
        #expect(schedule.count == 10)
        #expect(!schedule.contains(.sample(0)))
        #expect(schedule.takeDue(at: start).isEmpty)
        #expect(schedule.finished(.sample(0)) == false)
        #expect(schedule.takeDue(at: start) == [.sample(20)])
    }

    @Test("a task that comes back while its look-up is under way is not looked up twice at once")
    func backAgain() {
        var schedule = schedule(1)
        #expect(schedule.takeDue(at: start) == [.sample(0)])
        schedule.remove(.sample(0))
        schedule.add(.sample(0), at: start)
        #expect(schedule.contains(.sample(0)))
        #expect(schedule.count == 1)
        #expect(schedule.takeDue(at: start).isEmpty)
        #expect(schedule.finished(.sample(0)) == true)
        #expect(!schedule.contains(.sample(0)))
    }
}
