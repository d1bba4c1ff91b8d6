/// A process that works on tasks. One file lock and one heartbeat stand for it in a shared ledger.
package struct OwnerID: Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// The right to work on a task. A later claim has a higher fence and voids this one.
package struct Lease: Sendable, Hashable {
    package let owner: OwnerID
    package let fence: Int64

    package init(owner: OwnerID, fence: Int64) {
        self.owner = owner
        self.fence = fence
    }
}

/// A task together with the right to work on it.
package struct ClaimedTask: Sendable, Equatable {
    package var task: GenerationTask
    package var lease: Lease
    /// Its place in the order in which tasks came into the ledger.
    package var ordinal: Int64
    /// Whether the task was left `submitting` by a process that has ended without having noted its last byte
    /// (``Ledger/noteLastByte(of:attempt:by:)``): the provider never had the whole request.
    package var isUnsent: Bool

    package init(task: GenerationTask, lease: Lease, ordinal: Int64, isUnsent: Bool = false) {
        self.task = task
        self.lease = lease
        self.ordinal = ordinal
        self.isUnsent = isUnsent
    }
}

/// A task that is to be stored, and what goes with it into the same transaction.
package struct NewTask: Sendable {
    package var task: GenerationTask
    /// What is sent to the provider; kept until it is definite whether the provider has taken it. `nil` for a job that
    /// was made elsewhere.
    package var body: [UInt8]?
    /// How many images an account may ask for on one day (UTC).
    package var imagesPerDay: Int?

    package init(_ task: GenerationTask, body: [UInt8]? = nil, imagesPerDay: Int? = nil) {
        self.task = task
        self.body = body
        self.imagesPerDay = imagesPerDay
    }
}

/// What became of a new task.
package enum Admission: Sendable, Equatable {
    case inserted(ClaimedTask)
    /// The idempotency key, or the provider's id, stands for this task, which was asked for with the same request.
    case existing(GenerationTask)
    /// The idempotency key stands for this task, which was asked for with another request.
    case conflict(GenerationTask)
    /// The caller's `external_task_id` stands for this task already; the provider wants it unique per account.
    case externalIDTaken(GenerationTask)
    /// With it, more images than allowed would be asked for today; so many were.
    case overDailyLimit(asked: Int)
}

