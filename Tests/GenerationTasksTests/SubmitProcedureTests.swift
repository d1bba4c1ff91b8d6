import GenerationTasks
import JSON
import Testing

private let start = Moment(.seconds(1000))

/// A task that was sent and of which nothing is known, as its state machine leaves it.
private func unresolved(_ task: GenerationTask = .sample(), by sender: OwnerID? = nil) -> GenerationTask {
    let end: TaskEvent = sender == nil ? .ambiguous(.sample()) : .senderLost(.sample())
    return [.sendStarted, end].reduce(task) {
        TaskStateMachine.apply($1, to: $0, at: TestClock.epoch, by: sender) ?? $0
    }
}

extension SubmitProcedure {
    fileprivate init(_ task: GenerationTask, isInherited: Bool = false, isAuthoritative: Bool = true) {
        self.init(task, isInherited: isInherited, rules: Rules(lookUpIsAuthoritative: isAuthoritative))
    }

    /// Looks up as often as the procedure wants, from `start` on, until something other than a failed look-up comes of
    /// it; tells when, in seconds.
    fileprivate mutating func lookUntilDecided(
        _ task: GenerationTask,
        senderIsGone: Bool = true,
        for longest: Duration = .seconds(3600),
        _ answer: (Moment) -> LookUpResult
    ) -> (event: TaskEvent, seconds: Double)? {
        var now = start
        while now - start < longest {
            guard case .lookUp(let due) = next(task, senderIsGone: senderIsGone, at: now) else { return nil }
            now = max(now, due)
            _ = next(task, senderIsGone: senderIsGone, at: now)
            let event = lookedUp(answer(now), of: task, isTaken: false, askedAt: now, at: now, jitter: 0)
            if case .lookUpFailed = event { continue }
            return event.map { ($0, Double((now - start).milliseconds) / 1000) }
        }
        return nil
    }
}

@Suite("Submit procedure")
struct SubmitProcedureTests {
    private let absent = LookUpResult.noSuchTask(.sample(.notFound))

    @Test("a new task is sent at once")
    func new() {
        var procedure = SubmitProcedure(.sample())
        #expect(procedure.next(.sample(), senderIsGone: true, at: start) == .send)
    }

    @Test("what an earlier process has left, and what is named by its key, is looked up once before it is sent")
    func lookFirst() {
        let keyed = GenerationTask.sample { $0.idempotencyKey = "key" }
        for (task, isInherited) in [(GenerationTask.sample(), true), (keyed, false)] {
            for answer in [absent, .rejected(.sample(.auth))] {
                var procedure = SubmitProcedure(task, isInherited: isInherited)
                #expect(procedure.next(task, senderIsGone: true, at: start) == .lookUp(at: start))
                let event = procedure.lookedUp(answer, of: task, isTaken: false, askedAt: start, at: start, jitter: 0)
                #expect(event == nil)
                #expect(procedure.next(task, senderIsGone: true, at: start) == .send)
            }
        }
    }

    @Test("a provider that does not answer keeps it from being sent")
    func lookFirstInVain() {
        var procedure = SubmitProcedure(.sample(), isInherited: true)
        let silence = LookUpResult.unavailable(.sample())
        #expect(procedure.lookedUp(silence, of: .sample(), isTaken: false, askedAt: start, at: start, jitter: 0) == nil)
        #expect(procedure.next(.sample(), senderIsGone: true, at: start) == .lookUp(at: start + .seconds(2)))
    }

    @Test("a job that is found before sending is taken for the task's")
    func foundFirst() {
        var procedure = SubmitProcedure(.sample(), isInherited: true)
        let report = ProviderReport.sample(.processing)
        let event = procedure.lookedUp(
            .found(report),
            of: .sample(),
            isTaken: false,
            askedAt: start,
            at: start,
            jitter: 0
        )
        #expect(event == .reported(report, byLookUp: true))
    }

