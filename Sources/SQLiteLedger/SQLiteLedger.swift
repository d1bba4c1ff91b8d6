import Dispatch
import GRDB
package import GenerationTasks
import Synchronization

/// The ledger of one machine: a SQLite database in the state directory, shared by every klingd of its user.
///
/// Its rules are those of ``LedgerBook``. An owner is a locked file and a row with its last beat (design section 10): a
/// free lock is a dead process, a missing beat a stopped one. Nothing here waits for another process while it holds the
/// connection, so that reads are answered while a writer elsewhere blocks all writes.
package final class SQLiteLedger: Ledger {
    /// What this process knows of an owner of its own.
    private struct Own {
        var lock: FileLock
        /// When it last said that it is alive, on the boot clock in milliseconds.
        var lastBeat: Int64
    }

    private struct State {
        var connection: LedgerConnection?
        var owners: [OwnerID: Own] = [:]
        /// How often an owner was silent for so long that its leases may have been taken.
        var lapses = 0

        /// Whether every owner has been heard of lately.
        func isFresh(at now: Int64) -> Bool {
            !owners.isEmpty && owners.values.allSatisfy { now - SQLiteLedger.freshness < $0.lastBeat }
        }

        /// Notes that an owner was heard of, and whether it was silent for too long before.
        mutating func beat(_ owner: OwnerID, at now: Int64) {
            guard let last = owners[owner]?.lastBeat else { return }
            if last != .min, now - SQLiteLedger.freshness >= last { lapses += 1 }
            owners[owner]?.lastBeat = max(last, now)
        }
    }

    /// Only after so long does a write say again that its owner is alive.
    private static let beatInterval: Int64 = 1000
    /// An owner is sure of its leases for so long after its last beat: 2 s short of losing them.
    private static let freshness: Int64 = 8000
    /// A process that ends has little time, and what it has not given up is free once it has ended.
    private static let longestLeave = Duration.seconds(1)
    /// A request without a task is of no use to anybody after so long.
    private static let requestAge = Duration.seconds(3600)

    private let file: LedgerFile
    private let owners: OwnerFiles
    private let requests: RequestFiles
    private let time: any TimeSource
    private let busyLimit: Duration
    private let bootMilliseconds: @Sendable () -> Int64
    /// For calls that block on the disk outside of the database.
    private let lane = DispatchQueue(label: "klingd.ledger.files")
    private let state = Mutex(State())
    private let lostLeases = Atomic<Int>(0)
    /// How many calls are in the database's queue or on their way there.
    private let running = Atomic<Int>(0)

    /// Whether a folder holds a ledger.
    package static func exists(in directory: String) -> Bool { LedgerFile.exists(in: directory) }

    /// Touches nothing yet: the ledger is opened when it is first used.
    ///
    /// - Parameters:
    ///   - directory: The state directory, which exists and is private.
    ///   - time: Both clocks.
    ///   - busyLimit: How long a call waits for other processes before it ends as busy.
    ///   - bootMilliseconds: The clock on which owners are taken for stopped, the same for all processes.
    package init(
        directory: String,
        time: any TimeSource = SystemTime(),
        busyLimit: Duration = .seconds(10),
        bootMilliseconds: @escaping @Sendable () -> Int64 = BootClock.milliseconds
    ) {
        file = LedgerFile(directory: directory, time: time)
        owners = OwnerFiles(folder: directory + "/owners")
        requests = RequestFiles(folder: directory + "/requests")
        self.time = time
        self.busyLimit = busyLimit
        self.bootMilliseconds = bootMilliseconds
    }

    package var staleWrites: Int { lostLeases.load(ordering: .relaxed) }

    /// Whether every owner of this process has said so lately that it is alive that no other process can have taken its
    /// leases.
    package var isFresh: Bool {
        let now = bootMilliseconds()
        return state.withLock { $0.isFresh(at: now) }
    }

    package func hold() -> Hold { Hold(lapses: state.withLock(\.lapses)) }

    package func isUnbroken(_ hold: Hold) -> Bool {
        let now = bootMilliseconds()
        return state.withLock { $0.lapses == hold.lapses && $0.isFresh(at: now) }
    }

    package func noteLastByte(of id: TaskID, attempt: Int, by owner: OwnerID) -> Bool {
        state.withLock { state in
            guard let lock = state.owners[owner]?.lock, !lock.isUnlinked else { return false }
            return lock.append(line: OwnerFiles.note(of: id, attempt: attempt))
        }
    }

    /// Why no task can be inserted, when the ledger was damaged and no person has looked at it yet.
    package func submittingIsBarred() -> String? { file.submittingIsBarred }

    /// Opens the ledger if it is not open yet. Refused are a ledger of a newer klingd, a network file system, and a
    /// damaged file that another process still uses.
    package func open() async throws(LedgerError) {
        try await perform { _ in }
    }

    /// Closes the database; the next use opens it again. Owners stay.
    package func close() async {
        await onLane {
            let connection = self.state.withLock { state in
                defer { state.connection = nil }
                return state.connection
            }
            // What still runs in it ends first. One that cannot be closed is closed with its last reference.
            try? connection?.queue.close()
        }
    }

    /// For tests: leaves an owner as the death of its process would.
    package func abandonForTests(_ owner: OwnerID) {
        state.withLock { $0.owners[owner] = nil }
    }

    // MARK: Owners

    package func join(_ owner: OwnerID) async throws(LedgerError) {
        guard state.withLock({ $0.owners[owner] == nil }) else { return try await heartbeat(owner) }
        try await open()
        // Locked before it is known: whoever sees its row finds it alive.
        try await onLane { () throws(LedgerError) in
            let lock = try self.owners.lock(owner)
            self.state.withLock { $0.owners[owner] = Own(lock: lock, lastBeat: .min) }
        }
        do {
            try await transact(by: [owner], beat: .now) { roll, db in try roll.sweep(db) }
        } catch {
            state.withLock { $0.owners[owner] = nil }
            await onLane { [owners] in owners.removeIfFree(owner) }
            throw error
        }
        await sweep()
    }

    package func heartbeat(_ owner: OwnerID) async throws(LedgerError) {
        try await transact(by: [owner], beat: .now) { _, _ in }
    }

    package func leave(_ owner: OwnerID) async throws(LedgerError) {
        let limit = min(busyLimit, Self.longestLeave)
        let result = await attempts(limit: limit, shielded: true) { db in
            try Self.inTransaction(db) { try LedgerTransactions.leave(owner, db) }
        }
        // Whether that went well or not: the owner is gone from now on.
        let wasOurs = state.withLock { $0.owners.removeValue(forKey: owner) != nil }
        if wasOurs { await onLane { [owners] in owners.removeIfFree(owner) } }
        try result.get()
    }

    package func isGone(_ owner: OwnerID) async throws(LedgerError) -> Bool {
        let isKnown = try await look { db in
            let statement = try db.cachedStatement(sql: "SELECT 1 FROM owners WHERE id = ?")
            return try Int.fetchOne(statement, arguments: [owner.description]) != nil
        }
        return !isKnown || !owners.isHeld(owner)
    }

    /// Removes what ended processes have left. What cannot be removed now is left for the next process.
    private func sweep() async {
        let before = Timestamp(milliseconds: time.date.milliseconds - Self.requestAge.milliseconds)
        let written = await onLane { [owners, requests] in
            owners.sweep()
            return requests.written(before: before)
        }
        guard !written.isEmpty else { return }
        let needed = try? await perform { db in
            try Set(written.filter { try LedgerTransactions.body(of: $0, db)?.place == .file })
        }
        guard let needed else { return }
        await onLane { [requests] in
            for id in written where !needed.contains(id) { requests.remove(id) }
        }
    }

    // MARK: Tasks

    package func insert(_ new: NewTask, owner: OwnerID) async throws(LedgerError) -> Admission {
        if let reason = submittingIsBarred() { throw .failed(reason) }
        // Whatever is written to a ledger whose folder was removed is seen by nobody else, and gone with this process.
        if state.withLock({ $0.owners[owner]?.lock.isUnlinked == true }) {
            throw .failed("the state folder was removed while klingd runs; nothing was stored: start klingd anew")
        }
        let id = new.task.id
        let place: TaskRecord.BodyPlace
        switch new.body {
        case nil: place = .nowhere
        case .some(let body) where body.count <= RequestFiles.largestInline: place = .inline
        case .some(let body):
            place = .file
            try await open()
            try await onLane { [requests] () throws(LedgerError) in try requests.write(body, of: id) }
        }
        do {
            let admission = try await transact(by: [owner]) { _, db in
                try LedgerTransactions.insert(new, bodyPlace: place, owner: owner, db)
            }
            if place == .file, !Self.isInserted(admission) { await onLane { [requests] in requests.remove(id) } }
            return admission
        } catch {
            // Of any other failure it is not certain that the task is not there; the sweep finds out.
            if place == .file, case .busy = error { await onLane { [requests] in requests.remove(id) } }
            throw error
        }
    }

    private static func isInserted(_ admission: Admission) -> Bool {
        if case .inserted = admission { true } else { false }
    }

    package func body(of id: TaskID) async throws(LedgerError) -> [UInt8]? {
        guard let stored = try await storedBody(of: id) else { return nil }
        switch stored.place {
        case .nowhere: return nil
        case .inline: return stored.inline
        case .file:
            return try await onLane { [requests] () throws(LedgerError) in try requests.read(id) }
        }
    }

    private func storedBody(
        of id: TaskID
    ) async throws(LedgerError) -> (place: TaskRecord.BodyPlace, inline: [UInt8])? {
        try await perform { db in try LedgerTransactions.body(of: id, db) }
    }

    package func write(_ writes: [LedgerWrite]) async throws(LedgerError) -> [LedgerWriteOutcome] {
        let writers = Set(writes.compactMap { $0.lease?.owner })
        let written = try await transact(by: writers, shielded: true) { [time] roll, db in
            let now = time.date
            var written: [LedgerTransactions.Written] = []
            for write in writes { written.append(try LedgerTransactions.write(write, at: now, &roll, db)) }
            return written
        }
        lostLeases.add(written.count { $0.hasLostLease }, ordering: .relaxed)
        let obsolete = written.compactMap(\.obsoleteRequest)
        if !obsolete.isEmpty { await onLane { [requests] in obsolete.forEach(requests.remove) } }
        return written.map(\.outcome)
    }

    package func claim(
        _ bindings: Set<Binding>,
        owner: OwnerID,
        limit: Int
    ) async throws(LedgerError) -> [ClaimedTask] {
        try await transact(by: [owner]) { roll, db in
            try LedgerTransactions.claim(bindings, owner: owner, limit: limit, &roll, db)
        }
    }

    package func claim(_ id: TaskID, owner: OwnerID) async throws(LedgerError) -> ClaimedTask? {
        try await transact(by: [owner]) { roll, db in try LedgerTransactions.claim(id, owner: owner, &roll, db) }
    }

    // MARK: Reading

    package func task(_ id: TaskID) async throws(LedgerError) -> GenerationTask? {
        try await look { db in try LedgerTransactions.record(id, db)?.task }
    }

    package func task(taskID: String) async throws(LedgerError) -> GenerationTask? {
        try await look { db in try LedgerTransactions.task(taskID: taskID, db) }
    }

    package func task(externalTaskID: String) async throws(LedgerError) -> GenerationTask? {
        try await look { db in try LedgerTransactions.task(externalTaskID: externalTaskID, db) }
    }

    package func list(_ query: TaskQuery) async throws(LedgerError) -> TaskPage {
        try await perform { db in try LedgerTransactions.list(query, db) }
    }

    package func changes(after sequence: Int64, limit: Int) async throws(LedgerError) -> [GenerationTask] {
        try await perform { db in try LedgerTransactions.changes(after: sequence, limit: limit, db) }
    }

    package func lastSequence() async throws(LedgerError) -> Int64 {
        try await look { db in try LedgerTransactions.lastSequence(db) }
    }

    package func identity() async throws(LedgerError) -> String {
        try await look { db in try LedgerTransactions.identity(db) }
    }

    package func imagesInFlight(account: String) async throws(LedgerError) -> Int {
        try await look { db in
            try LedgerTransactions.imagesInFlight(account: account, db)
        }
    }

    package func learntLimit(account: String) async throws(LedgerError) -> Int? {
        let learnt = try await look { db in try LedgerTransactions.learnt(account: account, db) }
        return SlotRules.limit(own: nil, learnt: learnt, at: time.date)
    }

    package func learn(_ duration: Duration, of job: JobClass) async throws(LedgerError) -> [Duration] {
        try await transact { _, db in try LedgerTransactions.learn(duration, of: job, db) }
    }

    package func learntDurations() async throws(LedgerError) -> [JobClass: [Duration]] {
        try await perform { db in try LedgerTransactions.durations(db) }
    }

    // MARK: Keeping

    package func prune(finishedBefore: Timestamp, limit: Int) async throws(LedgerError) -> Int {
        try await transact { _, db in
            try LedgerTransactions.prune(finishedBefore: finishedBefore, limit: limit, db)
        }
    }

    package func bill(since: Timestamp) async throws(LedgerError) -> [BillLine] {
        try await perform { db in try LedgerTransactions.bill(since: since, db) }
    }

    /// Looks the ledger through: how many tasks it has in each state, its migrations, and what SQLite finds wrong with
    /// its file (`PRAGMA quick_check`), nothing for a sound one. Takes longer the larger it is.
    package func examine() async throws(LedgerError) -> (counts: [TaskState: Int], schema: [String], damage: [String]) {
        try await perform { db in
            let rows = try Row.fetchAll(db, sql: "SELECT state, COUNT(*) AS count FROM tasks GROUP BY state")
            let counts = rows.reduce(into: [TaskState: Int]()) { counts, row in
                guard let state = TaskState(rawValue: row["state"]) else { return }
                counts[state] = row["count"]
            }
            let schema = try String.fetchAll(db, sql: "SELECT identifier FROM grdb_migrations ORDER BY identifier")
            let found = try String.fetchAll(db, sql: "PRAGMA quick_check(5)")
            return (counts, schema, found == ["ok"] ? [] : found)
        }
    }

    // MARK: Access

    private enum Beat {
        /// Always, for that alone the transaction is made.
        case now
        /// When the last one is a while ago.
        case due
    }

    /// Runs `body` as one immediate transaction, and says in it that those of `writers` that are owners of this process
    /// are alive.
    private func transact<Value: Sendable>(
        by writers: Set<OwnerID> = [],
        beat: Beat = .due,
        shielded: Bool = false,
        _ body: @escaping @Sendable (inout OwnerRoll, Database) throws -> Value
    ) async throws(LedgerError) -> Value {
        let result = await attempts(limit: busyLimit, shielded: shielded) { db in
            let now = self.bootMilliseconds()
            let beating = self.beating(writers, beat, at: now)
            var roll = OwnerRoll(files: self.owners, bootID: BootClock.id, now: now)
            let value = try Self.inTransaction(db) {
                for owner in beating { try roll.beat(owner, db) }
                return try body(&roll, db)
            }
            self.state.withLock { state in
                for owner in beating { state.beat(owner, at: now) }
            }
            for owner in roll.gone { self.owners.removeIfFree(owner) }
            return value
        }
        return try result.get()
    }

    private func beating(_ writers: Set<OwnerID>, _ beat: Beat, at now: Int64) -> [OwnerID] {
        state.withLock { state in
            writers.filter { writer in
                guard let last = state.owners[writer]?.lastBeat else { return false }
                return beat == .now || last == .min || now - last >= Self.beatInterval
            }
        }
    }

    private static func inTransaction<Value>(_ db: Database, _ body: () throws -> Value) throws -> Value {
        var value: Value?
        try db.inTransaction(.immediate) {
            value = try body()
            return .commit
        }
        guard let value else { throw LedgerError.failed("a transaction ended without a result") }
        return value
    }

    /// Reads; one statement sees one state of the ledger.
    private func perform<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(LedgerError) -> Value {
        try await attempts(limit: busyLimit, shielded: false, body).get()
    }

    /// Reads a row or two: on the caller's own thread when the database is idle, for to wake another one and be woken
    /// by it costs several times the reading.
    private func look<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(LedgerError) -> Value {
        if let connection = state.withLock(\.connection),
            running.compareExchange(expected: 0, desired: 1, ordering: .acquiringAndReleasing).exchanged
        {
            let result = connection.queue.inDatabase { db in Result { try body(db) }.mapError { Trouble($0) } }
            running.subtract(1, ordering: .releasing)
            switch result {
            case .success(let value): return value
            case .failure(.ledger(let error)): throw error
            case .failure(.busy): break
            }
        }
        return try await perform(body)
    }

    /// Tries until other processes let it through, in small pauses that grow. Cancelling the calling task ends the
    /// pauses, and with them the call, unless it is `shielded`.
    private func attempts<Value: Sendable>(
        limit: Duration,
        shielded: Bool,
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async -> Result<Value, LedgerError> {
        let deadline = time.now + limit
        var longest = 2.0
        while true {
            switch await attempt(body) {
            case .success(let value): return .success(value)
            case .failure(.ledger(let error)): return .failure(error)
            case .failure(.busy):
                let left = deadline - time.now
                let pause = min(.milliseconds(Double.random(in: longest / 2...longest)), left)
                guard left > .zero, await sleep(for: pause, shielded: shielded) else {
                    return .failure(.busy("another process holds the ledger in \(file.directory); nothing was written"))
                }
                longest = min(longest * 1.5, 25)
            }
        }
    }

    /// False when the task was cancelled and may not go on.
    private func sleep(for pause: Duration, shielded: Bool) async -> Bool {
        do {
            try await time.sleep(until: time.now + pause)
            return true
        } catch {
            guard shielded else { return false }
            // A cancelled task cannot sleep, and must not spin either.
            await withCheckedContinuation { continuation in
                lane.asyncAfter(deadline: .now() + .milliseconds(Int(pause.milliseconds) + 1)) { continuation.resume() }
            }
            return true
        }
    }

    private func attempt<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async -> Result<Value, Trouble> {
        switch await connection() {
        case .failure(let trouble): return .failure(trouble)
        case .success(let connection):
            return await withCheckedContinuation { continuation in
                // Not GRDB's own async calls: they end with the task that made them, and what is written here may come
                // from several callers.
                running.add(1, ordering: .acquiring)
                connection.queue.asyncWriteWithoutTransaction { db in
                    let result = Result { try body(db) }.mapError { Trouble($0) }
                    self.running.subtract(1, ordering: .releasing)
                    continuation.resume(returning: result)
                }
            }
        }
    }

    private func connection() async -> Result<LedgerConnection, Trouble> {
        if let connection = state.withLock(\.connection) { return .success(connection) }
        return await onLane {
            // Another call may have opened it in the meantime; the lane runs one after the other.
            if let connection = self.state.withLock(\.connection) { return .success(connection) }
            return Result { () throws(Trouble) in
                let connection = try self.file.open()
                self.state.withLock { $0.connection = connection }
                return connection
            }
        }
    }

    private func onLane<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            lane.async { continuation.resume(returning: work()) }
        }
    }

    private func onLane<Value: Sendable>(
        _ work: @escaping @Sendable () throws(LedgerError) -> Value
    ) async throws(LedgerError) -> Value {
        let work: @Sendable () -> Result<Value, LedgerError> = { Result { () throws(LedgerError) in try work() } }
        return try await onLane(work).get()
    }
}
