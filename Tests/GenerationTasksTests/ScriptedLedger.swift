import GenerationTasks
import Synchronization

/// A ledger in memory whose writes a test can hold back or let fail, and counts.
final class ScriptedLedger: Ledger {
    private struct State {
        var isHolding = false
        var held: [CheckedContinuation<Void, Never>] = []
        var failures: [LedgerError] = []
        var batches: [Int] = []
        var claims = 0
    }

    let base = InMemoryLedger()
    private let state = Mutex(State())

    /// How many tasks' versions each write held.
    var batches: [Int] { state.withLock(\.batches) }
    /// How often a single task was claimed.
    var claims: Int { state.withLock(\.claims) }
    /// How many writes wait for ``release()``.
    var held: Int { state.withLock(\.held.count) }

    /// From now on writes wait.
    func holdWrites() { state.withLock { $0.isHolding = true } }

    /// Lets the waiting writes go, and all that come.
    func release() {
        let held = state.withLock { state in
            defer { state.held = [] }
            state.isHolding = false
            return state.held
        }
        for write in held { write.resume() }
    }

    /// Lets the waiting writes go; those that come later wait.
    func releaseOnce() {
        let held = state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for write in held { write.resume() }
    }

    /// The next write fails.
    func fail(_ error: LedgerError) { state.withLock { $0.failures.append(error) } }

    func write(_ writes: [LedgerWrite]) async throws(LedgerError) -> [LedgerWriteOutcome] {
        let failure = state.withLock { state in
            state.batches.append(writes.count)
            return state.failures.isEmpty ? nil : state.failures.removeFirst()
        }
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                if state.isHolding { state.held.append(continuation) }
                return !state.isHolding
            }
            if goesOn { continuation.resume() }
        }
        if let failure { throw failure }
        return await base.write(writes)
    }

    func join(_ owner: OwnerID) async { await base.join(owner) }
    func heartbeat(_ owner: OwnerID) async { await base.heartbeat(owner) }
    func leave(_ owner: OwnerID) async { await base.leave(owner) }
    func isGone(_ owner: OwnerID) async -> Bool { await base.isGone(owner) }
    var staleWrites: Int { base.staleWrites }
    func hold() -> Hold { base.hold() }
    func noteLastByte(of id: TaskID, attempt: Int, by owner: OwnerID) -> Bool { true }
    func isUnbroken(_ hold: Hold) -> Bool { base.isUnbroken(hold) }
    func insert(_ new: NewTask, owner: OwnerID) async -> Admission { await base.insert(new, owner: owner) }
    func body(of id: TaskID) async -> [UInt8]? { await base.body(of: id) }
    func claim(_ bindings: Set<Binding>, owner: OwnerID, limit: Int) async -> [ClaimedTask] {
        await base.claim(bindings, owner: owner, limit: limit)
    }
    func claim(_ id: TaskID, owner: OwnerID) async -> ClaimedTask? {
        state.withLock { $0.claims += 1 }
        return await base.claim(id, owner: owner)
    }
    func task(_ id: TaskID) async -> GenerationTask? { await base.task(id) }
    func task(taskID: String) async -> GenerationTask? { await base.task(taskID: taskID) }
    func task(externalTaskID: String) async -> GenerationTask? { await base.task(externalTaskID: externalTaskID) }
    func list(_ query: TaskQuery) async throws(LedgerError) -> TaskPage { try await base.list(query) }
    func changes(after sequence: Int64, limit: Int) async -> [GenerationTask] {
        await base.changes(after: sequence, limit: limit)
    }
    func lastSequence() async -> Int64 { await base.lastSequence() }
    func identity() async -> String { await base.identity() }
    func learntLimit(account: String) async -> Int? { await base.learntLimit(account: account) }
    func learn(_ duration: Duration, of job: JobClass) async -> [Duration] { await base.learn(duration, of: job) }
    func learntDurations() async -> [JobClass: [Duration]] { await base.learntDurations() }
    func prune(finishedBefore: Timestamp, limit: Int) async -> Int {
        await base.prune(finishedBefore: finishedBefore, limit: limit)
    }
    func bill(since: Timestamp) async -> [BillLine] { await base.bill(since: since) }
    func imagesInFlight(account: String) async -> Int { await base.imagesInFlight(account: account) }
}
