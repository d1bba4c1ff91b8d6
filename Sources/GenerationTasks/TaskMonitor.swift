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

/// Asks the provider about one task: by the provider's id when it is known, else by its external id.
package protocol TaskLookUp: Sendable {
    func lookUp(_ task: GenerationTask) async -> LookUpResult
    /// How many tasks one request can ask about; 1 when the provider has no list.
    var mostTogether: Int { get }
    /// Asks about several tasks by one request.
    func lookUp(together tasks: [GenerationTask]) async -> LookUpTogetherResult
}

/// What a look-up of several tasks brought.
package enum LookUpTogetherResult: Sendable, Equatable {
    /// Nothing is said of a task that is missing.
    case found([TaskID: ProviderReport])
    /// Ask less often.
    case throttled(TaskError)
    /// No answer, or none of use.
    case unavailable(TaskError)
}

extension TaskLookUp {
    package var mostTogether: Int { 1 }
    package func lookUp(together tasks: [GenerationTask]) async -> LookUpTogetherResult { .found([:]) }
}

/// Watches the jobs of accepted tasks at the provider: one actor, one timer, a heap of due times, however many tasks there are.
package actor TaskMonitor {
    private let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let table: TaskTable
    private let ledger: any Ledger
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
        ledger: any Ledger,
        source: any TaskLookUp,
        time: any TimeSource,
        jitter: @escaping @Sendable () -> Double
    ) {
        self.executor = executor
        self.table = table
        self.ledger = ledger
        self.source = source
        self.time = time
        self.jitter = jitter
    }

    /// Tasks being watched.
    package var watched: Int { schedule.count }

    /// What an earlier process has left is looked at within so long, spread so that many do not come at once.
    private static let inheritedPause = Duration.seconds(1)

    /// How long jobs took lately, for who has to tell when one can have ended.
    package var durations: LearntDurations { learnt }

    /// Takes note of a task as it is now: begins or ends watching it.
    package func consider(_ news: TaskNews) {
        let task = news.task
        guard task.isWatched, news.isOurs else {
            backoffs[task.id] = nil
            return schedule.remove(task.id)
        }
        guard !schedule.contains(task.id) else { return }
        // How long ago an earlier process looked last is not known, and somebody may have waited long enough.
        plan(task, within: news.isInherited ? Self.inheritedPause * jitter() : PollPlan.longestPause)
        bell.ring()
    }

    /// Watches until cancelled; look-ups under way are ended with it.
    package func run() async {
        // Without it the plan is that of an unknown provider, no more.
        if let known = try? await ledger.learntDurations() { learnt = LearntDurations(known) }
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let together = dueTogether()
                if !together.isEmpty { group.addTask { await self.look(together: together) } }
                for id in schedule.takeDue(at: time.now) {
                    group.addTask { await self.look(id) }
                }
                await bell.wait(until: schedule.nextWake(), time)
            }
            group.cancelAll()
        }
    }

    /// Jobs that are due so soon are asked about with those that are due now.
    private static let slack = Duration.milliseconds(500)

    private func dueTogether() -> [TaskID] {
        guard source.mostTogether > 1 else { return [] }
        return schedule.takeTogether(at: time.now, slack: Self.slack, most: source.mostTogether)
    }

    private func look(together ids: [TaskID]) async {
        defer { bell.ring() }
        var tasks: [GenerationTask] = []
        for id in ids { if let task = await table.snapshot(id), task.isWatched { tasks.append(task) } }
        lookUps += 1
        let reports: [TaskID: ProviderReport]
        switch await source.lookUp(together: tasks) {
        case .found(let found): reports = found
        case .throttled(let error):
            reports = [:]
            schedule.note(.init(.throttled(error), at: time.now), at: time.now, jitter: jitter())
        case .unavailable(let error):
            reports = [:]
            schedule.note(.init(.unavailable(error), at: time.now), at: time.now, jitter: jitter())
        }
        schedule.endTogether(without: ids.filter { reports[$0] == nil }, at: time.now)
        await withDiscardingTaskGroup { group in
            for task in tasks {
                guard let report = reports[task.id] else { continue }
                group.addTask { await self.note(.found(report), of: task) }
            }
        }
    }

    private func look(_ id: TaskID) async {
        guard let task = await table.snapshot(id), task.isWatched else {
            _ = schedule.finished(id)
            return bell.ring()
        }
        lookUps += 1
        await note(await source.lookUp(task), of: task)
    }

    /// Lets a look-up's answer happen to its task, and plans the next.
    private func note(_ result: LookUpResult, of task: GenerationTask) async {
        defer { bell.ring() }
        let id = task.id
        let now = time.now
        let event: TaskEvent
        var isNews = false
        switch result {
        case .found(let report):
            if let duration = report.duration, report.status == .succeed { await learn(duration, of: task.jobClass) }
            backoffs[id] = nil
            isNews = true
            event = .reported(report, byLookUp: true)
        case .noSuchTask(let error), .rejected(let error), .throttled(let error), .unavailable(let error):
            event = .lookUpFailed(error)
        }
        // A look-up that was cut off by our own end tells nothing.
        guard isNews || !Task.isCancelled else { return _ = schedule.finished(id) }
        schedule.note(.init(result, at: now), at: now, jitter: jitter())
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
        guard age(of: task) >= PollPlan.silentAge else { return false }
        return switch result {
        case .found, .noSuchTask: true
        case .throttled, .rejected, .unavailable: false
        }
    }

    private func learn(_ duration: Duration, of job: JobClass) async {
        learnt.observe(duration, of: job)
        // Other processes have observed too.
        if let known = try? await ledger.learn(duration, of: job) { learnt.replace(known, of: job) }
    }

    private func age(of task: GenerationTask) -> Duration {
        let since = task.submittedAt ?? task.createdAt
        return .milliseconds(max(0, time.date.milliseconds - since.milliseconds))
    }

    private func plan(_ task: GenerationTask, within longest: Duration = PollPlan.slowAge) {
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

    /// After a look-up without news.
    private func planAgain(_ task: GenerationTask, _ result: LookUpResult) {
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
        case .noSuchTask, .rejected: pause = max(pause, self.pause(before: task))
        default: break
        }
        schedule.add(task.id, at: time.now + pause)
    }
}
