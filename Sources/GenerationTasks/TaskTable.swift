/// What a wait waits for.
package enum WaitTarget: String, Sendable, CaseIterable {
    /// Durable in the ledger.
    case queued
    /// Taken by the provider, or ended.
    case submitted
    /// Ended: stored or failed.
    case stored

    package func isReached(by task: GenerationTask) -> Bool {
        switch self {
        case .queued: true
        case .submitted: ![.queued, .submitting, .unresolved].contains(task.state)
        case .stored: task.state.isTerminal
        }
    }
}

/// Why an event could not be applied.
package enum TaskTableError: Error, Sendable, Equatable {
    case unknownTask
    /// Another process works on the task.
    case notOurs
    /// Too many images are in flight at the provider.
    case noSlots
    case ledger(LedgerError)
}

/// In which right an event is applied.
package enum EventRight: Sendable, Equatable {
    /// Of whoever works on the task: it takes a lease.
    case worker
    /// Of a person, whoever works on it.
    case person
    /// Of the process that began this attempt, the only one to know its outcome, even if it has lost its lease since.
    case sender(attempt: Int)

    /// Whether `event` may happen to a task in this right. The outcome of an attempt counts for that attempt alone; of an
    /// earlier one only that it has made the job, as long as no other is known and none is on its way.
    package func permits(_ event: TaskEvent, on task: GenerationTask, by owner: OwnerID) -> Bool {
        guard case .sender(let attempt) = self else { return true }
        if task.sender == owner, task.attempt == attempt { return true }
        guard case .reported = event, task.taskID == nil else { return false }
        return task.state == .queued || task.state == .unresolved
    }
}

/// A version of a task that the ledger holds, and how this process stands to it.
package struct TaskNews: Sendable {
    package var task: GenerationTask
    /// Whether this process works on it.
    package var isOurs: Bool
    /// Whether an earlier process worked on it before.
    package var isInherited: Bool
    /// Whether that process ended before it had sent all of a create (``ClaimedTask/isUnsent``).
    package var isUnsent: Bool
    /// Its place in the order in which tasks came into the ledger, if this process works on it.
    package var ordinal: Int64
}