/// One new version of a task.
package struct LedgerWrite: Sendable, Equatable {
    /// What happens to the images in flight of the task's account in the same transaction.
    package enum Slots: Sendable, Equatable {
        case keep
        /// Takes the task's image count if it fits (``SlotRules``), else nothing is written. Without a limit of the
        /// caller's, only what was learnt counts. Slots of jobs whose end nobody sees and that were taken before
        /// `unseenSince` count as free.
        case take(limit: Int?, unseenSince: Timestamp)
        case free
        /// The provider had too many images in flight (1303): frees them, and learns the limit from those in flight.
        case refused
    }

    package var task: GenerationTask
    /// `nil` for a person's word, or a fact that only its witness can tell, about a task on which another process
    /// works: the version alone decides then.
    package var lease: Lease?
    /// The version it replaces: another writer in between voids the write.
    package var replaces: Int64
    package var slots: Slots
    /// Nobody has a lease on the task after the write.
    package var releases: Bool

    package init(task: GenerationTask, lease: Lease?, replaces: Int64, slots: Slots, releases: Bool) {
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
    /// Refused: too many images are in flight, or an older task waits for slots.
    case noSlots
}

/// Which tasks a process can work on: it needs the key of the account and the configuration of the storage.
package struct Binding: Sendable, Hashable {
    package let account: String
    /// URL of a configured place.
    package let storage: String

    package init(account: String, storage: String) {
        self.account = account
        self.storage = storage
    }

    /// Whether a task is one of those: its images go to the place or below it.
    package func covers(_ task: GenerationTask) -> Bool { covers(account: task.account, storage: task.storage) }

    package func covers(account: String, storage: String) -> Bool {
        account == self.account && (storage == self.storage || storage.hasPrefix(below))
    }

    /// What the URL of every place below begins with.
    package var below: String { storage.hasSuffix("/") ? storage : storage + "/" }
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

/// What tasks of one day and account came to, those pruned included.
package struct BillLine: Sendable, Equatable {
    /// Of creation, in UTC: "2026-11-23".
    package var day: String
    package var account: String
    package var charged: Charged
    package var tasks: Int
    package var images: Int
    /// Sum of what the provider told it has taken.
    package var units: Double

    package init(day: String, account: String, charged: Charged, tasks: Int, images: Int, units: Double) {
        self.day = day
        self.account = account
        self.charged = charged
        self.tasks = tasks
        self.images = images
        self.units = units
    }
}

/// A note of a process's right to work, taken at one moment and shown again right before something that cannot be undone.
package struct Hold: Sendable, Equatable {
    /// How often the process had let its leases lapse by then.
    package var lapses: Int

    package init(lapses: Int) {
        self.lapses = lapses
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

/// The durable record of all tasks, shared by every process of a user (design section 10).
///
/// Every write names the lease it is made under and the version it replaces, so that a process that was stopped and
/// woke up late cannot undo what another did in the meantime.
package protocol Ledger: Sendable {
    /// Begins working as `owner`, until ``leave(_:)`` or the end of the process.
    func join(_ owner: OwnerID) async throws(LedgerError)
    /// Says that `owner` is alive; every write says it too. Who has leases and says nothing for long loses them.
    func heartbeat(_ owner: OwnerID) async throws(LedgerError)
    /// Gives up all leases of `owner` at once.
    func leave(_ owner: OwnerID) async throws(LedgerError)
    /// Whether the process of `owner` has ended for certain, so that nothing it began is still on its way from it. One
    /// that was merely stopped has not.
    func isGone(_ owner: OwnerID) async throws(LedgerError) -> Bool

    /// Writes that were refused because their lease was lost, since the start of the process.
    var staleWrites: Int { get }
    /// The right to work at this moment.
    func hold() -> Hold
    /// Whether this process has been heard of without a gap since then, so that nobody can have taken its leases. Answers
    /// at once, from memory.
    func isUnbroken(_ hold: Hold) -> Bool

    /// Notes that the last byte of an attempt is about to be handed out, so that it survives the process, though not the
    /// machine. Answers at once; with `false` the byte must be kept back, since nobody could tell later that it went out.
    func noteLastByte(of id: TaskID, attempt: Int, by owner: OwnerID) -> Bool

    /// Stores a new task and claims it, unless something of it already stands for one.
    func insert(_ new: NewTask, owner: OwnerID) async throws(LedgerError) -> Admission
    /// What is to be sent for a task; `nil` when there is nothing any more.
    func body(of id: TaskID) async throws(LedgerError) -> [UInt8]?
    /// Makes all writes in one transaction, in order; each succeeds or fails by itself. They come from several callers,
    /// so cancelling the calling task does not stop them.
    func write(_ writes: [LedgerWrite]) async throws(LedgerError) -> [LedgerWriteOutcome]
    /// Claims unfinished tasks that nobody alive works on, oldest first; not those whose watch was cancelled, which go on
    /// by themselves.
    func claim(_ bindings: Set<Binding>, owner: OwnerID, limit: Int) async throws(LedgerError) -> [ClaimedTask]
    /// Claims one task; `nil` when another owner that is alive works on it, or it has ended. Who has the task already keeps
    /// its lease.
    func claim(_ id: TaskID, owner: OwnerID) async throws(LedgerError) -> ClaimedTask?

    func task(_ id: TaskID) async throws(LedgerError) -> GenerationTask?
    func task(taskID: String) async throws(LedgerError) -> GenerationTask?
    func task(externalTaskID: String) async throws(LedgerError) -> GenerationTask?
    func list(_ query: TaskQuery) async throws(LedgerError) -> TaskPage
    /// Tasks changed after a sequence number, each in its newest version, in the order of change.
    func changes(after sequence: Int64, limit: Int) async throws(LedgerError) -> [GenerationTask]
    /// The sequence number of the last change.
    func lastSequence() async throws(LedgerError) -> Int64
    /// Tells this ledger from any other, so that a cursor of another is recognised.
    func identity() async throws(LedgerError) -> String

    /// Images in flight of an account.
    func imagesInFlight(account: String) async throws(LedgerError) -> Int
    /// How many images of an account may be in flight, as far as the provider's refusals have told; `nil` is no limit.
    func learntLimit(account: String) async throws(LedgerError) -> Int?
    /// Keeps how long a job took at the provider, and tells what is known of its class by now.
    func learn(_ duration: Duration, of job: JobClass) async throws(LedgerError) -> [Duration]
    /// How long jobs took lately, in the order of observation.
    func learntDurations() async throws(LedgerError) -> [JobClass: [Duration]]

    /// Reduces finished tasks to what must be known for ever (``GenerationTask/tombstone``), the oldest first and at
    /// most `limit`; tells how many.
    func prune(finishedBefore: Timestamp, limit: Int) async throws(LedgerError) -> Int
    /// What the tasks created from one moment on came to, by day, account and charge.
    func bill(since: Timestamp) async throws(LedgerError) -> [BillLine]
}

extension Ledger {
    /// Stores a task of which nothing is to be sent.
    package func insert(_ task: GenerationTask, owner: OwnerID) async throws(LedgerError) -> Admission {
        try await insert(NewTask(task), owner: owner)
    }
}
