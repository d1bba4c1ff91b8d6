import GenerationTasks
import KlingAPI

/// Sends queued tasks to the provider.
actor Submitter {
    private let executor: any SerialExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let table: TaskTable
    private let provider: ProviderSlot
    private let slotLimit: Int?
    private let time: any TimeSource
    private let jitter: @Sendable () -> Double
    private let bell = Bell()
    private var queue = SubmitQueue()
    private var bodies: RequestBodies
    /// The sequence under which a task first came: its place in the order.
    private var places: [TaskID: Int64] = [:]
    private var isStopping = false

    init(
        executor: any SerialExecutor,
        table: TaskTable,
        provider: ProviderSlot,
        spool: String,
        slotLimit: Int?,
        time: any TimeSource,
        jitter: @escaping @Sendable () -> Double
    ) {
        self.executor = executor
        self.table = table
        self.provider = provider
        self.slotLimit = slotLimit
        self.time = time
        self.jitter = jitter
        bodies = RequestBodies(directory: spool)
    }

    var waiting: Int { queue.count }

    /// Keeps what is to be sent for a task that is about to be queued.
    func keep(_ body: [UInt8], for id: TaskID) throws(TaskError) { try bodies.keep(body, for: id) }

    func drop(_ id: TaskID) { bodies.drop(id) }

    /// Takes note of a task as it is now.
    func consider(_ task: GenerationTask) {
        switch task.state {
        case .queued:
            let place = places[task.id] ?? task.sequence
            places[task.id] = place
            queue.add(task.id, sequence: place)
            queue.slotsFreed()
        case .submitting, .unresolved: return
        case .submitted, .processing: forget(task.id)
        case .storing, .stored, .failed:
            forget(task.id)
            queue.slotsFreed()
        }
        bell.ring()
    }

    private func forget(_ id: TaskID) {
        guard places.removeValue(forKey: id) != nil else { return }
        queue.remove(id)
        bodies.drop(id)
    }

    /// Sends until stopped; then returns when the creates on the wire have their answers. Cancelling cuts those off.
    func run() async {
        await withDiscardingTaskGroup { group in
            while !isStopping, !Task.isCancelled {
                while !isStopping, let id = queue.takeNext(at: time.now) {
                    group.addTask { await self.send(id) }
                }
                await bell.wait(until: queue.nextWake(at: time.now), time)
            }
        }
    }

    /// Sends nothing more.
    func stop() {
        isStopping = true
        bell.ring()
    }

    private func send(_ id: TaskID) async {
        defer {
            queue.finished(id)
            bell.ring()
        }
        guard let body = bodies.body(of: id) else {
            let error = TaskError(.internal, "what was to be sent is gone from the spool; generate it again")
            _ = try? await table.apply(.refused(error), to: id)
            return
        }
        guard let client = await provider.get() else { return }
        let ticket = queue.slotTicket
        do {
            let begun = try await table.apply(.sendStarted, to: id, slotLimit: slotLimit)
            // Withdrawn while it waited for its turn.
            guard begun.state == .submitting else { return }
        } catch {
            putBack(id, error, ticket)
            return
        }
        let event = event(of: await client.create(body: body))
        // What the provider said must not be lost: it is told to the ledger until the ledger takes it.
        var patience = Backoff(first: .milliseconds(100), longest: .seconds(5))
        while !Task.isCancelled {
            do {
                let after = try await table.apply(event, to: id)
                if after.state == .queued { requeue(after) }
                return
            } catch .ledger {
                try? await time.sleep(until: time.now + patience.next(jitter: jitter()))
            } catch {
                return
            }
        }
    }

    private func event(of outcome: CreateOutcome) -> TaskEvent {
        switch outcome {
        case .accepted(let task):
            queue.succeeded()
            return .reported(ProviderReport(task), byLookUp: false)
        case .refused(let failure): return .refused(TaskError(failure, charged: .no))
        case .throttled(let failure):
            queue.pause(failure.retryAfter, at: time.now, jitter: jitter())
            return .throttled(TaskError(failure, charged: .no))
        case .notSent(let failure):
            queue.pause(nil, at: time.now, jitter: jitter())
            return .notSent(TaskError(failure, charged: .no))
        case .ambiguous(let failure): return .ambiguous(TaskError(failure, charged: .unknown))
        }
    }

    private func putBack(_ id: TaskID, _ error: TaskTableError, _ ticket: Int) {
        switch error {
        case .noSlots: queue.waitForSlots(ticket, at: time.now)
        case .ledger: queue.pause(nil, at: time.now, jitter: jitter())
        case .unknownTask, .notOurs: return
        }
        queue.finished(id)
        if let place = places[id] { queue.add(id, sequence: place) }
    }

    private func requeue(_ task: GenerationTask) {
        queue.finished(task.id)
        if let place = places[task.id] { queue.add(task.id, sequence: place) }
    }
}
