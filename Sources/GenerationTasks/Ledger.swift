/// A process that works on tasks. One file lock and one heartbeat stand for it in a shared ledger.
package struct OwnerID: Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// The right to change a task. A later claim has a higher fence and voids this one.
package struct Lease: Sendable, Hashable {
    package let owner: OwnerID
    package let fence: Int64

    package init(owner: OwnerID, fence: Int64) {
        self.owner = owner
        self.fence = fence
    }
}

/// A task together with the right to change it.
package struct ClaimedTask: Sendable, Equatable {
    package var task: GenerationTask
    package var lease: Lease

    package init(task: GenerationTask, lease: Lease) {
        self.task = task
        self.lease = lease
    }
}

/// What became of a new task.
package enum Admission: Sendable, Equatable {
    case inserted(ClaimedTask)
    /// The idempotency key stands for this task, which was asked for with the same request.
    case existing(GenerationTask)
    /// The idempotency key stands for this task, which was asked for with another request.
    case conflict(GenerationTask)
}

/// One new version of a task.
package struct LedgerWrite: Sendable, Equatable {
    /// What happens to the images in flight of the task's account in the same transaction.
    package enum Slots: Sendable, Equatable {
        case keep
        /// Takes the task's image count if, with it, at most `limit` are in flight, or if nothing else is. Jobs whose
        /// watch was cancelled before `unwatchedSince` count as ended: nobody sees their end.
        case take(limit: Int?, unwatchedSince: Timestamp = Timestamp(milliseconds: .min))
        case free
    }

    package var task: GenerationTask
    package var lease: Lease
    /// The version it replaces: another writer in between voids the write.
    package var replaces: Int64
    package var slots: Slots
    /// The lease ends with the write.
    package var releases: Bool

    package init(task: GenerationTask, lease: Lease, replaces: Int64, slots: Slots, releases: Bool) {
        self.task = task
        self.lease = lease
        self.replaces = replaces
        self.slots = slots
        self.releases = releases
    }
}

/// What became of one write.
package enum LedgerWriteOutcome: Sendable, Equatable {
    /// Durable, as this sequence number.
    case written(sequence: Int64)
    /// Refused: the lease was lost or the version was replaced by this one.
    case stale(GenerationTask)
    /// Refused: too many images are in flight.
    case noSlots
}

/// Which tasks a process can work on: it needs the key of the account and the configuration of the storage.
package struct Binding: Sendable, Hashable {
    package let account: String
    package let storage: String

    package init(account: String, storage: String) {
        self.account = account
        self.storage = storage
    }
}

/// What a list asks for.
package struct TaskQuery: Sendable, Equatable {
    package var state: TaskState?
    package var watch: WatchState?
    package var limit: Int
    /// Continues behind the page that gave it; opaque to clients.
    package var cursor: String?

    package init(state: TaskState? = nil, watch: WatchState? = nil, limit: Int = 100, cursor: String? = nil) {
        self.state = state
        self.watch = watch
        self.limit = limit
        self.cursor = cursor
    }
}

/// Tasks, newest first.
package struct TaskPage: Sendable, Equatable {
    package var tasks: [GenerationTask]
    /// Absent on the last page.
    package var next: String?

    package init(tasks: [GenerationTask], next: String?) {
        self.tasks = tasks
        self.next = next
    }
}

/// Why the ledger did not answer.
package enum LedgerError: Error, Sendable, Equatable {
    /// Another process holds it; nothing was written.
    case busy(String)
    case failed(String)
    /// The list's cursor is not one of ours.
    case badCursor
}

/// The durable record of all tasks, shared by every process of a user (`design.md` section 10).
///
/// Every write names the lease it is made under and the version it replaces, so that a process that was stopped and
/// woke up late cannot undo what another did in the meantime.
package protocol Ledger: Sendable {
    /// Begins working as `owner`; to be renewed by ``heartbeat(_:)`` until ``leave(_:)``.
    func join(_ owner: OwnerID) async throws(LedgerError)
    func heartbeat(_ owner: OwnerID) async throws(LedgerError)
    /// Gives up all leases of `owner` at once.
    func leave(_ owner: OwnerID) async throws(LedgerError)

    /// Stores a new task and claims it, unless its idempotency key, or its `taskID`, already stands for one.
    func insert(_ task: GenerationTask, owner: OwnerID) async throws(LedgerError) -> Admission
    /// Makes all writes in one transaction, in order; each succeeds or fails by itself. They come from several callers,
    /// so cancelling the calling task does not stop them.
    func write(_ writes: [LedgerWrite]) async throws(LedgerError) -> [LedgerWriteOutcome]
    /// Claims unfinished tasks that nobody alive works on, oldest first.
    func claim(_ bindings: Set<Binding>, owner: OwnerID, limit: Int) async throws(LedgerError) -> [ClaimedTask]
    /// Claims one task; `nil` when another owner that is alive works on it. Who has the task already keeps its lease.
    func claim(_ id: TaskID, owner: OwnerID) async throws(LedgerError) -> ClaimedTask?

    func task(_ id: TaskID) async throws(LedgerError) -> GenerationTask?
    func task(taskID: String) async throws(LedgerError) -> GenerationTask?
    func list(_ query: TaskQuery) async throws(LedgerError) -> TaskPage
    /// Tasks changed after a sequence number, each in its newest version, in the order of change.
    func changes(after sequence: Int64, limit: Int) async throws(LedgerError) -> [GenerationTask]
    /// Images in flight of an account.
    func imagesInFlight(account: String) async throws(LedgerError) -> Int
}
