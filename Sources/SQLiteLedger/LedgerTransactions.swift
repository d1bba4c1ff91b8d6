import GRDB
import GenerationTasks

/// The rules of ``LedgerBook``, each as what it does inside one transaction.
enum LedgerTransactions {
    // MARK: New tasks

    static func insert(
        _ new: NewTask,
        bodyPlace: TaskRecord.BodyPlace,
        owner: OwnerID,
        _ db: Database
    ) throws -> Admission {
        var task = new.task
        let account = SQLText.stored(task.account)
        if let key = task.idempotencyKey {
            let keyed = "account = ? AND idempotency_key = ? ORDER BY ordinal DESC"
            if let first = try record(where: keyed, [account, SQLText.stored(key)], db)?.task, !first.freesItsKey {
                return first.fingerprint == task.fingerprint ? .existing(first) : .conflict(first)
            }
        }
        if let taskID = task.taskID, let known = try self.task(taskID: taskID, db), known.account == task.account {
            return .existing(known)
        }
        let external = "account = ? AND external_task_id = ? ORDER BY ordinal DESC"
        let named: StatementArguments = [account, SQLText.stored(task.externalTaskID)]
        if let first = try record(where: external, named, db)?.task, !first.freesItsKey {
            return .externalIDTaken(first)
        }
        if let limit = new.imagesPerDay {
            let asked = try imagesAsked(on: task.createdAt, account: account, db)
            if asked + task.imageCount > limit { return .overDailyLimit(asked: asked) }
        }
        task.sequence = try nextSequence(db)
        let claimed = ClaimedTask(task: task, lease: Lease(owner: owner, fence: 1), ordinal: task.sequence)
        try TaskRecord(claimed, ordinal: task.sequence, bodyPlace: bodyPlace).insert(db, body: new.body)
        return .inserted(claimed)
    }

    private static let day: Int64 = 86_400_000

    /// Images asked for on the day (UTC) of a moment, without those of tasks that cost nothing.
    private static func imagesAsked(on moment: Timestamp, account: String, _ db: Database) throws -> Int {
        let ofDay = (moment.milliseconds % day + day) % day
        let start = moment.milliseconds - ofDay
        // The plus keeps SQLite from going through all tasks of the account instead of one day's.
        let statement = try db.cachedStatement(
            sql: """
                SELECT COALESCE(SUM(image_count), 0) FROM tasks
                WHERE created_at >= ? AND created_at < ? AND +account = ? AND NOT (state = 'failed' AND charged = 'no')
                """
        )
        return try Int.fetchOne(statement, arguments: [start, start + day, account]) ?? 0
    }

    private static func nextSequence(_ db: Database) throws -> Int64 {
        let statement = try db.cachedStatement(sql: "UPDATE meta SET sequence = sequence + 1 RETURNING sequence")
        guard let sequence = try Int64.fetchOne(statement) else { throw UnreadableRecord("no sequence") }
        return sequence
    }

    // MARK: Versions

    /// What became of a write, and what is to be done once it is durable.
    struct Written: Sendable {
        var outcome: LedgerWriteOutcome
        /// The lease was lost, so the work of its owner was in vain.
        var hasLostLease = false
        /// The task whose request file is needed no longer.
        var obsoleteRequest: TaskID?
    }

    static func write(
        _ write: LedgerWrite,
        at now: Timestamp,
        _ roll: inout OwnerRoll,
        _ db: Database
    ) throws -> Written {
        guard var record = try record(write.task.id, db) else { return Written(outcome: .stale(write.task)) }
        guard write.lease == nil || write.lease == record.lease else {
            return Written(outcome: .stale(record.task), hasLostLease: true)
        }
        guard record.task.revision == write.replaces else { return Written(outcome: .stale(record.task)) }
        guard try apply(write, at: now, to: &record, &roll, db) else { return Written(outcome: .noSlots) }
        let sequence = try nextSequence(db)
        record.task = write.task
        record.task.sequence = sequence
        if write.releases { record.owner = nil }
        if record.task.state != .submitting { record.isUnsent = false }
        var written = Written(outcome: .written(sequence: sequence))
        if record.task.isCreateDefinite {
            if record.bodyPlace == .file { written.obsoleteRequest = record.task.id }
            record.bodyPlace = .nowhere
        }
        try record.update(db)
        return written
    }

