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
        var lease: Lease?
        var waits: [Wait] = []

        init(_ task: GenerationTask) {
            current = task
            durable = task
        }
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

    /// A job that nobody watches is taken to have ended after as long.
    private static let longestJob = Duration.seconds(600)

    private let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let ledger: any Ledger
    private let owner: OwnerID
    private let time: any TimeSource
    private var entries: [TaskID: Entry] = [:]
    private var idsByTaskID: [String: TaskID] = [:]
    private var pendingWrites: [PendingWrite] = []
    private var isWriting = false
    private var observers: [@Sendable (GenerationTask) -> Void] = []

    package init(executor: any SerialExecutor, ledger: any Ledger, owner: OwnerID, time: any TimeSource) {
        self.executor = executor
        self.ledger = ledger
        self.owner = owner
        self.time = time
    }

    /// Calls `observer` on the table's executor with each task as it is now and each version that becomes durable.
    package func observe(_ observer: @escaping @Sendable (GenerationTask) -> Void) {
        observers.append(observer)
        for entry in entries.values { observer(entry.durable) }
    }

    /// The task as the ledger holds it; `nil` when this process has not met it.
    package func snapshot(_ id: TaskID) -> GenerationTask? { entries[id]?.durable }

    package func snapshot(taskID: String) -> GenerationTask? {
        idsByTaskID[taskID].flatMap { entries[$0]?.durable }
    }

    /// Tasks whose job is or may be at the provider and whose images are not all stored.
    package var unfinished: [GenerationTask] {
        entries.values.map(\.durable).filter { !$0.state.isTerminal && $0.charged != .no }
    }

    /// How many tasks of each state are in memory.
    package var counts: [TaskState: Int] {
        entries.values.reduce(into: [:]) { counts, entry in counts[entry.durable.state, default: 0] += 1 }
    }

    /// Stores a new task durably and takes it in.
    package func admit(_ task: GenerationTask) async throws(LedgerError) -> Admission {
        let admission = try await ledger.insert(task, owner: owner)
        if case .inserted(let claimed) = admission { adopt(claimed) }
        return admission
    }

    /// Takes in a task that this process has claimed.
    package func adopt(_ claimed: ClaimedTask) {
        let entry = entries[claimed.task.id] ?? Entry(claimed.task)
        entries[claimed.task.id] = entry
        entry.current = claimed.task
        entry.lease = claimed.lease
        show(claimed.task, of: entry)
    }

    /// Lets `event` happen to a task; returns it once the ledger holds the change, or unchanged when the event is void in
    /// its state. With `sendStarted`, `slotLimit` says how many images may be in flight at the provider.
    @discardableResult
    package func apply(
        _ event: TaskEvent,
        to id: TaskID,
        slotLimit: Int? = nil
    ) async throws(TaskTableError) -> GenerationTask {
        guard let entry = entries[id] else { throw .unknownTask }
        // A stale write is tried again on the newer version, unless the task is another process's by now.
        while true {
            if entry.lease == nil, !entry.current.state.isTerminal { try await claim(entry) }
            guard let write = write(event, to: entry, slotLimit: slotLimit) else { break }
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
    private func write(_ event: TaskEvent, to entry: Entry, slotLimit: Int?) -> LedgerWrite? {
        guard let lease = entry.lease, let cell = TaskStateMachine.cell(entry.current.state, event),
            let next = TaskStateMachine.apply(event, to: entry.current, at: time.date)
        else { return nil }
        let slots: LedgerWrite.Slots =
            switch (event, cell.slot) {
            case (.sendStarted, _):
                .take(
                    limit: slotLimit,
                    unwatchedSince: Timestamp(milliseconds: time.date.milliseconds - Self.longestJob.milliseconds)
                )
            case (_, .held): .keep
            case (_, .free): .free
            }
        return LedgerWrite(
            task: next,
            lease: lease,
            replaces: entry.current.revision,
            slots: slots,
            // Whoever asks for it next may have it.
            releases: cell.lease == .givenUp || next.isLeftAlone
        )
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

    private func claim(_ entry: Entry) async throws(TaskTableError) {
        let claimed: ClaimedTask?
        do {
            claimed = try await ledger.claim(entry.durable.id, owner: owner)
        } catch {
            throw .ledger(error)
        }
        // Claimed meanwhile for another event, which may be on its way already.
        guard entry.lease == nil else { return }
        guard let claimed else { throw .notOurs }
        entry.lease = claimed.lease
        catchUp(entry, with: claimed.task)
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
        for observer in observers { observer(task) }
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
            entry.lease = nil
            catchUp(entry, with: newer)
        case .success(.noSlots), .failure: entry.current = entry.durable
        }
    }
}
