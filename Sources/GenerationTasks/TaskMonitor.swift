/// What a look-up brought.
package enum LookUpResult: Sendable, Equatable {
    case found(ProviderReport)
    /// The provider knows no such task; right after submission that may pass.
    case noSuchTask(TaskError)
    /// Ask less often.
    case throttled(TaskError)
    /// The key or the account is at fault: it takes a person to mend that.
    case rejected(TaskError)
    /// No answer, or none that makes sense.
    case unavailable(TaskError)
}

/// Asks the provider about one task.
package protocol TaskLookUp: Sendable {
    func lookUp(_ task: GenerationTask) async -> LookUpResult
}

/// Watches tasks at the provider: one actor, one timer, a heap of due times, however many tasks there are.
package actor TaskMonitor {
    private let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let table: TaskTable
    private let source: any TaskLookUp
    private let time: any TimeSource
    private let jitter: @Sendable () -> Double
    private let bell = Bell()
    private var schedule = LookUpSchedule()
    private var learnt = LearntDurations()
    private var backoffs: [TaskID: Backoff] = [:]
    /// Look-ups made since the start.
    package private(set) var lookUps = 0

    /// `jitter` gives numbers from 0 to 1.
    package init(
        executor: any SerialExecutor,
        table: TaskTable,
        source: any TaskLookUp,
        time: any TimeSource,
        jitter: @escaping @Sendable () -> Double
    ) {
        self.executor = executor
        self.table = table
        self.source = source
        self.time = time
        self.jitter = jitter
    }

    /// Tasks being watched.
    package var watched: Int { schedule.count }

    /// Takes note of a task as it is now: begins or ends watching it.
    package func consider(_ task: GenerationTask) {
        guard task.isWatched else {
            backoffs[task.id] = nil
            return schedule.remove(task.id)
        }
        guard !schedule.contains(task.id) else { return }
        // How long ago somebody looked last is not known: an old job must not wait for another day.
        plan(task, within: PollPlan.longestPause)
        bell.ring()
    }

    /// Watches until cancelled; look-ups under way are ended with it.
    package func run() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                for id in schedule.takeDue(at: time.now) {
                    group.addTask { await self.look(id) }
                }
                await bell.wait(until: schedule.nextWake(), time)
            }
            group.cancelAll()
        }
    }

    private func look(_ id: TaskID) async {
        defer { bell.ring() }
        guard let task = await table.snapshot(id), task.isWatched else { return _ = schedule.finished(id) }
        lookUps += 1
        var result = await source.lookUp(task)
        if case .found(let report) = result, task.state == .unresolved, await !isOurs(report, task) {
            result = .noSuchTask(Self.notOurs(report))
        }
        let now = time.now
        let event: TaskEvent
        let outcome: LookUpSchedule.Outcome
        var isNews = false
        switch result {
        case .found(let report):
            if let duration = report.duration, report.status == .succeed {
                learnt.observe(duration, of: task.jobClass)
            }
            backoffs[id] = nil
            isNews = true
            (event, outcome) = (.reported(report, byLookUp: true), .answered)
        case .noSuchTask(let error), .rejected(let error): (event, outcome) = (.lookUpFailed(error), .answered)
        case .throttled(let error):
            let until = now + (error.retryAfter ?? .seconds(5))
            (event, outcome) = (.lookUpFailed(error), .throttled(until: until))
        case .unavailable(let error): (event, outcome) = (.lookUpFailed(error), .unavailable)
        }
        // A look-up that was cut off by our own end tells nothing.
        guard isNews || !Task.isCancelled else { return _ = schedule.finished(id) }
        schedule.note(outcome, at: now, jitter: jitter())
        var after = task
        // Not wanted any more: what was learnt is still true.
        if isNews || schedule.contains(id) {
            do throws(TaskTableError) {
                after = try await table.apply(event, to: id)
            } catch .ledger {
                // The next look-up brings the news again.
                isNews = false
            } catch {
                schedule.remove(id)
            }
        }
        // Only now, so that ``consider(_:)`` does not plan for a task whose next date is decided here.
        guard schedule.finished(id), after.isWatched else { return }
        if isSilent(after, result) {
            let message = "the provider has not finished the job in 30 days; ask its support, naming the task_id"
            if (try? await table.apply(.providerSilent(TaskError(.providerSilent, message)), to: id)) != nil { return }
        }
        if isNews { plan(after) } else { planAgain(after, result) }
    }

    /// Whether a job has had its time, and the provider was there to say that it is not done.
    private func isSilent(_ task: GenerationTask, _ result: LookUpResult) -> Bool {
        guard task.state != .unresolved, age(of: task) >= PollPlan.silentAge else { return false }
        return switch result {
        case .found, .noSuchTask: true
        case .throttled, .rejected, .unavailable: false
        }
    }

    /// Clocks here and there may differ by as much.
    private static let clockSlack = Duration.seconds(300)

    /// A job found by a name that a client may have used before is taken for this task's only if it was made after the
    /// task and belongs to no other.
    private func isOurs(_ report: ProviderReport, _ task: GenerationTask) async -> Bool {
        let earliest = task.createdAt.milliseconds - Self.clockSlack.milliseconds
        guard report.createdAt.map({ $0.milliseconds >= earliest }) ?? true else { return false }
        guard let known = await table.snapshot(taskID: report.taskID) else { return true }
        return known.id == task.id
    }

    private static func notOurs(_ report: ProviderReport) -> TaskError {
        let message =
            "the provider has a job under this external_task_id (\(report.taskID)), but an older one or another task's"
        return TaskError(.providerUnavailable, message, charged: .unknown, retryable: true)
    }

    private func age(of task: GenerationTask) -> Duration {
        let since = task.submittedAt ?? task.createdAt
        return .milliseconds(max(0, time.date.milliseconds - since.milliseconds))
    }

    private func plan(_ task: GenerationTask, within longest: Duration = PollPlan.slowAge) {
        guard task.state != .unresolved else { return planAgain(task, nil) }
        schedule.add(task.id, at: time.now + min(pause(before: task), longest))
    }

    /// The pause until the next look-up of a job that is known to be at the provider.
    private func pause(before task: GenerationTask) -> Duration {
        let age = age(of: task)
        let learnt = learnt.durations(of: task.jobClass)
        // Beyond the plan's end: a job that cannot be given up yet goes on being looked at daily.
        let next = PollPlan.nextLook(age: age, learnt: learnt, jitter: jitter()) ?? age + PollPlan.slowAge
        return next - age
    }

    /// After a look-up without news, and for a task whose fate is unknown.
    private func planAgain(_ task: GenerationTask, _ result: LookUpResult?) {
        let fresh: Backoff =
            switch result {
            case .rejected: Backoff(first: .seconds(60), longest: .seconds(600))
            case .noSuchTask: Backoff(first: .seconds(5), longest: .seconds(300))
            default: Backoff(first: .seconds(2), longest: .seconds(60))
            }
        var backoff = backoffs[task.id] ?? fresh
        var pause = max(backoff.next(jitter: jitter()), PollPlan.shortestPause)
        backoffs[task.id] = backoff
        switch result {
        // The provider did answer: no reason to ask an old job more often than planned.
        case .noSuchTask, .rejected: if task.state != .unresolved { pause = max(pause, self.pause(before: task)) }
        default: break
        }
        schedule.add(task.id, at: time.now + pause)
    }
}
