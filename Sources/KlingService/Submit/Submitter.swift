import GenerationTasks
import KlingAPI

/// Brings tasks to the provider: sends what is queued, and finds out what became of what was sent.
///
/// What is to be done with one task says its ``SubmitProcedure``; here stands when its turn is.
actor Submitter {
    private let executor: any SerialExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Look-ups of tasks whose outcome is open, at once.
    private static let lookUpLimit = 4

    private let table: TaskTable
    private let ledger: any Ledger
    private let owner: OwnerID
    private let provider: ProviderSlot
    private let source: any OpenTaskLookUp
    private let rules: SubmitProcedure.Rules
    private let slotLimit: Int?
    private let longestJob: @Sendable (JobClass) async -> Duration
    private let reached: @Sendable (CrashPoint) -> Void
    private let time: any TimeSource
    private let jitter: @Sendable () -> Double
    private let sendBell = Bell()
    private let lookBell = Bell()
    private var queue = SubmitQueue()
    private var lookUps = LookUpSchedule(inFlightLimit: lookUpLimit)
    private var procedures: [TaskID: SubmitProcedure] = [:]
    /// Places of those tasks in the order of the ledger.
    private var ordinals: [TaskID: Int64] = [:]
    /// Tasks that are being sent: their creates are on the wire, or about to be.
    private var sending: Set<TaskID> = []
    /// Events that a procedure asks for, to be applied.
    private var events: [(TaskID, TaskEvent)] = []
    /// Senders whose processes have ended.
    private var gone: Set<OwnerID> = []
    private var isStopping = false

    init(
        executor: any SerialExecutor,
        table: TaskTable,
        ledger: any Ledger,
        owner: OwnerID,
        provider: ProviderSlot,
        source: any OpenTaskLookUp,
        rules: SubmitProcedure.Rules,
        slotLimit: Int?,
        longestJob: @escaping @Sendable (JobClass) async -> Duration,
        reached: @escaping @Sendable (CrashPoint) -> Void,
        time: any TimeSource,
        jitter: @escaping @Sendable () -> Double
    ) {
        self.executor = executor
        self.table = table
        self.ledger = ledger
        self.owner = owner
        self.provider = provider
        self.source = source
        self.rules = rules
        self.slotLimit = slotLimit
        self.longestJob = longestJob
        self.reached = reached
        self.time = time
        self.jitter = jitter
    }

    /// Tasks whose outcome is open.
    var waiting: Int { procedures.count }

    /// Whether tasks wait for images in flight to end.
    var awaitsSlots: Bool { queue.waitsForSlots }

    /// Images in flight may have ended, as another process sees it.
    func slotsMayBeFree() {
        guard queue.waitsForSlots else { return }
        queue.slotsFreed()
        sendBell.ring()
    }

    private func ring() {
        sendBell.ring()
        lookBell.ring()
    }

    /// Takes note of a task as it is now.
    func consider(_ news: TaskNews) {
        let task = news.task
        switch task.state {
        // The end of a job, and a refusal, make room.
        case .queued, .storing, .stored, .failed: queue.slotsFreed()
        case .submitting, .unresolved, .submitted, .processing: break
        }
        defer { ring() }
        guard news.isOurs, !task.isCreateDefinite else { return forget(task.id) }
        ordinals[task.id] = news.ordinal
        if procedures[task.id] == nil {
            procedures[task.id] = SubmitProcedure(
                task,
                isInherited: news.isInherited,
                isUnsent: news.isUnsent,
                rules: rules
            )
        }
        // Whoever sends it goes on with it.
        guard !sending.contains(task.id) else { return }
        plan(task)
    }

    private func forget(_ id: TaskID) {
        guard procedures.removeValue(forKey: id) != nil else { return }
        ordinals[id] = nil
        queue.remove(id)
        lookUps.remove(id)
    }

    /// Puts a task where its procedure wants it.
    private func plan(_ task: GenerationTask) {
        guard var procedure = procedures[task.id] else { return }
        let step = procedure.next(task, senderIsGone: isSenderGone(of: task), at: time.now)
        procedures[task.id] = procedure
        switch step {
        case .send:
            lookUps.remove(task.id)
            queue.add(task.id, ordinal: ordinals[task.id] ?? .max)
        case .lookUp(let due):
            queue.remove(task.id)
            lookUps.add(task.id, at: due)
        case .apply(let event): events.append((task.id, event))
        case .done: forget(task.id)
        }
        ring()
    }

    /// Whether the process that began the last attempt has ended, as far as is known without asking. This one has if it
    /// is not at it any more.
    private func isSenderGone(of task: GenerationTask) -> Bool {
        guard let sender = task.sender else { return true }
        return sender == owner ? !sending.contains(task.id) : gone.contains(sender)
    }

    /// Sends until stopped; then returns when the creates on the wire have their answers. Cancelling cuts those off.
    func run() async {
        await withDiscardingTaskGroup { group in
            while !isStopping, !Task.isCancelled {
                while !isStopping, let id = queue.takeNext(at: time.now) {
                    sending.insert(id)
                    group.addTask { await self.send(id) }
                }
                await sendBell.wait(until: queue.nextWake(at: time.now), time)
            }
        }
    }

    /// Finds out what became of what was sent, until cancelled; look-ups under way are ended with it.
    func resolve() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                while let (id, event) = events.popLast() {
                    group.addTask { _ = try? await self.table.apply(event, to: id) }
                }
                for id in lookUps.takeDue(at: time.now) {
                    group.addTask { await self.look(id) }
                }
                await lookBell.wait(until: lookUps.nextWake(), time)
            }
            group.cancelAll()
        }
    }

    /// Sends nothing more.
    func stop() {
        isStopping = true
        sendBell.ring()
    }

    // MARK: Sending

    private func send(_ id: TaskID) async {
        let ticket = queue.slotTicket
        do throws(TaskTableError) {
            try await attempt(id)
        } catch {
            switch error {
            case .noSlots: queue.waitForSlots(ticket, at: time.now)
            case .ledger: queue.pause(nil, at: time.now, jitter: jitter())
            case .unknownTask, .notOurs: break
            }
        }
        queue.finished(id)
        sending.remove(id)
        guard let task = await table.snapshot(id), await table.isOurs(id), !task.isCreateDefinite else {
            forget(id)
            return ring()
        }
        plan(task)
    }

    /// One attempt, from the ledger's leave to the ledger's knowledge of its outcome.
    private func attempt(_ id: TaskID) async throws(TaskTableError) {
        guard let client = await provider.get(), let waiting = await table.snapshot(id) else { return }
        let hold = ledger.hold()
        let begun = try await table.apply(
            .sendStarted,
            to: id,
            slotLimit: slotLimit,
            longestJob: await longestJob(waiting.jobClass)
        )
        // Withdrawn while it waited for its turn.
        guard begun.state == .submitting, begun.sender == owner else { return }
        reached(.sendBegun)
        // Only now: it may be large, and slots may be long in coming.
        var body: [UInt8]?
        var trouble = TaskEvent.refused(Self.bodyIsGone)
        do throws(LedgerError) {
            body = try await ledger.body(of: id)
        } catch {
            queue.pause(nil, at: time.now, jitter: jitter())
            trouble = .notSent(TaskError(error))
        }
        guard let body else {
            try await table.apply(trouble, to: id, as: .sender(attempt: begun.attempt))
            return
        }
        let outcome = await client.create(body: body) { [ledger, owner, reached] in
            reached(.lastByte)
            guard ledger.isUnbroken(hold), ledger.noteLastByte(of: id, attempt: begun.attempt, by: owner) else {
                return false
            }
            reached(.lastByteNoted)
            return true
        }
        reached(.createAnswered)
        note(outcome)
        let told = TaskEvent(outcome)
        let event = procedures[id]?.event(of: told) ?? told
        // What the provider said must not be lost: it is told to the ledger until the ledger takes it.
        var patience = Backoff(first: .milliseconds(100), longest: .seconds(5))
        while true {
            do throws(TaskTableError) {
                try await table.apply(event, to: id, as: .sender(attempt: begun.attempt))
                return reached(.createRecorded)
            } catch {
                guard case .ledger = error, !Task.isCancelled else { throw error }
                try? await time.sleep(until: time.now + patience.next(jitter: jitter()))
            }
        }
    }

    private static let bodyIsGone = TaskError(
        .internal,
        "what was to be sent is gone from klingd's folder; generate it again"
    )

    /// Whether the queue goes on.
    private func note(_ outcome: CreateOutcome) {
        switch outcome {
        case .accepted: queue.succeeded()
        case .throttled(let failure): queue.pause(failure.retryAfter, at: time.now, jitter: jitter())
        case .notSent: queue.pause(nil, at: time.now, jitter: jitter())
        case .refused, .ambiguous: break
        }
    }

    // MARK: Finding out

    private func look(_ id: TaskID) async {
        defer { ring() }
        guard let task = await table.snapshot(id), await table.isOurs(id), !task.isCreateDefinite else {
            _ = lookUps.finished(id)
            return forget(id)
        }
        await learnOfSender(of: task)
        if var procedure = procedures[id] {
            // From here on the answer counts.
            _ = procedure.next(task, senderIsGone: isSenderGone(of: task), at: time.now)
            procedures[id] = procedure
        }
        let askedAt = time.now
        var result = await source.lookUp(open: task)
        reached(.lookedUp)
        var isTaken = false
        do throws(LedgerError) {
            isTaken = try await self.isTaken(result, task)
        } catch {
            // Whose the job is that was found is not known: that is no answer at all.
            result = .unavailable(TaskError(error))
        }
        lookUps.note(.init(result, at: time.now), at: time.now, jitter: jitter())
        var event: TaskEvent?
        if var procedure = procedures[id], !Task.isCancelled {
            event = procedure.lookedUp(
                result,
                of: task,
                isTaken: isTaken,
                askedAt: askedAt,
                at: time.now,
                jitter: jitter()
            )
            procedures[id] = procedure
        }
        if let event { _ = try? await table.apply(event, to: id) }
        guard lookUps.finished(id), !sending.contains(id), let after = await table.snapshot(id),
            await table.isOurs(id), !after.isCreateDefinite
        else { return }
        plan(after)
    }

    private func learnOfSender(of task: GenerationTask) async {
        guard let sender = task.sender, sender != owner, !gone.contains(sender) else { return }
        if (try? await ledger.isGone(sender)) == true { gone.insert(sender) }
    }

    /// Whether a job that was found is known as another task's.
    private func isTaken(_ result: LookUpResult, _ task: GenerationTask) async throws(LedgerError) -> Bool {
        guard case .found(let report) = result else { return false }
        return try await ledger.task(taskID: report.taskID).map { $0.id != task.id } ?? false
    }
}
