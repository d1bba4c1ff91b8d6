/// A ledger that lasts as long as the process: for tests, and for a simulated provider that lasts no longer either.
package actor InMemoryLedger: Ledger {
    private var book = LedgerBook()
    private let date: @Sendable () -> Timestamp

    /// `date` tells the time of the calendar.
    package init(date: @escaping @Sendable () -> Timestamp = { SystemTime().date }) {
        self.date = date
    }

    package func join(_ owner: OwnerID) { book.set(.alive, of: owner) }
    package func heartbeat(_ owner: OwnerID) {}
    package func leave(_ owner: OwnerID) { book.leave(owner) }
    package func isGone(_ owner: OwnerID) -> Bool { book.isGone(owner) }
    package nonisolated var staleWrites: Int { 0 }
    package nonisolated func hold() -> Hold { Hold(lapses: 0) }
    /// What is in memory survives no process, so there is nobody to be told.
    package nonisolated func noteLastByte(of id: TaskID, attempt: Int, by owner: OwnerID) -> Bool { true }
    package nonisolated func isUnbroken(_ hold: Hold) -> Bool { true }
    /// For tests: lets an owner be taken for stopped or dead.
    package func set(_ standing: LedgerBook.Standing, of owner: OwnerID) { book.set(standing, of: owner) }

    package func insert(_ new: NewTask, owner: OwnerID) -> Admission { book.insert(new, owner: owner) }
    package func insert(_ task: GenerationTask, owner: OwnerID) -> Admission { insert(NewTask(task), owner: owner) }
    package func body(of id: TaskID) -> [UInt8]? { book.body(of: id) }
    package func write(_ writes: [LedgerWrite]) -> [LedgerWriteOutcome] {
        let now = date()
        return writes.map { book.write($0, at: now) }
    }
    package func claim(_ bindings: Set<Binding>, owner: OwnerID, limit: Int) -> [ClaimedTask] {
        book.claim(bindings, owner: owner, limit: limit)
    }
    package func claim(_ id: TaskID, owner: OwnerID) -> ClaimedTask? { book.claim(id, owner: owner) }

    package func task(_ id: TaskID) -> GenerationTask? { book.task(id) }
    package func task(taskID: String) -> GenerationTask? { book.task(taskID: taskID) }
    package func task(externalTaskID: String) -> GenerationTask? { book.task(externalTaskID: externalTaskID) }
    package func list(_ query: TaskQuery) throws(LedgerError) -> TaskPage { try book.list(query) }
    package func changes(after sequence: Int64, limit: Int) -> [GenerationTask] {
        book.changes(after: sequence, limit: limit)
    }
    package func lastSequence() -> Int64 { book.lastSequence }
    package func identity() -> String { "memory" }

    package func imagesInFlight(account: String) -> Int { book.imagesInFlight(account: account) }
    package func learntLimit(account: String) -> Int? { book.learntLimit(account: account, at: date()) }
    package func learn(_ duration: Duration, of job: JobClass) -> [Duration] { book.learn(duration, of: job) }
    package func learntDurations() -> [JobClass: [Duration]] { book.durations }

    package func prune(finishedBefore: Timestamp, limit: Int) -> Int {
        book.prune(finishedBefore: finishedBefore, limit: limit)
    }
    package func bill(since: Timestamp) -> [BillLine] { book.bill(since: since) }
}
