import Foundation
import GenerationTasks
import JSON
import SQLiteLedger
import Testing

/// The rules as a value, and the ledger in SQLite with two processes on it, told the same and asked the same: whatever
/// is done, in whatever order, both answer alike.
@Suite("Ledger in SQLite against the rules")
struct DifferentialTests {
    /// So many histories are run for each argument.
    private static let histories = 10
    private static let steps = 50

    @Test("answers are equal through any history", arguments: 0..<20)
    func equal(seed: Int) async throws {
        for history in 0..<Self.histories {
            let seed = UInt64(seed * 1000 + history)
            var run = History(seed: seed)
            try await run.start()
            for step in 0..<Self.steps {
                guard let difference = try await run.step() else { continue }
                Issue.record("seed \(seed), step \(step), \(difference)")
                return
            }
        }
    }
}

/// What has been done so far, and to whom.
private struct History {
    private struct Owner {
        var id: OwnerID
        var process: Int
        /// Joined, and its process has not ended.
        var runs = true
        var isStopped = false
    }

    private let clock = LedgerClock()
    private let folder = TemporaryFolder(isInMemory: true)
    private let processes: [SQLiteLedger]
    private var book = LedgerBook()
    private var random: SeededGenerator
    private var owners = [("a", 0), ("b", 1), ("c", 1)].map { Owner(id: OwnerID($0.0), process: $0.1) }
    private var lives = 0
    private var ids: [TaskID] = []
    /// Every lease that was ever given, those that were lost since included.
    private var leases: [TaskID: [Lease]] = [:]

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let (folder, clock) = (folder, clock)
        processes = (0..<2).map { _ in folder.ledger(clock) }
    }

    mutating func start() async throws {
        for owner in owners {
            try await processes[owner.process].join(owner.id)
            book.set(.alive, of: owner.id)
        }
    }

    // MARK: Chance

    private mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: values.indices, using: &random)]
    }
    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    /// Any process answers.
    private mutating func anyProcess() -> SQLiteLedger { pick(processes) }

    // MARK: Steps

    /// Does something; tells what differs, if anything does.
    mutating func step() async throws -> String? {
        let runs = owners.indices.filter { owners[$0].runs }
        let what = number(0...99)
        let difference: String?
        switch what {
        case 0..<24 where !runs.isEmpty: difference = try await insert(by: pick(runs))
        case 24..<62 where !ids.isEmpty: difference = try await write()
        case 62..<70 where !runs.isEmpty: difference = try await claimAny(by: pick(runs))
        case 70..<78 where !runs.isEmpty && !ids.isEmpty: difference = try await claimOne(by: pick(runs))
        case 78..<81 where !runs.isEmpty: difference = try await stop(pick(runs))
        case 81..<84 where !runs.isEmpty: difference = try await end(pick(runs))
        case 84..<89: difference = try await join(number(0...2))
        case 89..<92: difference = try await pass(pick([.seconds(1), .seconds(600), .seconds(4000)]))
        case 92..<95: difference = try await prune()
        case 95..<97 where !ids.isEmpty: difference = noteLastByte()
        default: difference = try await learn()
        }
        if let difference { return difference }
        return try await compare()
    }

    /// Whatever an owner does, it is heard of.
    private mutating func acts(_ owner: Int) {
        owners[owner].isStopped = false
        book.set(.alive, of: owners[owner].id)
    }

    private mutating func insert(by owner: Int) async throws -> String? {
        acts(owner)
        let task = newTask(ids.count)
        let body = chance(60) ? [UInt8](repeating: UInt8(number(0...255)), count: pick([0, 10, 70_000])) : nil
        let new = NewTask(task, body: body, imagesPerDay: chance(30) ? number(1...12) : nil)
        let expected = book.insert(new, owner: owners[owner].id)
        let actual = try await processes[owners[owner].process].insert(new, owner: owners[owner].id)
        if case .inserted(let claimed) = actual {
            ids.append(task.id)
            leases[task.id] = [claimed.lease]
        }
        return difference("insert", expected, actual)
    }

    private mutating func newTask(_ number: Int) -> GenerationTask {
        var task = GenerationTask.sample(
            number,
            imageCount: self.number(1...4),
            account: pick(["one", "two"]),
            storage: pick(["file:///pictures", "file:///pictures/below", "s3://bucket"])
        )
        task.createdAt = clock.date
        if chance(40) { task.idempotencyKey = "key\(self.number(0...5))" }
        if chance(40) { task.externalTaskID = "external\(self.number(0...5))" }
        if chance(50) { task.fingerprint = "other" }
        if chance(15) { task.taskID = "\(self.number(0...4))" }
        if chance(10) { task.state = .submitted }
        return task
    }

    private mutating func write() async throws -> String? {
        var writes: [LedgerWrite] = []
        for _ in 0..<number(1...3) { writes.append(nextWrite()) }
        let writers = Set(writes.compactMap { $0.lease?.owner })
        // The process of a lease writes; whose process has ended, or is another's, writes too late or not at all.
        let process = owners.first { $0.id == writes[0].lease?.owner }?.process ?? number(0...1)
        for owner in owners.indices where owners[owner].runs && owners[owner].process == process {
            if writers.contains(owners[owner].id) { acts(owner) }
        }
        let now = clock.date
        var expected: [LedgerWriteOutcome] = []
        for write in writes { expected.append(book.write(write, at: now)) }
        let actual = try await processes[process].write(writes)
        return difference("write \(writes)", expected, actual)
    }

    private mutating func nextWrite() -> LedgerWrite {
        let id = pick(ids)
        var task = book.task(id) ?? .sample()
        let replaces = task.revision - (chance(8) ? 1 : 0)
        task.revision += 1
        task.state = pick(TaskState.allCases + [.queued, .queued, .submitting, .unresolved])
        task.watch = pick(WatchState.allCases)
        task.charged = pick([.no, .no, .yes, .unknown])
        task.finishedAt = task.state.isTerminal ? clock.date : nil
        if task.taskID == nil, chance(30) { task.taskID = "\(number(0...9))" }
        if chance(30) { task.finalUnitDeduction = pick(["1", "2.5", "0", "none", nil]) }
        if chance(20) { task.error = TaskError(.throttled, "slow down", provider: TaskError.Provider(code: 1303)) }
        task.lookUps += 1
        let slots: LedgerWrite.Slots
        switch number(0...9) {
        case 0...4:
            // Full seconds, so that it is often the very moment of a take.
            let since = clock.date.milliseconds - 1000 * Int64(pick([number(0...15), number(0...700)]))
            slots = .take(limit: chance(60) ? number(1...6) : nil, unseenSince: Timestamp(milliseconds: since))
        case 5: slots = .free
        case 6: slots = .refused
        default: slots = .keep
        }
        let known = leases[id] ?? []
        let lease = chance(10) ? nil : chance(85) ? known.last : pick(known)
        if task.state == .submitting {
            task.attempt = number(1...2)
            // Only who works on a task, and lives, begins an attempt.
            task.sender = owners.first { $0.runs && $0.id == lease?.owner }?.id
        }
        return LedgerWrite(task: task, lease: lease, replaces: replaces, slots: slots, releases: chance(15))
    }

    private mutating func noteLastByte() -> String? {
        let id = pick(ids)
        guard let owner = owners.first(where: { $0.runs && $0.id == leases[id]?.last?.owner }) else { return nil }
        let attempt = book.task(id)?.attempt ?? 1
        book.noteLastByte(of: id, attempt: attempt, by: owner.id)
        return difference("note", true, processes[owner.process].noteLastByte(of: id, attempt: attempt, by: owner.id))
    }

    private mutating func claimAny(by owner: Int) async throws -> String? {
        acts(owner)
        var bindings: Set<Binding> = []
        for _ in 0..<number(1...3) {
            let storage = pick(["file:///pictures", "file:///pictures/", "s3://bucket", "s3://buck"])
            bindings.insert(Binding(account: pick(["one", "two"]), storage: storage))
        }
        let limit = pick([0, 1, 3, .max])
        let expected = book.claim(bindings, owner: owners[owner].id, limit: limit)
        let actual = try await processes[owners[owner].process].claim(bindings, owner: owners[owner].id, limit: limit)
        for claimed in actual { leases[claimed.task.id, default: []].append(claimed.lease) }
        return difference("claim", expected, actual)
    }

    private mutating func claimOne(by owner: Int) async throws -> String? {
        acts(owner)
        let id = pick(ids)
        let expected = book.claim(id, owner: owners[owner].id)
        let actual = try await processes[owners[owner].process].claim(id, owner: owners[owner].id)
        if let actual { leases[id, default: []].append(actual.lease) }
        return difference("claim one", expected, actual)
    }

    private mutating func stop(_ owner: Int) async throws -> String? {
        owners[owner].isStopped = true
        book.set(.expired, of: owners[owner].id)
        return try await pass(.seconds(11))
    }

    /// Ends an owner, with a word or without.
    private mutating func end(_ owner: Int) async throws -> String? {
        owners[owner].runs = false
        let (id, process) = (owners[owner].id, processes[owners[owner].process])
        if chance(50) {
            book.leave(id)
            try await process.leave(id)
        } else {
            book.set(.gone, of: id)
            process.abandonForTests(id)
        }
        return nil
    }

    private mutating func join(_ owner: Int) async throws -> String? {
        if !owners[owner].runs {
            // Every process is an owner of a new name.
            lives += 1
            owners[owner].id = OwnerID("\(owners[owner].id.description.prefix(1))\(lives)")
        }
        owners[owner].runs = true
        acts(owner)
        try await processes[owners[owner].process].join(owners[owner].id)
        return nil
    }

    /// Time goes on, and with it the heartbeats of all that are not stopped.
    private mutating func pass(_ duration: Duration) async throws -> String? {
        clock.advance(by: duration)
        for owner in owners where owner.runs && !owner.isStopped {
            try await processes[owner.process].heartbeat(owner.id)
        }
        return nil
    }

    private mutating func prune() async throws -> String? {
        let before = clock.date.adding(.seconds(-number(0...600)))
        let limit = number(0...3)
        let expected = book.prune(finishedBefore: before, limit: limit)
        return difference("prune", expected, try await anyProcess().prune(finishedBefore: before, limit: limit))
    }

    private mutating func learn() async throws -> String? {
        let job = JobClass(model: pick(["one", "two"]), resolution: "1k", imageCount: number(1...2))
        for _ in 0..<pick([1, 1, 1, 70]) {
            let duration = Duration.milliseconds(number(0...9))
            let expected = book.learn(duration, of: job)
            let actual = try await anyProcess().learn(duration, of: job)
            if let difference = difference("learn", expected, actual) { return difference }
        }
        return nil
    }

    // MARK: Reading

    private mutating func compare() async throws -> String? {
        let ledger = anyProcess()
        var found = [difference("sequence", book.lastSequence, try await ledger.lastSequence())]
        for account in ["one", "two"] {
            let inFlight = book.imagesInFlight(account: account)
            found.append(difference("in flight", inFlight, try await ledger.imagesInFlight(account: account)))
            let limit = book.learntLimit(account: account, at: clock.date)
            found.append(difference("limit", limit, try await ledger.learntLimit(account: account)))
        }
        for owner in owners {
            found.append(difference("gone", book.isGone(owner.id), try await ledger.isGone(owner.id)))
        }
        let after = Int64(number(0...Int(book.lastSequence)))
        let limit = number(0...20)
        let changes = try await ledger.changes(after: after, limit: limit)
        found.append(difference("changes", book.changes(after: after, limit: limit), changes))
        let taskID = "\(number(0...9))"
        found.append(difference("task id", book.task(taskID: taskID), try await ledger.task(taskID: taskID)))
        if !ids.isEmpty {
            let id = pick(ids)
            found.append(difference("task", book.task(id), try await ledger.task(id)))
            found.append(difference("body", book.body(of: id), try await ledger.body(of: id)))
        }
        if chance(20) {
            found.append(difference("durations", book.durations, try await ledger.learntDurations()))
            let since = LedgerClock.epoch.adding(.seconds(number(0...4000)))
            found.append(difference("bill", book.bill(since: since), try await ledger.bill(since: since)))
            found.append(try await compareLists(ledger))
        }
        return found.lazy.compactMap(\.self).first
    }

    /// Cursors are each ledger's own; the pages are not.
    private mutating func compareLists(_ ledger: SQLiteLedger) async throws -> String? {
        var query = TaskQuery(limit: number(1...6))
        if chance(50) { query.state = pick(TaskState.allCases) }
        if chance(50) { query.watch = pick(WatchState.allCases) }
        var other = query
        while true {
            let (expected, actual) = (try book.list(query), try await ledger.list(other))
            if let difference = difference("list", expected.tasks, actual.tasks) { return difference }
            (query.cursor, other.cursor) = (expected.next, actual.next)
            if (query.cursor == nil) != (other.cursor == nil) { return "list: only one goes on" }
            if query.cursor == nil { return nil }
        }
    }

    private func difference<Value: Equatable>(_ what: String, _ expected: Value, _ actual: Value) -> String? {
        expected == actual ? nil : "\(what): the rules say \(expected), the ledger says \(actual)"
    }
}
