/// The rules of a ledger as a value: who may write what, and what stands for what. Pure, so that a simulation can run
/// millions of histories through it, copy it and go back to a copy.
package struct LedgerBook: Sendable {
    /// What the others know of an owner.
    package enum Standing: Sendable {
        case alive
        /// Has not been heard of for long: its leases may be taken, but what it began may still be on its way.
        case expired
        /// Its process has ended.
        case gone
    }

    private struct Record: Sendable {
        var task: GenerationTask
        var lease: Lease?
        var fence: Int64
        let ordinal: Int64
        var body: [UInt8]?
        var slots = 0
        var slotsSince = Timestamp(milliseconds: .min)
        /// Images of others that were in flight when the slots were taken.
        var beside = 0
        var isTombstone = false
        /// Attempts whose last byte was noted, and by whom.
        var noted: [(attempt: Int, owner: OwnerID)] = []
        /// Its process ended while it was submitting and had not noted the last byte.
        var isUnsent = false
    }

    private struct Scope: Hashable, Sendable {
        var account: String
        var name: String
    }

    private var records: [TaskID: Record] = [:]
    private var order: [TaskID] = []
    private var idsByKey: [Scope: TaskID] = [:]
    private var idsByExternalID: [Scope: TaskID] = [:]
    private var idsByTaskID: [String: TaskID] = [:]
    private var standings: [OwnerID: Standing] = [:]
    /// Tasks that hold slots.
    private var holders: Set<TaskID> = []
    private var learntLimits: [String: SlotRules.Learnt] = [:]
    private var learntDurations = LearntDurations()
    package private(set) var lastSequence: Int64 = 0

    package init() {}

    package var durations: [JobClass: [Duration]] { learntDurations.all }

    // MARK: Owners

    /// Owners of whom nothing is known are gone.
    package mutating func set(_ standing: Standing, of owner: OwnerID) { standings[owner] = standing }

    package func isGone(_ owner: OwnerID) -> Bool { standings[owner] ?? .gone == .gone }

    package mutating func noteLastByte(of id: TaskID, attempt: Int, by owner: OwnerID) {
        records[id]?.noted.append((attempt, owner))
    }

    package mutating func leave(_ owner: OwnerID) {
        standings[owner] = .gone
        for (id, record) in records where record.lease?.owner == owner { records[id]?.lease = nil }
    }

    private func isAlive(_ owner: OwnerID) -> Bool { standings[owner] == .alive }

    // MARK: New tasks

    package mutating func insert(_ new: NewTask, owner: OwnerID) -> Admission {
        var task = new.task
        if let first = taskForKey(of: task) {
            return first.fingerprint == task.fingerprint ? .existing(first) : .conflict(first)
        }
        if let taskID = task.taskID, let known = self.task(taskID: taskID), known.account == task.account {
            return .existing(known)
        }
        let externalID = Scope(account: task.account, name: task.externalTaskID)
        if let first = idsByExternalID[externalID].flatMap({ records[$0]?.task }), !first.freesItsKey {
            return .externalIDTaken(first)
        }
        if let limit = new.imagesPerDay {
            let asked = imagesAsked(on: task.createdAt.day, account: task.account)
            if asked + task.imageCount > limit { return .overDailyLimit(asked: asked) }
        }
        lastSequence += 1
        task.sequence = lastSequence
        let lease = Lease(owner: owner, fence: 1)
        records[task.id] = Record(task: task, lease: lease, fence: 1, ordinal: lastSequence, body: new.body)
        order.append(task.id)
        if let key = task.idempotencyKey { idsByKey[Scope(account: task.account, name: key)] = task.id }
        idsByExternalID[externalID] = task.id
        if let taskID = task.taskID { idsByTaskID[taskID] = task.id }
        return .inserted(ClaimedTask(task: task, lease: lease, ordinal: lastSequence))
    }

    private func taskForKey(of task: GenerationTask) -> GenerationTask? {
        guard let key = task.idempotencyKey,
            let first = idsByKey[Scope(account: task.account, name: key)].flatMap({ records[$0]?.task }),
            !first.freesItsKey
        else { return nil }
        return first
    }

    private func imagesAsked(on day: String, account: String) -> Int {
        records.values.reduce(0) { sum, record in
            let counts = record.task.account == account && record.task.createdAt.day == day && !record.task.freesItsKey
            return sum + (counts ? record.task.imageCount : 0)
        }
    }

    package func body(of id: TaskID) -> [UInt8]? { records[id]?.body }

    // MARK: Versions

    package mutating func write(_ write: LedgerWrite, at now: Timestamp) -> LedgerWriteOutcome {
        guard var record = records[write.task.id] else { return .stale(write.task) }
        guard write.lease == nil || write.lease == record.lease, record.task.revision == write.replaces else {
            return .stale(record.task)
        }
        let account = record.task.account
        switch write.slots {
        case .keep: break
        case .free: record.slots = 0
        case .take(let own, let unseenSince):
            let beside = imagesInFlight(of: account, unseenSince: unseenSince, without: write.task.id)
            let limit = SlotRules.limit(own: own, learnt: learntLimits[account], at: now)
            guard SlotRules.fits(write.task.imageCount, beside: beside, limit: limit),
                limit == nil || !othersWait(before: record)
            else { return .noSlots }
            (record.slots, record.slotsSince, record.beside) = (write.task.imageCount, now, beside)
        case .refused:
            let beside = imagesInFlight(of: account, unseenSince: nil, without: write.task.id)
            learntLimits[account] = SlotRules.learn(
                write.task.imageCount,
                beside: max(beside, record.beside),
                before: learntLimits[account],
                at: now
            )
            record.slots = 0
        }
        if record.slots > 0 { holders.insert(write.task.id) } else { holders.remove(write.task.id) }
        lastSequence += 1
        record.task = write.task
        record.task.sequence = lastSequence
        if write.releases { record.lease = nil }
        if record.task.state != .submitting { record.isUnsent = false }
        if record.task.isCreateDefinite { record.body = nil }
        records[write.task.id] = record
        if let taskID = write.task.taskID { idsByTaskID[taskID] = write.task.id }
        return .written(sequence: lastSequence)
    }

    /// Whether an older task of the account waits to be sent by another process that is alive: it goes first.
    private func othersWait(before record: Record) -> Bool {
        order.prefix { $0 != record.task.id }.contains { id in
            guard let older = records[id], older.task.account == record.task.account, older.task.state == .queued,
                let lease = older.lease
            else { return false }
            return lease.owner != record.lease?.owner && isAlive(lease.owner)
        }
    }

    private func imagesInFlight(of account: String, unseenSince: Timestamp?, without id: TaskID? = nil) -> Int {
        holders.reduce(0) { count, holder in
            guard holder != id, let record = records[holder], record.task.account == account else { return count }
            let isUnseen = record.task.endIsUnseen || isFree(record)
            if let unseenSince, isUnseen, record.slotsSince < unseenSince { return count }
            return count + record.slots
        }
    }

    package func imagesInFlight(account: String) -> Int { imagesInFlight(of: account, unseenSince: nil) }

    package func learntLimit(account: String, at now: Timestamp) -> Int? {
        SlotRules.limit(own: nil, learnt: learntLimits[account], at: now)
    }

    package mutating func learn(_ duration: Duration, of job: JobClass) -> [Duration] {
        learntDurations.observe(duration, of: job)
        return learntDurations.all[job] ?? []
    }

    // MARK: Claims

    package mutating func claim(_ bindings: Set<Binding>, owner: OwnerID, limit: Int) -> [ClaimedTask] {
        let claimable = order.filter { id in
            guard let record = records[id], !record.task.state.isTerminal, !record.task.isLeftAlone,
                record.lease?.owner != owner
            else { return false }
            return isFree(record) && bindings.contains { $0.covers(record.task) }
        }
        return claimable.prefix(limit).compactMap { claim($0, owner: owner) }
    }

    package mutating func claim(_ id: TaskID, owner: OwnerID) -> ClaimedTask? {
        guard var record = records[id] else { return nil }
        if let lease = record.lease, lease.owner == owner {
            return ClaimedTask(task: record.task, lease: lease, ordinal: record.ordinal)
        }
        guard isFree(record), !record.task.state.isTerminal else { return nil }
        if record.task.state == .submitting, let last = record.lease?.owner, isGone(last), record.task.sender == last {
            record.isUnsent = !record.noted.contains { $0 == (record.task.attempt, last) }
        }
        record.fence += 1
        let lease = Lease(owner: owner, fence: record.fence)
        record.lease = lease
        records[id] = record
        return ClaimedTask(task: record.task, lease: lease, ordinal: record.ordinal, isUnsent: record.isUnsent)
    }

    private func isFree(_ record: Record) -> Bool { record.lease.map { !isAlive($0.owner) } ?? true }

    // MARK: Reading

    package func task(_ id: TaskID) -> GenerationTask? { records[id]?.task }
    package func task(externalTaskID: String) -> GenerationTask? {
        order.last { records[$0]?.task.externalTaskID == externalTaskID }.flatMap { records[$0]?.task }
    }
    package func task(taskID: String) -> GenerationTask? { idsByTaskID[taskID].flatMap { records[$0]?.task } }

    package func list(_ query: TaskQuery) throws(LedgerError) -> TaskPage {
        var candidates = order[...]
        if let cursor = query.cursor {
            guard let id = TaskID(cursor), let position = order.lastIndex(of: id) else { throw .badCursor }
            candidates = order[..<position]
        }
        let matching = candidates.reversed().lazy.compactMap { self.records[$0] }.filter { record in
            (query.state ?? record.task.state) == record.task.state
                && (query.watch ?? record.task.watch) == record.task.watch && !record.isTombstone
        }
        let limit = min(query.limit, order.count)
        let found = Array(matching.prefix(limit + 1)).map(\.task)
        let page = Array(found.prefix(limit))
        return TaskPage(tasks: page, next: found.count > page.count ? page.last?.id.description : nil)
    }

    package func changes(after sequence: Int64, limit: Int) -> [GenerationTask] {
        let changed = records.values.filter { $0.task.sequence > sequence && !$0.isTombstone }.map(\.task)
        return Array(changed.sorted { $0.sequence < $1.sequence }.prefix(limit))
    }

    // MARK: Keeping

    package mutating func prune(finishedBefore: Timestamp, limit: Int) -> Int {
        let old = order.filter { id in
            guard let record = records[id], !record.isTombstone, let finished = record.task.finishedAt else {
                return false
            }
            return finished < finishedBefore
        }
        for id in old.prefix(limit) {
            guard let record = records[id] else { continue }
            records[id]?.task = record.task.tombstone
            records[id]?.isTombstone = true
        }
        return min(old.count, limit)
    }

    package func bill(since: Timestamp) -> [BillLine] {
        var lines: [BillLine] = []
        for id in order {
            guard let task = records[id]?.task, task.createdAt >= since else { continue }
            let isSame = { (line: BillLine) in
                line.day == task.createdAt.day && line.account == task.account && line.charged == task.charged
            }
            let index = lines.firstIndex(where: isSame) ?? lines.count
            if index == lines.count {
                let day = task.createdAt.day
                lines.append(
                    BillLine(day: day, account: task.account, charged: task.charged, tasks: 0, images: 0, units: 0)
                )
            }
            lines[index].tasks += 1
            lines[index].images += task.imageCount
            lines[index].units += task.finalUnitDeduction.flatMap { Double($0) } ?? 0
        }
        return lines.sorted { ($0.day, $0.account, $0.charged.rawValue) < ($1.day, $1.account, $1.charged.rawValue) }
    }
}