    @Test("what another process was sending becomes unresolved")
    func inheritedSubmitting() throws {
        let task = try #require(TaskStateMachine.apply(.sendStarted, to: .sample(), at: TestClock.epoch))
        var procedure = SubmitProcedure(task, isInherited: true)
        guard case .apply(.senderLost) = procedure.next(task, senderIsGone: false, at: start) else {
            throw Unexpected("it is not taken for lost")
        }
    }

    @Test("what a process that ended had not sent to its last byte is simply sent again")
    func unsent() throws {
        let task = try #require(TaskStateMachine.apply(.sendStarted, to: .sample(), at: TestClock.epoch))
        let rules = SubmitProcedure.Rules(lookUpIsAuthoritative: false)
        var procedure = SubmitProcedure(task, isInherited: true, isUnsent: true, rules: rules)
        guard case .apply(.notSent) = procedure.next(task, senderIsGone: true, at: start) else {
            throw Unexpected("it is taken for sent")
        }
    }

    @Test("a refusal for no stated kind is in doubt when an attempt may have been made that the ledger does not know")
    func refusalInDoubt() {
        let refusal = TaskEvent.refused(.sample(.refused))
        #expect(SubmitProcedure(.sample()).event(of: refusal) == refusal)
        #expect(SubmitProcedure(.sample(), isInherited: true).event(of: refusal) == .refusedInDoubt(.sample(.refused)))
        let keyed = GenerationTask.sample { $0.idempotencyKey = "key" }
        #expect(SubmitProcedure(keyed).event(of: refusal) == refusal)
        var duplicate = TaskError.sample(.refused)
        duplicate.provider = TaskError.Provider(message: "external_task_id already exists")
        #expect(SubmitProcedure(keyed).event(of: .refused(duplicate)) == .refusedInDoubt(duplicate))
        let policy = TaskEvent.refused(.sample(.contentPolicy))
        #expect(SubmitProcedure(keyed).event(of: policy) == policy)
    }

    @Test("is found within a second when the provider has it")
    func found() throws {
        let task = unresolved()
        var procedure = SubmitProcedure(task)
        let decided = try #require(procedure.lookUntilDecided(task) { _ in .found(.sample(.processing)) })
        #expect(decided.event == .reported(.sample(.processing), byLookUp: true))
        #expect(decided.seconds == 1)
    }

    @Test("three authoritative answers of 'no such task', the last 15 s after the end, let it be sent again")
    func absence() throws {
        let task = unresolved()
        var procedure = SubmitProcedure(task)
        let decided = try #require(procedure.lookUntilDecided(task) { _ in absent })
        #expect(decided.event == .absenceProven)
        #expect(decided.seconds == 15.5)
    }

    @Test("an answer that was asked for too early does not count, however late it comes")
    func oldAnswer() {
        let task = unresolved()
        var procedure = SubmitProcedure(task)
        _ = procedure.next(task, senderIsGone: true, at: start)
        for second in [1, 2, 3, 14] {
            let event = procedure.lookedUp(
                absent,
                of: task,
                isTaken: false,
                askedAt: start + .seconds(second),
                at: start + .seconds(60),
                jitter: 0
            )
            guard case .lookUpFailed = event else {
                Issue.record("decided by what was asked at \(second) s: \(String(describing: event))")
                continue
            }
        }
    }

    @Test("what was seen of one attempt proves nothing of the next")
    func nextAttempt() throws {
        let first = unresolved()
        var procedure = SubmitProcedure(first)
        _ = procedure.next(first, senderIsGone: true, at: start)
        // Another process has sent it again and lost its answer; this one never saw it queued.
        var second = first
        second.attempt = 2
        let later = start + .seconds(100)
        _ = procedure.next(second, senderIsGone: true, at: later)
        for pause in [1, 2, 3] {
            let moment = later + .seconds(pause)
            let event = procedure.lookedUp(
                absent,
                of: second,
                isTaken: false,
                askedAt: moment,
                at: moment,
                jitter: 0
            )
            guard case .lookUpFailed = event else {
                throw Unexpected("decided by the attempt before: \(String(describing: event))")
            }
        }
    }

