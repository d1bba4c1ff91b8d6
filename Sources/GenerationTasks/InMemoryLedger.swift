/// A ledger that lasts as long as the process: for tests, and until the durable one is there.
package actor InMemoryLedger: Ledger {
    private struct Record {
        var task: GenerationTask
        var lease: Lease?
        var fence: Int64
        var slots = 0
    }

    private struct KeyScope: Hashable {
        var account: String
        var key: String
    }

    private var records: [TaskID: Record] = [:]
    private var order: [TaskID] = []
    private var idsByKey: [KeyScope: TaskID] = [:]
    private var idsByTaskID: [String: TaskID] = [:]
    private var owners: Set<OwnerID> = []
    /// Tasks that hold slots.
    private var holders: Set<TaskID> = []
    private var sequence: Int64 = 0

    package init() {}

    package func join(_ owner: OwnerID) { owners.insert(owner) }
    package func heartbeat(_ owner: OwnerID) {}

    package func leave(_ owner: OwnerID) {
        owners.remove(owner)
        for (id, record) in records where record.lease?.owner == owner { records[id]?.lease = nil }
    }

    package func insert(_ task: GenerationTask, owner: OwnerID) -> Admission {
        let scope = task.idempotencyKey.map { KeyScope(account: task.account, key: $0) }
        if let scope, let first = idsByKey[scope].flatMap({ records[$0]?.task }), !first.freesItsKey {
            return first.fingerprint == task.fingerprint ? .existing(first) : .conflict(first)
        }
        if let taskID = task.taskID, let known = self.task(taskID: taskID), known.account == task.account {
            return .existing(known)
        }
        var task = task
        sequence += 1
        task.sequence = sequence
        let lease = Lease(owner: owner, fence: 1)
        records[task.id] = Record(task: task, lease: lease, fence: 1)
        order.append(task.id)
        if let scope { idsByKey[scope] = task.id }
        if let taskID = task.taskID { idsByTaskID[taskID] = task.id }
        return .inserted(ClaimedTask(task: task, lease: lease))
    }

    package func write(_ writes: [LedgerWrite]) -> [LedgerWriteOutcome] {
        writes.map { write($0) }
    }

    private func write(_ write: LedgerWrite) -> LedgerWriteOutcome {
        guard var record = records[write.task.id] else { return .stale(write.task) }
        guard record.lease == write.lease, record.task.revision == write.replaces else { return .stale(record.task) }
        switch write.slots {
        case .keep: break
        case .free: record.slots = 0
        case .take(let limit, let unwatchedSince):
            let others = holders.reduce(0) { count, id in
                guard id != write.task.id, let other = records[id], other.task.account == record.task.account,
                    other.task.watch != .cancelled || other.task.updatedAt >= unwatchedSince
                else { return count }
                return count + other.slots
            }
            if let limit, others > 0, others + write.task.imageCount > limit { return .noSlots }
            record.slots = write.task.imageCount
        }
        if record.slots > 0 { holders.insert(write.task.id) } else { holders.remove(write.task.id) }
        sequence += 1
        record.task = write.task
        record.task.sequence = sequence
        if write.releases { record.lease = nil }
        records[write.task.id] = record
        if let taskID = write.task.taskID { idsByTaskID[taskID] = write.task.id }
        return .written(sequence: sequence)
    }

    package func claim(_ bindings: Set<Binding>, owner: OwnerID, limit: Int) -> [ClaimedTask] {
        let claimable = order.filter { id in
            guard let task = records[id]?.task, !task.state.isTerminal else { return false }
            return bindings.contains(Binding(account: task.account, storage: task.storage)) && isFree(id)
        }
        return claimable.prefix(limit).compactMap { claim($0, owner: owner) }
    }

    package func claim(_ id: TaskID, owner: OwnerID) -> ClaimedTask? {
        guard var record = records[id] else { return nil }
        if let lease = record.lease, lease.owner == owner { return ClaimedTask(task: record.task, lease: lease) }
        guard isFree(id) else { return nil }
        record.fence += 1
        let lease = Lease(owner: owner, fence: record.fence)
        record.lease = lease
        records[id] = record
        return ClaimedTask(task: record.task, lease: lease)
    }

    private func isFree(_ id: TaskID) -> Bool {
        guard let lease = records[id]?.lease else { return true }
        return !owners.contains(lease.owner)
    }

    package func task(_ id: TaskID) -> GenerationTask? { records[id]?.task }
    package func task(taskID: String) -> GenerationTask? { idsByTaskID[taskID].flatMap { records[$0]?.task } }

    package func list(_ query: TaskQuery) throws(LedgerError) -> TaskPage {
        var candidates = order[...]
        if let cursor = query.cursor {
            guard let id = TaskID(cursor), let position = order.lastIndex(of: id) else { throw .badCursor }
            candidates = order[..<position]
        }
        let matching = candidates.reversed().lazy.compactMap { self.records[$0]?.task }.filter { task in
            (query.state ?? task.state) == task.state && (query.watch ?? task.watch) == task.watch
        }
        let limit = min(query.limit, order.count)
        let found = Array(matching.prefix(limit + 1))
        let page = Array(found.prefix(limit))
        return TaskPage(tasks: page, next: found.count > page.count ? page.last?.id.description : nil)
    }

    package func changes(after sequence: Int64, limit: Int) -> [GenerationTask] {
        let changed = records.values.map(\.task).filter { $0.sequence > sequence }
        return Array(changed.sorted { $0.sequence < $1.sequence }.prefix(limit))
    }

    package func imagesInFlight(account: String) -> Int {
        holders.reduce(0) { $0 + (records[$1].map { $0.task.account == account ? $0.slots : 0 } ?? 0) }
    }
}

extension GenerationTask {
    /// A task that was refused without being paid gives its idempotency key back: the same request may be tried again.
    package var freesItsKey: Bool { state == .failed && charged == .no }
}
