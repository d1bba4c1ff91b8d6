package import GenerationTasks
package import HTTPTransport
package import JSON
import KlingAPI
package import Storage

/// How a wait is bounded.
package struct WaitBound: Sendable, Equatable {
    package var target: WaitTarget
    package var duration: Duration

    package init(target: WaitTarget, duration: Duration) {
        self.target = target
        self.duration = duration
    }
}

/// The use cases: what one can ask of klingd, whoever asks.
///
/// Submitting, watching and storing are three actors on one executor with the table of tasks between them. Each takes
/// note of every durable version of a task and does what that version calls for, so a task taken up again after a
/// restart goes on exactly as one that was never left.
package actor GenerationService {
    private let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package nonisolated let configuration: ServiceConfiguration
    package nonisolated let places: StoragePlaces
    /// Shared with the faces on the same executor, which answer from it without a hop.
    package nonisolated let table: TaskTable
    let ledger: any Ledger
    private let owner: OwnerID
    let time: any TimeSource
    let source: ProviderLookUp
    private let submitter: Submitter
    private let monitor: TaskMonitor
    let archiver: Archiver
    private let follower: LedgerFollower
    let bindings: Set<Binding>
    private let log: @Sendable (String) -> Void
    /// Whether this process has its place in the ledger: what it stored before would be taken for a dead one's.
    private(set) var ledgerIsReady = false
    /// Rung once it is.
    var whenReady: [Bell] = []
    let makeID: @Sendable (Timestamp) -> TaskID

    /// The executor is the one of the thread that reads requests; `makeID` gives a new, unguessable id; `jitter` gives
    /// numbers from 0 to 1.
    package init(
        executor: any SerialExecutor,
        configuration: ServiceConfiguration,
        places: StoragePlaces,
        ledger: any Ledger,
        owner: OwnerID,
        provider: ProviderSlot,
        transport: HTTPTransport,
        time: any TimeSource,
        makeID: @escaping @Sendable (Timestamp) -> TaskID,
        jitter: @escaping @Sendable () -> Double,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.executor = executor
        self.configuration = configuration
        self.places = places
        self.ledger = ledger
        self.owner = owner
        self.time = time
        self.makeID = makeID
        self.log = log
        let bindings = Set(places.all.map { Binding(account: configuration.account, storage: $0.url.description) })
        self.bindings = bindings
        let others = Bell()
        table = TaskTable(
            executor: executor,
            ledger: ledger,
            owner: owner,
            time: time,
            canServe: { task in bindings.contains { $0.covers(task) } },
            whenAwaitingOthers: others
        )
        source = ProviderLookUp(provider: provider, dialect: configuration.dialect)
        monitor = TaskMonitor(
            executor: executor,
            table: table,
            ledger: ledger,
            source: source,
            time: time,
            jitter: jitter
        )
        submitter = Submitter(
            executor: executor,
            table: table,
            ledger: ledger,
            owner: owner,
            provider: provider,
            source: source,
            rules: SubmitProcedure.Rules(lookUpIsAuthoritative: configuration.dialect.lookUpIsAuthoritative),
            slotLimit: configuration.maxImagesInFlight,
            longestJob: { [monitor] job in await monitor.durations.durations(of: job).last ?? .zero },
            reached: configuration.reached,
            time: time,
            jitter: jitter
        )
        follower = LedgerFollower(
            executor: executor,
            table: table,
            ledger: ledger,
            owner: owner,
            bindings: bindings,
            time: time,
            bell: others,
            awaitsSlots: { [submitter] in await submitter.awaitsSlots },
            onChange: { [submitter] in await submitter.slotsMayBeFree() },
            report: { error in log("the ledger could not be followed: \(TaskError(error).message)") }
        )
        archiver = Archiver(
            executor: executor,
            table: table,
            source: source,
            fetch: ImageFetch(
                transport: transport,
                allowsPrivateAddresses: configuration.allowsPrivateAddresses
            ),
            places: places,
            spool: configuration.spool,
            reached: configuration.reached,
            time: time,
            jitter: jitter
        )
    }

    /// Finished tasks are reduced to what must be known for ever after as long.
    private static let keeping = Duration.seconds(90 * 24 * 3600)
    /// At each start at most so many, so that a clock that is far ahead does little harm.
    private static let prunedAtOnce = 100

    /// Works until cancelled or stopped: takes up what was left unfinished, then serves what comes.
    package func run() async throws(LedgerError) {
        try await patiently { [ledger, owner] () throws(LedgerError) in try await ledger.join(owner) }
        ledgerIsReady = true
        for bell in whenReady { bell.ring() }
        whenReady = []
        let (submitter, monitor, archiver, follower) = (submitter, monitor, archiver, follower)
        await table.observe { news in
            // The table calls on the executor that all of them share.
            submitter.assumeIsolated { $0.consider(news) }
            monitor.assumeIsolated { $0.consider(news) }
            archiver.assumeIsolated { $0.consider(news) }
        }
        let left = try await patiently { [ledger, owner, bindings] () throws(LedgerError) in
            try await ledger.claim(bindings, owner: owner, limit: .max)
        }
        for claimed in left { await table.adopt(claimed) }
        let old = Timestamp(milliseconds: time.date.milliseconds - Self.keeping.milliseconds)
        // What is not pruned now is pruned at another start.
        _ = try? await ledger.prune(finishedBefore: old, limit: Self.prunedAtOnce)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await monitor.run() }
            group.addTask { await archiver.run() }
            group.addTask { await submitter.resolve() }
            group.addTask { await follower.run() }
            // Ends when stopped and every create on the wire has its answer; then the others end too.
            await submitter.run()
            group.cancelAll()
        }
        try await ledger.leave(owner)
    }

    /// Tries until no other process blocks the ledger, or until cancelled.
    private func patiently<Value: Sendable>(
        _ call: @Sendable () async throws(LedgerError) -> Value
    ) async throws(LedgerError) -> Value {
        while true {
            do throws(LedgerError) {
                return try await call()
            } catch {
                guard case .busy(let message) = error, !Task.isCancelled else { throw error }
                log("the ledger is blocked by another process: \(message); it is tried again")
            }
        }
    }

    /// Sends nothing more. ``run()`` returns once every create on the wire has its answer.
    package func stop() async { await submitter.stop() }

    // MARK: Look

    /// The task as it is once the wait is over. Cancelling the calling task ends the wait.
    package func wait(_ id: TaskID, _ bound: WaitBound) async throws(TaskError) -> GenerationTask {
        let deadline = time.now + bound.duration
        if await table.snapshot(id) == nil { _ = try await find(id) }
        guard var task = await table.wait(for: id, until: bound.target, deadline: deadline) else {
            return try await find(id)
        }
        if Task.isCancelled, task.state == .submitting {
            // Who ends a wait now would never learn the id of what is being paid for: its answer is worth some seconds
            // more, and is awaited here although the wait is cancelled.
            let (table, end) = (table, time.now + min(bound.duration, Self.timeForCreates))
            task = await Task { await table.waitForCreate(of: id, deadline: end) }.value ?? task
        }
        return task
    }

    /// How long a create on the wire is seen to its answer when everything else ends.
    package static let timeForCreates = Duration.milliseconds(2900)

    /// Tasks that are or may be paid and are not stored: what a process that ends should tell of.
    package var unfinished: [GenerationTask] {
        get async { await table.unfinished }
    }

    /// The task as it is now, or was at most 250 ms ago. While another process blocks the ledger, as it was when last
    /// seen.
    package func find(_ id: TaskID) async throws(TaskError) -> GenerationTask {
        let isKnown = await table.snapshot(id) != nil
        do {
            if isKnown { try await table.refresh() }
            if let task = await table.snapshot(id) { return task }
            if let task = try await table.meet(id) { return task }
        } catch {
            if let task = await table.snapshot(id) { return task }
            throw TaskError(error)
        }
        throw TaskError(.notFound, "no task has the id '\(id)'; 'list' shows those that there are")
    }

    package func find(taskID: String) async throws(TaskError) -> GenerationTask {
        if let known = await table.snapshot(taskID: taskID) { return try await find(known.id) }
        do {
            if let found = try await ledger.task(taskID: taskID), let task = try await table.meet(found.id) {
                return task
            }
        } catch {
            throw TaskError(error)
        }
        let hint = "'watch' with the task_id adopts one made elsewhere"
        throw TaskError(.notFound, "no task here has the task_id '\(taskID)'; \(hint)")
    }

    package func list(_ query: TaskQuery) async throws(TaskError) -> TaskPage {
        do {
            return try await ledger.list(query)
        } catch {
            throw TaskError(error)
        }
    }

    // MARK: Counters

    /// Figures for `server-info`.
    package func counters() async -> JSONObject {
        let counts = await table.counts
        let states: JSONObject = TaskState.allCases.reduce(into: [:]) { object, state in
            object.append(state.rawValue, .integer(Int64(counts[state] ?? 0)))
        }
        return [
            "tasks": .object(states),
            "watched": .integer(Int64(await monitor.watched)),
            "look_ups": .integer(Int64(await monitor.lookUps)),
            "submitting": .integer(Int64(await submitter.waiting)),
            "storing": .integer(Int64(await archiver.storing)),
            "images_in_flight": await count { () throws(LedgerError) in
                try await ledger.imagesInFlight(account: configuration.account)
            },
            "learnt_images_in_flight": await count { () throws(LedgerError) in
                try await ledger.learntLimit(account: configuration.account)
            },
            "stale_writes": .integer(Int64(ledger.staleWrites)),
        ]
    }
}

extension GenerationService {
    /// A figure of the ledger; null when there is none, or the ledger is held by another process.
    private func count(_ read: () async throws(LedgerError) -> Int?) async -> JSONValue {
        guard let count = try? await read() else { return .null }
        return .integer(Int64(count))
    }
}