    /// Takes and frees slots; false when there are none to take.
    private static func apply(
        _ write: LedgerWrite,
        at now: Timestamp,
        to record: inout TaskRecord,
        _ roll: inout OwnerRoll,
        _ db: Database
    ) throws -> Bool {
        let account = record.task.account
        switch write.slots {
        case .keep: break
        case .free: record.slots = 0
        case .take(let own, let unseenSince):
            let beside = try imagesInFlight(
                account: account,
                unseenSince: unseenSince,
                without: record.ordinal,
                &roll,
                db
            )
            let limit = SlotRules.limit(own: own, learnt: try learnt(account: account, db), at: now)
            guard SlotRules.fits(write.task.imageCount, beside: beside, limit: limit) else { return false }
            if limit != nil, try othersWait(before: record, &roll, db) { return false }
            (record.slots, record.slotsSince, record.beside) = (write.task.imageCount, now, beside)
        case .refused:
            let beside = try imagesInFlight(account: account, without: record.ordinal, db)
            let learnt = SlotRules.learn(
                write.task.imageCount,
                beside: max(beside, record.beside),
                before: try learnt(account: account, db),
                at: now
            )
            try keep(learnt, account: account, db)
            record.slots = 0
        }
        return true
    }

    /// Whether an older task of the account waits to be sent by another process that is alive: it goes first.
    private static func othersWait(before record: TaskRecord, _ roll: inout OwnerRoll, _ db: Database) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: """
                SELECT DISTINCT owner FROM tasks
                WHERE state = 'queued' AND account = ? AND ordinal < ? AND owner IS NOT NULL AND owner IS NOT ?
                """
        )
        let owners = try String.fetchAll(
            statement,
            arguments: [SQLText.stored(record.task.account), record.ordinal, record.owner?.description]
        )
        for owner in owners where try roll.isAlive(OwnerID(owner), db) { return true }
        return false
    }

    // MARK: Slots

    static func imagesInFlight(account: String, without ordinal: Int64? = nil, _ db: Database) throws -> Int {
        let statement = try db.cachedStatement(
            sql: "SELECT COALESCE(SUM(slots), 0) FROM tasks WHERE slots > 0 AND account = ? AND ordinal IS NOT ?"
        )
        return try Int.fetchOne(statement, arguments: [SQLText.stored(account), ordinal]) ?? 0
    }

    /// The same without those taken before `unseenSince` by jobs whose end nobody sees: left alone, unresolved
    /// (`GenerationTask.endIsUnseen`), or worked on by no process that is alive.
    private static func imagesInFlight(
        account: String,
        unseenSince: Timestamp,
        without ordinal: Int64,
        _ roll: inout OwnerRoll,
        _ db: Database
    ) throws -> Int {
        let statement = try db.cachedStatement(
            sql: """
                SELECT slots, owner, state = 'unresolved' OR (watch = 'cancelled' AND state IN ('submitted', 'processing'))
                FROM tasks WHERE slots > 0 AND account = ? AND ordinal IS NOT ? AND slots_since < ?
                """
        )
        let old = try Row.fetchAll(
            statement,
            arguments: [SQLText.stored(account), ordinal, unseenSince.milliseconds]
        )
        var unseen = 0
        for row in old {
            let owner: String? = try row.optional(1)
            let isUnseen: Bool = try row.value(2)
            if try isUnseen || !(owner.map { try roll.isAlive(OwnerID($0), db) } ?? false) {
                unseen += try row.value(0) as Int
            }
        }
        return try imagesInFlight(account: account, without: ordinal, db) - unseen
    }

    static func learnt(account: String, _ db: Database) throws -> SlotRules.Learnt? {
        let statement = try db.cachedStatement(sql: "SELECT images, at FROM learnt_limits WHERE account = ?")
        guard let row = try Row.fetchOne(statement, arguments: [SQLText.stored(account)]) else { return nil }
        return SlotRules.Learnt(limit: try row.value(0), at: Timestamp(milliseconds: try row.value(1)))
    }

    private static func keep(_ learnt: SlotRules.Learnt, account: String, _ db: Database) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO learnt_limits (account, images, at) VALUES (?, ?, ?)
                ON CONFLICT (account) DO UPDATE SET images = excluded.images, at = excluded.at
                """
        )
        try statement.execute(arguments: [SQLText.stored(account), learnt.limit, learnt.at.milliseconds])
    }

    // MARK: Claims

    static func claim(
        _ bindings: Set<Binding>,
        owner: OwnerID,
        limit: Int,
        _ roll: inout OwnerRoll,
        _ db: Database
    ) throws -> [ClaimedTask] {
        // First the columns that decide, so that what others work on is not read.
        let statement = try db.cachedStatement(
            sql: """
                SELECT ordinal, account, storage, owner FROM tasks
                WHERE state NOT IN ('stored', 'failed') AND owner IS NOT ?
                    AND NOT (watch = 'cancelled' AND state IN ('submitted', 'processing')) ORDER BY ordinal
                """
        )
        var claimable: [Int64] = []
        let rows = try Row.fetchCursor(statement, arguments: [owner.description])
        while claimable.count < limit, let row = try rows.next() {
            let (account, storage) = (try row.text(1), try row.text(2))
            guard bindings.contains(where: { $0.covers(account: account, storage: storage) }) else { continue }
            if let holder: String = try row.optional(3), try roll.isAlive(OwnerID(holder), db) { continue }
            claimable.append(try row.value(0))
        }
        return try claimable.compactMap { ordinal in
            try record(where: "ordinal = ?", [ordinal], db).map { try take($0, owner: owner, db) }
        }
    }

    static func claim(_ id: TaskID, owner: OwnerID, _ roll: inout OwnerRoll, _ db: Database) throws -> ClaimedTask? {
        guard var record = try record(id, db) else { return nil }
        if let lease = record.lease {
            if lease.owner == owner { return ClaimedTask(task: record.task, lease: lease, ordinal: record.ordinal) }
            if try roll.isAlive(lease.owner, db) { return nil }
            // Read again: that its process has ended may just have been found out, and noted in the task.
            record = try self.record(id, db) ?? record
        }
        guard !record.task.state.isTerminal else { return nil }
        return try take(record, owner: owner, db)
    }

    /// Notes of what an owner whose process has ended was about to send whether the last byte can have gone out.
    static func noteUnsent(of owner: OwnerID, notes: Set<String>, _ db: Database) throws {
        for var record in try records(where: "owner = ? AND state = 'submitting'", [owner.description], db)
        where record.task.sender == owner {
            record.isUnsent = !notes.contains(OwnerFiles.note(of: record.task.id, attempt: record.task.attempt))
            try record.update(db)
        }
    }

    private static func take(_ record: TaskRecord, owner: OwnerID, _ db: Database) throws -> ClaimedTask {
        let fence = record.fence + 1
        let statement = try db.cachedStatement(sql: "UPDATE tasks SET owner = ?, fence = ? WHERE ordinal = ?")
        try statement.execute(arguments: [owner.description, fence, record.ordinal])
        return ClaimedTask(
            task: record.task,
            lease: Lease(owner: owner, fence: fence),
            ordinal: record.ordinal,
            isUnsent: record.isUnsent
        )
    }

    static func leave(_ owner: OwnerID, _ db: Database) throws {
        try db.cachedStatement(sql: "UPDATE tasks SET owner = NULL WHERE owner = ?")
            .execute(arguments: [owner.description])
        try db.cachedStatement(sql: "DELETE FROM owners WHERE id = ?").execute(arguments: [owner.description])
    }

    // MARK: Reading

    static func record(_ id: TaskID, _ db: Database) throws -> TaskRecord? {
        try record(where: "id = ?", [id.description], db)
    }

    static func task(taskID: String, _ db: Database) throws -> GenerationTask? {
        try record(where: "task_id = ? ORDER BY sequence DESC", [SQLText.stored(taskID)], db)?.task
    }

    static func task(externalTaskID: String, _ db: Database) throws -> GenerationTask? {
        try record(where: "external_task_id = ? ORDER BY ordinal DESC", [SQLText.stored(externalTaskID)], db)?.task
    }

    /// The first task that a condition finds.
    private static func record(
        where condition: String,
        _ arguments: StatementArguments,
        _ db: Database
    ) throws -> TaskRecord? {
        try records(where: condition + " LIMIT 1", arguments, db).first
    }

    private static func records(
        where condition: String,
        _ arguments: StatementArguments,
        _ db: Database
    ) throws -> [TaskRecord] {
        let statement = try db.cachedStatement(sql: "SELECT \(TaskRecord.columns) FROM tasks WHERE \(condition)")
        var records: [TaskRecord] = []
        let rows = try SelectedTask.fetchCursor(statement, arguments: arguments)
        while let row = try rows.next() { records.append(try row.record.get()) }
        return records
    }

    /// What is stored of a task's request in the database, and where the rest is.
    static func body(of id: TaskID, _ db: Database) throws -> (place: TaskRecord.BodyPlace, inline: [UInt8])? {
        let statement = try db.cachedStatement(sql: "SELECT body_place, body FROM tasks WHERE id = ?")
        let rows = try Row.fetchCursor(statement, arguments: [id.description])
        guard let row = try rows.next() else { return nil }
        guard let place = TaskRecord.BodyPlace(rawValue: try row.value(0)) else {
            throw UnreadableRecord("place of a request")
        }
        return (place, place == .inline ? try SQLBytes.read(row, 1) : [])
    }

    static func list(_ query: TaskQuery, _ db: Database) throws -> TaskPage {
        let identity = try identity(db)
        var conditions = ["is_tombstone = 0"]
        var arguments = StatementArguments()
        if let cursor = query.cursor {
            guard let position = ListCursor(cursor, identity: identity)?.ordinal,
                position <= (try lastSequence(db))
            else { throw LedgerError.badCursor }
            conditions.append("ordinal < ?")
            arguments += [position]
        }
        if let state = query.state {
            conditions.append("state = ?")
            arguments += [state.rawValue]
        }
        if let watch = query.watch {
            // Next to a state, which tells more tasks apart, no index is to be used for it.
            conditions.append(query.state == nil ? "watch = ?" : "+watch = ?")
            arguments += [watch.rawValue]
        }
        let limit = bounded(query.limit)
        // One more than asked for tells whether another page follows.
        arguments += [limit + 1]
        let condition = conditions.joined(separator: " AND ") + " ORDER BY ordinal DESC LIMIT ?"
        let found = try records(where: condition, arguments, db)
        let page = found.prefix(limit)
        let next = found.count > limit ? page.last.map { ListCursor(ordinal: $0.ordinal, identity: identity) } : nil
        return TaskPage(tasks: page.map(\.task), next: next?.description)
    }

    static func changes(after sequence: Int64, limit: Int, _ db: Database) throws -> [GenerationTask] {
        let condition = "sequence > ? AND is_tombstone = 0 ORDER BY sequence LIMIT ?"
        return try records(where: condition, [sequence, bounded(limit)], db).map(\.task)
    }

    /// SQLite takes a negative limit for none.
    private static func bounded(_ limit: Int) -> Int { min(max(limit, 0), 1 << 40) }

    static func lastSequence(_ db: Database) throws -> Int64 {
        let statement = try db.cachedStatement(sql: "SELECT sequence FROM meta")
        guard let sequence = try Int64.fetchOne(statement) else { throw UnreadableRecord("no sequence") }
        return sequence
    }

    static func identity(_ db: Database) throws -> String {
        let statement = try db.cachedStatement(sql: "SELECT identity FROM meta")
        guard let identity = try String.fetchOne(statement) else { throw UnreadableRecord("no identity") }
        return identity
    }

    // MARK: Durations

    static func learn(_ duration: Duration, of job: JobClass, _ db: Database) throws -> [Duration] {
        let kind: StatementArguments = [SQLText.stored(job.model), SQLText.stored(job.resolution), job.imageCount]
        let isSame = "model = ? AND resolution = ? AND image_count = ?"
        if duration > .zero {
            let insertion = try db.cachedStatement(
                sql: "INSERT INTO durations (model, resolution, image_count, nanoseconds) VALUES (?, ?, ?, ?)"
            )
            try insertion.execute(arguments: kind + [max(duration.nanoseconds, 1)])
            let deletion = try db.cachedStatement(
                sql: """
                    DELETE FROM durations WHERE position IN (SELECT position FROM durations WHERE \(isSame)
                        ORDER BY position DESC LIMIT -1 OFFSET \(LearntDurations.memory))
                    """
            )
            try deletion.execute(arguments: kind)
        }
        let statement = try db.cachedStatement(
            sql: "SELECT nanoseconds FROM durations WHERE \(isSame) ORDER BY position"
        )
        return try Int64.fetchAll(statement, arguments: kind).map { .nanoseconds($0) }
    }

    static func durations(_ db: Database) throws -> [JobClass: [Duration]] {
        let statement = try db.cachedStatement(
            sql: "SELECT model, resolution, image_count, nanoseconds FROM durations ORDER BY position"
        )
        var durations: [JobClass: [Duration]] = [:]
        let rows = try Row.fetchCursor(statement)
        while let row = try rows.next() {
            let job = JobClass(model: try row.text(0), resolution: try row.text(1), imageCount: try row.value(2))
            let nanoseconds: Int64 = try row.value(3)
            durations[job, default: []].append(.nanoseconds(nanoseconds))
        }
        return durations
    }

    // MARK: Keeping

    static func prune(finishedBefore: Timestamp, limit: Int, _ db: Database) throws -> Int {
        let condition = "is_tombstone = 0 AND finished_at IS NOT NULL AND finished_at < ? ORDER BY ordinal LIMIT ?"
        let old = try records(where: condition, [finishedBefore.milliseconds, bounded(limit)], db)
        for var record in old {
            record.task = record.task.tombstone
            record.isTombstone = true
            try record.update(db)
        }
        return old.count
    }

    static func bill(since: Timestamp, _ db: Database) throws -> [BillLine] {
        let statement = try db.cachedStatement(
            sql: """
                SELECT created_at - (created_at % \(day) + \(day)) % \(day) AS day, account, charged, COUNT(*),
                    SUM(image_count), TOTAL(units)
                FROM tasks WHERE created_at >= ? GROUP BY 1, 2, 3
                """
        )
        var lines: [BillLine] = []
        let rows = try Row.fetchCursor(statement, arguments: [since.milliseconds])
        while let row = try rows.next() {
            lines.append(
                BillLine(
                    day: Timestamp(milliseconds: try row.value(0)).day,
                    account: try row.text(1),
                    charged: try row.word(2),
                    tasks: try row.value(3),
                    images: try row.value(4),
                    units: try row.value(5)
                )
            )
        }
        return lines.sorted { ($0.day, $0.account, $0.charged.rawValue) < ($1.day, $1.account, $1.charged.rawValue) }
    }
}

/// Where a page of a list has ended. The identity of the ledger is in it, so that a cursor of another is recognised.
struct ListCursor: CustomStringConvertible {
    let ordinal: Int64
    private let ledger: Substring

    init(ordinal: Int64, identity: String) {
        self.ordinal = ordinal
        ledger = identity.prefix(8)
    }

    init?(_ text: String, identity: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == identity.prefix(8), let ordinal = Int64(parts[1]), ordinal > 0 else {
            return nil
        }
        self.init(ordinal: ordinal, identity: identity)
    }

    var description: String { "\(ledger).\(ordinal)" }
}
