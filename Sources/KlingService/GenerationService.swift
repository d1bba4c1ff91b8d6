package import GenerationTasks
package import HTTPTransport
package import JSON
package import KlingAPI
package import Storage

/// How the service is set up.
package struct ServiceConfiguration: Sendable {
    /// Name of the provider as the wire shows it.
    package var provider: String
    package var account: String
    package var dialect: Dialect
    package var limits: LimitsProfile
    /// `nil` when a key is there; else what is to be said to those who want to spend money without one.
    package var missingCredentials: String?
    package var maxImagesInFlight: Int?
    /// Folder for content on its way, private to the user.
    package var spool: String
    /// Whether images may come from this machine and network: only when the provider is there itself.
    package var allowsPrivateAddresses: Bool

    package init(
        provider: String,
        account: String,
        dialect: Dialect,
        limits: LimitsProfile,
        missingCredentials: String? = nil,
        maxImagesInFlight: Int? = nil,
        spool: String,
        allowsPrivateAddresses: Bool
    ) {
        self.provider = provider
        self.account = account
        self.dialect = dialect
        self.limits = limits
        self.missingCredentials = missingCredentials
        self.maxImagesInFlight = maxImagesInFlight
        self.spool = spool
        self.allowsPrivateAddresses = allowsPrivateAddresses
    }
}

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
    private let ledger: any Ledger
    private let owner: OwnerID
    private let time: any TimeSource
    private let source: any TaskLookUp
    private let submitter: Submitter
    private let monitor: TaskMonitor
    private let archiver: Archiver
    private let makeID: @Sendable (Timestamp) -> TaskID

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
        jitter: @escaping @Sendable () -> Double
    ) {
        self.executor = executor
        self.configuration = configuration
        self.places = places
        self.ledger = ledger
        self.owner = owner
        self.time = time
        self.makeID = makeID
        table = TaskTable(executor: executor, ledger: ledger, owner: owner, time: time)
        source = ProviderLookUp(provider: provider)
        submitter = Submitter(
            executor: executor,
            table: table,
            provider: provider,
            spool: configuration.spool,
            slotLimit: configuration.maxImagesInFlight,
            time: time,
            jitter: jitter
        )
        monitor = TaskMonitor(executor: executor, table: table, source: source, time: time, jitter: jitter)
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
            time: time,
            jitter: jitter
        )
    }

    /// Works until cancelled or stopped: takes up what was left unfinished, then serves what comes.
    package func run() async throws(LedgerError) {
        try await ledger.join(owner)
        let (submitter, monitor, archiver) = (submitter, monitor, archiver)
        await table.observe { task in
            // The table calls on the executor that all of them share.
            submitter.assumeIsolated { $0.consider(task) }
            monitor.assumeIsolated { $0.consider(task) }
            archiver.assumeIsolated { $0.consider(task) }
        }
        let bindings = Set(
            places.all.map { Binding(account: configuration.account, storage: $0.url.description) }
        )
        for claimed in try await ledger.claim(bindings, owner: owner, limit: .max) { await table.adopt(claimed) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await monitor.run() }
            group.addTask { await archiver.run() }
            // Ends when stopped and every create on the wire has its answer; then the others end too.
            await submitter.run()
            group.cancelAll()
        }
        try await ledger.leave(owner)
    }

    /// Sends nothing more. ``run()`` returns once every create on the wire has its answer.
    package func stop() async { await submitter.stop() }

    // MARK: Generate

    /// Makes a task, or finds the one that the idempotency key stands for. On return the ledger holds it. `announce` is
    /// told the id before the first version of the task is.
    ///
    /// Storage that cannot be stored to is refused here, where nothing is paid yet.
    package func generate(
        _ command: GenerateCommand,
        announce: @Sendable (TaskID) async -> Void = { _ in }
    ) async throws(TaskError) -> GenerationTask {
        if let missing = configuration.missingCredentials { throw TaskError(.noCredentials, missing) }
        let place = try place(named: command.storage)
        do {
            try await archiver.prepare(place)
        } catch {
            var refusal = TaskError(error)
            refusal.charged = .no
            throw refusal
        }
        let task = makeTask(command, in: place)
        await announce(task.id)
        let body = command.request.body(
            externalTaskID: configuration.dialect.sendsExternalTaskID ? task.externalTaskID : nil
        )
        try await submitter.keep(body, for: task.id)
        do {
            switch try await table.admit(task) {
            case .inserted(let claimed): return claimed.task
            case .existing(let first):
                await submitter.drop(task.id)
                return await table.snapshot(first.id) ?? first
            case .conflict(let first):
                await submitter.drop(task.id)
                throw TaskError(
                    .conflict,
                    "idempotency_key '\(command.idempotencyKey ?? "")' already stands for task \(first.id), which was "
                        + "asked for with other parameters; use another key, or those to get that task",
                    pointer: .root.member("idempotency_key")
                )
            }
        } catch let error as LedgerError {
            await submitter.drop(task.id)
            throw TaskError(error)
        } catch let error as TaskError {
            throw error
        } catch {
            throw TaskError(.internal, "\(error)")
        }
    }

    /// Tells what ``generate(_:)`` would send and store, without doing either.
    package func rehearse(_ command: GenerateCommand) throws(TaskError) -> JSONObject {
        let place = try place(named: command.storage)
        let task = makeTask(command, in: place)
        var parameters = command.request.parameters
        if configuration.dialect.sendsExternalTaskID {
            // Without a key of the caller's it is the task's id, which a rehearsal does not make.
            let isKnown = command.request.externalTaskID != nil || command.idempotencyKey != nil
            parameters["external_task_id"] = isKnown ? .string(task.externalTaskID) : "(the task's id)"
        }
        return [
            "dry_run": true,
            "charged": "no",
            "would_send": [
                "provider": .string(configuration.provider),
                "path": .string(configuration.dialect.generationsPath),
                "parameters": .object(parameters),
                "images": .integer(Int64(task.imageCount)),
            ],
            "would_store": ["storage": .string(place.url.description)],
            "credentials": .string(configuration.missingCredentials ?? "present"),
        ]
    }

    private func place(named storage: String?) throws(TaskError) -> StoragePlace {
        do {
            return try places.place(named: storage)
        } catch {
            throw TaskError(.storageConfig, error.message, pointer: .root.member("storage"))
        }
    }

    private func makeTask(_ command: GenerateCommand, in place: StoragePlace) -> GenerationTask {
        let now = time.date
        let id = makeID(now)
        let storage = place.url.description
        let fingerprint = TaskIdentity.fingerprint(of: command.request, storage: storage)
        return GenerationTask(
            id: id,
            externalTaskID: TaskIdentity.externalTaskID(
                given: command.request.externalTaskID,
                key: command.idempotencyKey,
                account: configuration.account,
                fingerprint: fingerprint,
                id: id
            ),
            idempotencyKey: command.idempotencyKey,
            fingerprint: fingerprint,
            provider: configuration.provider,
            account: configuration.account,
            request: command.request.parameters,
            imageCount: command.request.n,
            storage: storage,
            createdAt: now
        )
    }

    // MARK: Look

    /// The task as it is once the wait is over. Cancelling the calling task ends the wait.
    package func wait(_ id: TaskID, _ bound: WaitBound) async throws(TaskError) -> GenerationTask {
        let deadline = time.now + bound.duration
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

    /// A task this process has not met may still be in the ledger.
    package func find(_ id: TaskID) async throws(TaskError) -> GenerationTask {
        if let task = await table.snapshot(id) { return task }
        do {
            if let task = try await ledger.task(id) { return task }
        } catch {
            throw TaskError(error)
        }
        throw TaskError(.notFound, "no task has the id '\(id)'; 'list' shows those that there are")
    }

    package func find(taskID: String) async throws(TaskError) -> GenerationTask {
        if let task = await table.snapshot(taskID: taskID) { return task }
        do {
            if let task = try await ledger.task(taskID: taskID) { return task }
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

    // MARK: Watch

    /// Goes on watching a task.
    package func watch(_ id: TaskID) async throws(TaskError) -> GenerationTask {
        try await apply(.watchRequested, to: try await find(id))
    }

    /// Stops watching a task; the job at the provider goes on. A task that was never sent is withdrawn.
    package func cancelWatch(_ id: TaskID) async throws(TaskError) -> GenerationTask {
        try await apply(.watchCancelled, to: try await find(id))
    }

    /// Watches a job that was made elsewhere with the same account: its images will be stored like those of our own.
    package func adopt(taskID: String, storage: String?) async throws(TaskError) -> GenerationTask {
        if let known = try? await find(taskID: taskID) { return try await watch(known.id) }
        if let missing = configuration.missingCredentials { throw TaskError(.noCredentials, missing) }
        let place = try place(named: storage)
        let now = time.date
        let id = makeID(now)
        var task = GenerationTask(
            id: id,
            externalTaskID: id.description,
            idempotencyKey: nil,
            fingerprint: taskID,
            provider: configuration.provider,
            account: configuration.account,
            request: [:],
            imageCount: 1,
            storage: place.url.description,
            createdAt: now
        )
        task.taskID = taskID
        // It is at the provider already: it must never be sent.
        task.state = .submitted
        task.charged = .yes
        let report: ProviderReport
        switch await source.lookUp(task) {
        case .found(let found): report = found
        case .noSuchTask(var error):
            error.kind = .notFound
            throw error.ofNoTask
        case .rejected(let error), .throttled(let error), .unavailable(let error): throw error.ofNoTask
        }
        task.submittedAt = now
        task.imageCount = max(1, report.images.count)
        do {
            guard case .inserted(let claimed) = try await table.admit(task) else {
                return try await find(taskID: taskID)
            }
            return try await apply(.reported(report, byLookUp: true), to: claimed.task)
        } catch let error as LedgerError {
            throw TaskError(error)
        } catch let error as TaskError {
            throw error
        } catch {
            throw TaskError(.internal, "\(error)")
        }
    }

    private func apply(_ event: TaskEvent, to task: GenerationTask) async throws(TaskError) -> GenerationTask {
        do {
            return try await table.apply(event, to: task.id)
        } catch .unknownTask {
            return task
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
        ]
    }
}

extension TaskError {
    /// The same where no task was made: whatever is charged, it is not for this request.
    fileprivate var ofNoTask: TaskError {
        var error = self
        error.charged = .no
        return error
    }

    init(_ error: LedgerError) {
        switch error {
        case .busy(let message): self.init(.ledgerBusy, message, retryable: true)
        case .failed(let message): self.init(.ledger, message)
        case .badCursor:
            self.init(
                .invalidParams,
                "'cursor' is not one that 'list' gave; leave it out to begin at the newest task",
                pointer: .root.member("cursor")
            )
        }
    }

    init(_ error: TaskTableError) {
        switch error {
        case .ledger(let error): self.init(error)
        case .notOurs: self.init(.ledgerBusy, "another process works on this task; try again", retryable: true)
        case .noSlots: self.init(.throttled, "too many images are in flight at the provider", retryable: true)
        case .unknownTask: self.init(.notFound, "this process does not know the task")
        }
    }
}