/// All tasks this process knows, in memory: what is answered and waited for is answered and woken from here.
///
/// Every event goes through ``TaskStateMachine`` at once and into the ledger with all others that came meanwhile, in
/// one transaction. Only what the ledger holds is shown: `stored` on the wire is `stored` on the disk.
package actor TaskTable {
    private final class Entry {
        /// The newest version, perhaps on its way into the ledger.
        var current: GenerationTask
        /// The version that the ledger holds.
        var durable: GenerationTask
        var lease: Lease? {
            didSet { lastLease = lease ?? lastLease }
        }
        /// The lease that this process holds or held last.
        private(set) var lastLease: Lease?
        var isInherited = false
        var isUnsent = false
        var ordinal: Int64 = 0
        /// Counted among the finished ones.
        var isFinished = false
        /// Somebody is to be told of every change.
        var isFollowed = false
        var waits: [Wait] = []

        init(_ task: GenerationTask) {
            current = task
            durable = task
        }

        var news: TaskNews {
            TaskNews(
                task: durable,
                isOurs: lease != nil,
                isInherited: isInherited,
                isUnsent: isUnsent,
                ordinal: ordinal
            )
        }
        /// Whether somebody waits for what another process does.
        var awaitsOthers: Bool { lease == nil && !durable.state.isTerminal && (isFollowed || !waits.isEmpty) }
    }

    private struct Wait {
        let isOver: (GenerationTask) -> Bool
        let bell: Bell
    }

    private final class PendingWrite {
        let write: LedgerWrite
        let done = Bell()
        var outcome: Result<LedgerWriteOutcome, LedgerError>?

        init(_ write: LedgerWrite) { self.write = write }
    }

    /// The end of a job that nobody sees is taken to have come after as long at the least.
    package static let longestUnseenJob = Duration.seconds(600)
    /// Unfinished tasks are shown at most so old: another process may have changed them.
    private static let freshness = Duration.milliseconds(250)
    /// Finished tasks that are kept in memory; the others are read from the ledger when asked for.
    private static let mostFinished = 2000

    private let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let ledger: any Ledger
    private let owner: OwnerID
    private let time: any TimeSource
    private let canServe: @Sendable (GenerationTask) -> Bool
    private var entries: [TaskID: Entry] = [:]
    private var idsByTaskID: [String: TaskID] = [:]
    private var finished: [TaskID] = []
    /// Tasks that are to be followed once they are there.
    private var toFollow: Set<TaskID> = []
    private var pendingWrites: [PendingWrite] = []
    private var isWriting = false
    private var observers: [@Sendable (TaskNews) -> Void] = []
    /// The last change of the ledger that is known here.
    private var seenSequence: Int64?
    private var isRefreshing = false
    private var refreshed: [Bell] = []
    private var freshUntil: Moment?
    private let awaitsOthersBell: Bell

    /// `canServe` tells whether this process has the key and the storage that a task needs; `whenAwaitingOthers` is rung
    /// when somebody begins to wait for another process, or this one begins to hold a lease.
    package init(
        executor: any SerialExecutor,
        ledger: any Ledger,
        owner: OwnerID,
        time: any TimeSource,
        canServe: @escaping @Sendable (GenerationTask) -> Bool = { _ in true },
        whenAwaitingOthers: Bell = Bell()
    ) {
        self.executor = executor
        self.ledger = ledger
        self.owner = owner
        self.time = time
        self.canServe = canServe
        awaitsOthersBell = whenAwaitingOthers
    }

    // MARK: Reading

    /// Calls `observer` on the table's executor with each task as it is now and each version that becomes durable.
    package func observe(_ observer: @escaping @Sendable (TaskNews) -> Void) {
        observers.append(observer)
        for entry in entries.values { observer(entry.news) }
    }

    /// The task as the ledger held it when last seen; `nil` when this process has not met it.
    package func snapshot(_ id: TaskID) -> GenerationTask? { entries[id]?.durable }

    package func snapshot(taskID: String) -> GenerationTask? {
        idsByTaskID[taskID].flatMap { entries[$0]?.durable }
    }

    /// The same if it is certain to be at most 250 ms old.
    package func freshSnapshot(_ id: TaskID) -> GenerationTask? { entries[id].flatMap { fresh($0.durable) } }

    package func freshSnapshot(taskID: String) -> GenerationTask? { snapshot(taskID: taskID).flatMap(fresh) }

    private func fresh(_ task: GenerationTask) -> GenerationTask? {
        if task.state.isTerminal { return task }
        return freshUntil.map { $0 > time.now } == true ? task : nil
    }

    /// Whether this process works on the task.
    package func isOurs(_ id: TaskID) -> Bool { entries[id]?.lease != nil }

    /// Whether this process works on anything.
    package var holdsLeases: Bool { entries.values.contains { $0.lease != nil } }

    /// Tasks that somebody here waits for and another process works on, or nobody.
    package var awaitedOfOthers: [GenerationTask] { entries.values.filter(\.awaitsOthers).map(\.durable) }

    /// Tasks whose job is or may be at the provider and whose images are not all stored.
    package var unfinished: [GenerationTask] {
        entries.values.filter { $0.lease != nil }.map(\.durable).filter { !$0.state.isTerminal && $0.charged != .no }
    }

    /// How many tasks of each state are in memory.
    package var counts: [TaskState: Int] {
        entries.values.reduce(into: [:]) { counts, entry in counts[entry.durable.state, default: 0] += 1 }
    }

    // MARK: Taking in

    /// Stores a new task durably and takes it in.
    package func admit(_ new: NewTask) async throws(LedgerError) -> Admission {
        let admission = try await ledger.insert(new, owner: owner)
        switch admission {
        case .inserted(let claimed): takeIn(claimed, isInherited: false)
        case .existing(let first): _ = try await meet(first.id)
        case .conflict, .externalIDTaken, .overDailyLimit: break
        }
        return admission
    }

    package func admit(_ task: GenerationTask) async throws(LedgerError) -> Admission { try await admit(NewTask(task)) }

    /// Takes in a task that this process has claimed from an earlier one.
    package func adopt(_ claimed: ClaimedTask) { takeIn(claimed, isInherited: true) }

    private func takeIn(_ claimed: ClaimedTask, isInherited: Bool) {
        let entry = entry(of: claimed.task)
        // Who gets back what it has keeps what it knows.
        if claimed.lease != entry.lastLease { (entry.isInherited, entry.isUnsent) = (isInherited, claimed.isUnsent) }
        entry.lease = claimed.lease
        entry.ordinal = claimed.ordinal
        entry.current = claimed.task
        awaitsOthersBell.ring()
        show(claimed.task, of: entry)
    }

    /// Takes in a task of the ledger on which another process may work; `nil` when there is none.
    package func meet(_ id: TaskID) async throws(LedgerError) -> GenerationTask? {
        // Read again once it is in the table: from then on no refresh passes a change of it over.
        for _ in 0..<2 {
            guard let task = try await ledger.task(id) else { return nil }
            meet(task)
            if task.state.isTerminal { break }
        }
        return entries[id]?.durable
    }

    private func meet(_ task: GenerationTask) {
        if let known = entries[task.id] {
            if known.durable.revision < task.revision, known.current.revision == known.durable.revision {
                catchUp(known, with: task)
            }
            return
        }
        show(task, of: entry(of: task))
    }

    private func entry(of task: GenerationTask) -> Entry {
        if let entry = entries[task.id] { return entry }
        let entry = Entry(task)
        entry.isFollowed = toFollow.remove(task.id) != nil
        entries[task.id] = entry
        return entry
    }

    /// From now on every change of the task is shown to the observers, whoever makes it; also of one that is not there
    /// yet.
    package func follow(_ id: TaskID) {
        guard let entry = entries[id] else { return _ = toFollow.insert(id) }
        entry.isFollowed = true
        if entry.awaitsOthers { awaitsOthersBell.ring() }
    }

    package func unfollow(_ id: TaskID) {
        toFollow.remove(id)
        entries[id]?.isFollowed = false
    }

    // MARK: Other processes

    /// Takes in what other processes have written since the last time. Whoever calls while that is under way waits for
    /// it to end.
    package func refresh() async throws(LedgerError) {
        guard !isRefreshing else {
            let bell = Bell()
            refreshed.append(bell)
            return await bell.waitUncancelled()
        }
        isRefreshing = true
        defer {
            isRefreshing = false
            for bell in refreshed { bell.ring() }
            refreshed = []
        }
        let asked = time.now
        if seenSequence == nil {
            // What is known already may have changed since it was read.
            let oldest = entries.values.map(\.durable.sequence).min()
            let last = try await ledger.lastSequence()
            seenSequence = min(oldest.map { $0 - 1 } ?? last, last)
        }
        while let seen = seenSequence {
            let changes = try await ledger.changes(after: seen, limit: 500)
            for task in changes where entries[task.id] != nil { meet(task) }
            seenSequence = changes.last?.sequence ?? seen
            if changes.count < 500 { break }
        }
        freshUntil = asked + Self.freshness
    }

    /// Takes over the tasks that somebody here waits for and whose process has ended.
    package func claimAwaited() async throws(LedgerError) {
        for task in awaitedOfOthers where canServe(task) && !task.isLeftAlone {
            if let claimed = try await ledger.claim(task.id, owner: owner) { adopt(claimed) }
        }
    }

    // MARK: Events

    /// Lets `event` happen to a task; returns it once the ledger holds the change, or unchanged when the event is void in
    /// its state. With `sendStarted`, `slotLimit` says how many images may be in flight at the provider, and jobs whose
    /// end nobody sees count as ended after `longestJob`.
    @discardableResult
    package func apply(
        _ event: TaskEvent,
        to id: TaskID,
        as right: EventRight = .worker,
        slotLimit: Int? = nil,
        longestJob: Duration = .zero
    ) async throws(TaskTableError) -> GenerationTask {
        guard let entry = entries[id] else { throw .unknownTask }
        // A stale write is tried again on the newer version, unless the task is another process's by now.
        while true {
            if entry.lease == nil, !entry.current.state.isTerminal { try await claim(entry, right) }
            guard right.permits(event, on: entry.current, by: owner) else { break }
            guard let write = write(event, to: entry, slotLimit: slotLimit, longestJob: longestJob) else { break }
            entry.current = write.task
            switch try await commit(write) {
            case .written: break
            case .noSlots: throw .noSlots
            case .stale: continue
            }
            break
        }
        if event == .watchCancelled { wakeAll(of: entry) }
        return entry.durable
    }

    /// What `event` calls for; `nil` when it is void.
    private func write(
        _ event: TaskEvent,
        to entry: Entry,
        slotLimit: Int?,
        longestJob: Duration
    ) -> LedgerWrite? {
        let before = entry.current
        guard let cell = TaskStateMachine.cell(before.state, event, isFirstAttempt: before.attempt <= 1),
            let next = TaskStateMachine.apply(event, to: before, at: time.date, by: owner)
        else { return nil }
        return LedgerWrite(
            task: next,
            lease: entry.lease,
            replaces: before.revision,
            slots: slots(event, cell, slotLimit, longestJob),
            // Whoever asks for it next may have it.
            releases: cell.lease == .givenUp || next.isLeftAlone || next.state.isTerminal
        )
    }

    private func slots(
        _ event: TaskEvent,
        _ cell: TaskStateMachine.Cell,
        _ limit: Int?,
        _ longestJob: Duration
    ) -> LedgerWrite.Slots {
        let unseen = max(Self.longestUnseenJob, longestJob)
        let unseenSince = Timestamp(milliseconds: time.date.milliseconds - unseen.milliseconds)
        switch (event, cell.slot) {
        case (.sendStarted, _): return .take(limit: limit, unseenSince: unseenSince)
        case (.throttled(let error), _) where error.isConcurrencyRefusal: return .refused
        case (_, .held): return .keep
        case (_, .free): return .free
        }
    }

    /// Waits until the task has come as far as `target`, until `deadline`, until the watch on it is cancelled, or until
    /// the calling task is.
    ///
    /// - Returns: the task as it then is; `nil` when this process has not met it.
    package func wait(for id: TaskID, until target: WaitTarget, deadline: Moment) async -> GenerationTask? {
        await wait(for: id, deadline: deadline) { Self.isOver($0, target) }
    }

    /// Waits until the create that is on the wire has its answer, if there is one.
    package func waitForCreate(of id: TaskID, deadline: Moment) async -> GenerationTask? {
        await wait(for: id, deadline: deadline) { $0.state != .submitting }
    }

    private func wait(
        for id: TaskID,
        deadline: Moment,
        isOver: @escaping (GenerationTask) -> Bool
    ) async -> GenerationTask? {
        guard let entry = entries[id] else { return nil }
        guard !isOver(entry.durable) else { return entry.durable }
        let wait = Wait(isOver: isOver, bell: Bell())
        entry.waits.append(wait)
        if entry.awaitsOthers { awaitsOthersBell.ring() }
        await wait.bell.wait(until: deadline, time)
        entry.waits.removeAll { $0.bell === wait.bell }
        return entry.durable
    }

    private static func isOver(_ task: GenerationTask, _ target: WaitTarget) -> Bool {
        target.isReached(by: task) || task.isLeftAlone
    }

    private func wakeAll(of entry: Entry) {
        for wait in entry.waits { wait.bell.ring() }
    }

    private func claim(_ entry: Entry, _ right: EventRight) async throws(TaskTableError) {
        var claimed: ClaimedTask?
        do {
            if canServe(entry.durable) { claimed = try await ledger.claim(entry.durable.id, owner: owner) }
        } catch {
            throw .ledger(error)
        }
        // Claimed meanwhile for another event, which may be on its way already.
        guard entry.lease == nil else { return }
        guard let claimed else {
            guard right != .worker else { throw .notOurs }
            return
        }
        takeIn(claimed, isInherited: true)
    }

    /// The ledger holds `task`, which another process may have written.
    private func catchUp(_ entry: Entry, with task: GenerationTask) {
        entry.current = task
        if task.revision != entry.durable.revision { show(task, of: entry) }
    }

    /// Lets everybody see `task`, which the ledger holds.
    private func show(_ task: GenerationTask, of entry: Entry) {
        entry.durable = task
        if let taskID = task.taskID { idsByTaskID[taskID] = task.id }
        for wait in entry.waits where wait.isOver(task) { wait.bell.ring() }
        for observer in observers { observer(entry.news) }
        if task.state.isTerminal, !entry.isFinished { noteFinished(entry) }
    }

    private func noteFinished(_ entry: Entry) {
        entry.isFinished = true
        finished.append(entry.durable.id)
        guard finished.count > 2 * Self.mostFinished else { return }
        for old in finished.prefix(Self.mostFinished) {
            guard let entry = entries[old], entry.durable.state.isTerminal, entry.waits.isEmpty else { continue }
            entries[old] = nil
            if let taskID = entry.durable.taskID { idsByTaskID[taskID] = nil }
        }
        finished.removeFirst(Self.mostFinished)
    }

    /// Writes through the ledger together with all writes that wait. Whoever finds nobody writing writes for all.
    private func commit(_ write: LedgerWrite) async throws(TaskTableError) -> LedgerWriteOutcome {
        let pending = PendingWrite(write)
        pendingWrites.append(pending)
        // Rung when the outcome is known, or when it is this one's turn to write. A cancelled caller must not leave
        // before that.
        if isWriting { await pending.done.waitUncancelled() }
        if pending.outcome == nil {
            isWriting = true
            await writePending()
            // Nobody writes for others any longer than for himself.
            if let next = pendingWrites.first { next.done.ring() } else { isWriting = false }
        }
        do throws(LedgerError) {
            guard let outcome = try pending.outcome?.get() else { throw LedgerError.failed("a write was lost") }
            return outcome
        } catch {
            throw .ledger(error)
        }
    }

    private func writePending() async {
        let batch = pendingWrites
        pendingWrites = []
        do throws(LedgerError) {
            let outcomes = try await ledger.write(batch.map(\.write))
            for (pending, outcome) in zip(batch, outcomes) { finish(pending, .success(outcome)) }
        } catch {
            for pending in batch { finish(pending, .failure(error)) }
        }
    }

    private func finish(_ pending: PendingWrite, _ outcome: Result<LedgerWriteOutcome, LedgerError>) {
        pending.outcome = outcome
        defer { pending.done.ring() }
        let write = pending.write
        guard let entry = entries[write.task.id] else { return }
        switch outcome {
        case .success(.written(let sequence)):
            var task = write.task
            task.sequence = sequence
            // A later version may be on its way.
            if entry.current.revision <= task.revision { entry.current = task }
            if write.releases { entry.lease = nil }
            show(task, of: entry)
        case .success(.stale(let newer)):
            // Lost, or held still and a person's word came between: the next claim tells.
            let wasOurs = entry.lease != nil
            entry.lease = nil
            entry.current = newer
            if wasOurs || newer.revision != entry.durable.revision { show(newer, of: entry) }
        case .success(.noSlots), .failure: entry.current = entry.durable
        }
    }
}
