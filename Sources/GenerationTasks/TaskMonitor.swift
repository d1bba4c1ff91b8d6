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
        plan(task)
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
        guard let task = await table.snapshot(id), task.isWatched else { return schedule.remove(id) }
        lookUps += 1
        let result = await source.lookUp(task)
        let now = time.now
        let event: TaskEvent
        let outcome: LookUpSchedule.Outcome
        switch result {
        case .found(let report):
            if let duration = report.duration, report.status == .succeed {
                learnt.observe(duration, of: task.jobClass)
            }
            backoffs[id] = nil
            (event, outcome) = (.reported(report, byLookUp: true), .answered)
        case .noSuchTask(let error), .rejected(let error): (event, outcome) = (.lookUpFailed(error), .answered)
        case .throttled(let error):
            let until = now + (error.retryAfter ?? .seconds(5))
            (event, outcome) = (.lookUpFailed(error), .throttled(until: until))
        case .unavailable(let error): (event, outcome) = (.lookUpFailed(error), .unavailable)
        }
        let isWanted = schedule.finished(id, outcome, at: now, jitter: jitter())
        defer { bell.ring() }
        // Cancelled meanwhile: what was learnt is still true.
        let isTrue = if case .found = result { true } else { false }
        guard isWanted || isTrue, let after = try? await table.apply(event, to: id) else { return }
        guard isWanted, after.isWatched, !schedule.contains(id) else { return }
        if after.state != .unresolved, age(of: after) >= PollPlan.silentAge {
            let message = "the provider has not finished the job in 30 days; ask its support, naming the task_id"
            _ = try? await table.apply(.providerSilent(TaskError(.providerSilent, message)), to: id)
        } else if isTrue {
            plan(after)
        } else {
            planAgain(after, result)
        }
    }

    private func age(of task: GenerationTask) -> Duration {
        let since = task.submittedAt ?? task.createdAt
        return .milliseconds(max(0, time.date.milliseconds - since.milliseconds))
    }

    private func plan(_ task: GenerationTask) {
        guard task.state != .unresolved else { return planAgain(task, nil) }
        let age = age(of: task)
        let learnt = learnt.durations(of: task.jobClass)
        // A job beyond the plan's end gets a last look at once.
        let next = PollPlan.nextLook(age: age, learnt: learnt, jitter: jitter()) ?? age
        schedule.add(task.id, at: time.now + (next - age))
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
        let pause = max(backoff.next(jitter: jitter()), PollPlan.shortestPause)
        backoffs[task.id] = backoff
        schedule.add(task.id, at: time.now + pause)
    }
}