    @Test("at a gateway 'no such task' proves nothing, however often it is said")
    func gateway() {
        let task = unresolved()
        var procedure = SubmitProcedure(task, isAuthoritative: false)
        #expect(procedure.lookUntilDecided(task) { _ in absent } == nil)
    }

    @Test("nothing is proven while the process that began the attempt may still send")
    func stalledSender() {
        let task = unresolved(by: OwnerID("stalled"))
        var procedure = SubmitProcedure(task)
        #expect(procedure.lookUntilDecided(task, senderIsGone: false) { _ in absent } == nil)
        #expect(procedure.lookUntilDecided(task, senderIsGone: true) { _ in absent }?.event == .absenceProven)
    }

    @Test("a refused later attempt fails once nothing is found: at a gateway by one look, else by proof")
    func laterRefusal() throws {
        var task = unresolved()
        task.isRefused = true
        var gateway = SubmitProcedure(task, isAuthoritative: false)
        #expect(try #require(gateway.lookUntilDecided(task) { _ in absent }).event == .refusalConfirmed)
        var kling = SubmitProcedure(task)
        let decided = try #require(kling.lookUntilDecided(task) { _ in absent })
        #expect(decided.event == .refusalConfirmed)
        #expect(decided.seconds >= 15)
        #expect(gateway.lookUntilDecided(task) { _ in .found(.sample(.submitted)) }?.event.isReport == true)
    }

    @Test(
        "under a name that the caller chose only a job that can be its own is adopted, with five minutes for the clocks",
        arguments: [(-301, false), (-299, true), (0, true), (3600, true), (nil, false)] as [(Int?, Bool)]
    )
    func callersName(age: Int?, isAdopted: Bool) {
        let task = unresolved(
            .sample { task in
                task.externalTaskID = "mine"
                task.request["external_task_id"] = "mine"
            }
        )
        var report = ProviderReport.sample(.processing)
        report.createdAt = age.map { TestClock.epoch.adding(.seconds($0)) }
        var procedure = SubmitProcedure(task)
        let decided = procedure.lookUntilDecided(task, for: .seconds(60)) { _ in .found(report) }
        #expect(decided?.event.isReport ?? false == isAdopted)
    }

    @Test("under our own name an old job is the task's too: this machine's clock may be wrong")
    func ownName() {
        let task = unresolved()
        var report = ProviderReport.sample(.processing)
        report.createdAt = TestClock.epoch.adding(.seconds(-86_400))
        var procedure = SubmitProcedure(task)
        #expect(procedure.lookUntilDecided(task) { _ in .found(report) }?.event.isReport == true)
    }

    @Test("a job that is another task's is neither adopted nor a proof of absence")
    func anothers() {
        let task = unresolved()
        var procedure = SubmitProcedure(task)
        _ = procedure.next(task, senderIsGone: true, at: start)
        for second in 1..<60 {
            let moment = start + .seconds(second)
            let event = procedure.lookedUp(
                .found(.sample(.processing)),
                of: task,
                isTaken: true,
                askedAt: moment,
                at: moment,
                jitter: 0
            )
            guard case .lookUpFailed = event else {
                Issue.record("\(String(describing: event))")
                return
            }
        }
    }

    @Test("an unresolved task is looked for ever more slowly, at last every five minutes")
    func pauses() {
        let task = unresolved()
        var procedure = SubmitProcedure(task, isAuthoritative: false)
        var times: [Double] = []
        _ = procedure.lookUntilDecided(task, for: .seconds(1200)) { now in
            times.append(Double((now - start).milliseconds) / 1000)
            return absent
        }
        #expect(times.prefix(4) == [1, 3, 7, 15.5])
        #expect(times.count < 14)
        #expect(times.suffix(2).last.map { $0 - times[times.count - 2] } == 300)
    }
}

extension TaskEvent {
    fileprivate var isReport: Bool { if case .reported = self { true } else { false } }
}
