import GenerationTasks
import JSON
import Testing

private let mine = OwnerID("mine")
private let other = OwnerID("other")

/// What every ledger does, whatever it is made of.
@Suite("Ledger")
struct LedgerBehaviourTests {
    // MARK: Idempotency

    private func keyed(_ number: Int, fingerprint: String = "same", account: String = "account") -> GenerationTask {
        .sample(number, account: account) { task in
            task.idempotencyKey = "key"
            task.fingerprint = fingerprint
        }
    }

    @Test("the same key with the same request gives the first task as it is now", arguments: LedgerKind.allCases)
    func sameRequest(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(keyed(1))
        let changed = bench.next(first) { $0.state = .submitted }
        #expect(isWritten(try await bench.write(changed)))
        guard case .existing(let found) = try await bench.ledger.insert(keyed(2), owner: mine) else {
            throw Unexpected("a second task was made")
        }
        #expect(found.id == first.task.id)
        #expect(found.state == .submitted)
        #expect(try await bench.ledger.task(TaskID.sample(2)) == nil)
    }

    @Test("the same key with another request names the first task and makes none", arguments: LedgerKind.allCases)
    func otherRequest(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(keyed(1))
        #expect(try await bench.ledger.insert(keyed(2, fingerprint: "other"), owner: mine) == .conflict(first.task))
        #expect(try await bench.ledger.task(TaskID.sample(2)) == nil)
    }

    @Test("a key belongs to its account", arguments: LedgerKind.allCases)
    func otherAccount(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        _ = try await bench.insert(keyed(1))
        _ = try await bench.insert(keyed(2, account: "another"))
    }

    @Test("tasks without a key never meet", arguments: LedgerKind.allCases)
    func noKey(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        _ = try await bench.insert(.sample(1))
        _ = try await bench.insert(.sample(2))
    }

    @Test(
        "only a failed task that cost nothing gives its key back",
        arguments: LedgerKind.allCases,
        [
            (TaskState.failed, Charged.no, true), (.failed, .yes, false), (.failed, .unknown, false),
            (.stored, .yes, false), (.queued, .no, false), (.unresolved, .unknown, false),
        ]
    )
    func freedKey(kind: LedgerKind, end: (state: TaskState, charged: Charged, isFreed: Bool)) async throws {
        let (state, charged, isFreed) = end
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(keyed(1))
        let ended = bench.next(first) { task in
            task.state = state
            task.charged = charged
        }
        #expect(isWritten(try await bench.write(ended)))
        let second = try await bench.ledger.insert(keyed(2, fingerprint: "other"), owner: mine)
        if case .inserted = second { #expect(isFreed) } else { #expect(!isFreed) }
        // The key stands for the new task from now on.
        guard isFreed else { return }
        guard case .existing(let found) = try await bench.ledger.insert(keyed(3, fingerprint: "other"), owner: mine)
        else {
            throw Unexpected("the key stands for nothing")
        }
        #expect(found.id == TaskID.sample(2))
    }

    // MARK: Fences and versions

    @Test(
        "a write under a lease that was lost is refused with the newer version and changes nothing",
        arguments: LedgerKind.allCases
    )
    func staleLease(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        try await bench.ledger.leave(mine)
        try await bench.ledger.join(other)
        let taken = try #require(try await bench.ledger.claim(first.task.id, owner: other))
        #expect(taken.lease.fence > first.lease.fence)
        let late = bench.next(first) { $0.state = .failed }
        #expect(try await bench.write(late) == .stale(taken.task))
        #expect(try await bench.ledger.task(first.task.id)?.state == .queued)
        #expect(isWritten(try await bench.write(bench.next(taken) { $0.state = .submitting })))
    }

    @Test("a late owner that comes back does not get its old lease back", arguments: LedgerKind.allCases)
    func lateOwner(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        try await bench.ledger.leave(mine)
        try await bench.ledger.join(other)
        let taken = try #require(try await bench.ledger.claim(first.task.id, owner: other))
        try await bench.ledger.leave(other)
        try await bench.ledger.join(mine)
        let again = try #require(try await bench.ledger.claim(first.task.id, owner: mine))
        #expect(again.lease.fence > taken.lease.fence)
        #expect(try await bench.write(bench.next(first)) == .stale(first.task))
        #expect(isWritten(try await bench.write(bench.next(again))))
    }

    @Test("a write that replaces an old version is refused", arguments: LedgerKind.allCases)
    func staleRevision(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        #expect(isWritten(try await bench.write(bench.next(first) { $0.state = .submitting })))
        guard case .stale(let newer) = try await bench.write(bench.next(first) { $0.state = .failed }) else {
            throw Unexpected("the old version was replaced twice")
        }
        #expect(newer.state == .submitting)
    }

    @Test("writes of one call succeed or fail each by itself, in order", arguments: LedgerKind.allCases)
    func batch(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        let second = try await bench.insert(.sample(2))
        let chain = bench.next(first) { $0.state = .submitting }
        let chained = ClaimedTask(task: chain.task, lease: first.lease, ordinal: 0)
        let follows = bench.next(chained) { $0.state = .submitted }
        let outcomes = try await bench.ledger.write([chain, bench.next(second), bench.next(second), follows])
        #expect(outcomes.map(isWritten) == [true, true, false, true])
        #expect(try await bench.ledger.task(first.task.id)?.state == .submitted)
    }

    @Test("a task that is not there cannot be written", arguments: LedgerKind.allCases)
    func unknown(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let strange = ClaimedTask(task: .sample(9), lease: Lease(owner: mine, fence: 1), ordinal: 0)
        #expect(!isWritten(try await bench.write(bench.next(strange))))
        #expect(try await bench.ledger.task(TaskID.sample(9)) == nil)
    }

    // MARK: Slots

    @Test(
        "images in flight are counted up to the limit, per account, until they are freed",
        arguments: LedgerKind.allCases
    )
    func slots(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1, imageCount: 3))
        let second = try await bench.insert(.sample(2, imageCount: 2))
        let foreign = try await bench.insert(.sample(3, imageCount: 5, account: "another"))
        let taking = bench.next(first, slots: .take(limit: 4))
        #expect(isWritten(try await bench.write(taking)))
        #expect(try await bench.ledger.imagesInFlight(account: "account") == 3)
        #expect(try await bench.write(bench.next(second, slots: .take(limit: 4))) == .noSlots)
        #expect(try await bench.ledger.imagesInFlight(account: "account") == 3)
        #expect(try await bench.ledger.task(second.task.id)?.revision == 0)
        #expect(isWritten(try await bench.write(bench.next(foreign, slots: .take(limit: 5)))))
        let first2 = ClaimedTask(task: taking.task, lease: first.lease, ordinal: 0)
        let keeping = bench.next(first2, slots: .keep)
        #expect(isWritten(try await bench.write(keeping)))
        #expect(try await bench.ledger.imagesInFlight(account: "account") == 3)
        let first3 = ClaimedTask(task: keeping.task, lease: first.lease, ordinal: 0)
        #expect(isWritten(try await bench.write(bench.next(first3, slots: .free))))
        #expect(try await bench.ledger.imagesInFlight(account: "account") == 0)
        #expect(isWritten(try await bench.write(bench.next(second, slots: .take(limit: 4)))))
        #expect(try await bench.ledger.imagesInFlight(account: "account") == 2)
        #expect(try await bench.ledger.imagesInFlight(account: "another") == 5)
    }

    @Test("a task larger than the limit goes alone", arguments: LedgerKind.allCases)
    func alone(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let large = try await bench.insert(.sample(1, imageCount: 9))
        let small = try await bench.insert(.sample(2))
        #expect(isWritten(try await bench.write(bench.next(large, slots: .take(limit: 4)))))
        #expect(try await bench.write(bench.next(small, slots: .take(limit: 4))) == .noSlots)
    }

    @Test("exactly the limit fits, and without a limit all do", arguments: LedgerKind.allCases)
    func limits(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        for number in 0..<4 {
            let claimed = try await bench.insert(.sample(number))
            #expect(isWritten(try await bench.write(bench.next(claimed, slots: .take(limit: 4)))))
        }
        let fifth = try await bench.insert(.sample(5))
        #expect(try await bench.write(bench.next(fifth, slots: .take(limit: 4))) == .noSlots)
        #expect(isWritten(try await bench.write(bench.next(fifth, slots: .take(limit: nil)))))
    }

    @Test("taking twice counts once, freeing twice frees once", arguments: LedgerKind.allCases)
    func twice(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1, imageCount: 2))
        let second = try await bench.insert(.sample(2, imageCount: 2))
        #expect(isWritten(try await bench.write(bench.next(second, slots: .take(limit: nil)))))
        var claimed = first
        for slots in [LedgerWrite.Slots.take(limit: 4), .take(limit: 4), .free, .free] {
            let write = bench.next(claimed, slots: slots)
            #expect(isWritten(try await bench.write(write)))
            claimed.task = write.task
        }
        #expect(try await bench.ledger.imagesInFlight(account: "account") == 2)
    }

    @Test("a refused write does not touch the slots", arguments: LedgerKind.allCases)
    func staleSlots(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        #expect(isWritten(try await bench.write(bench.next(first, slots: .take(limit: nil)))))
        guard case .stale = try await bench.write(bench.next(first, slots: .free)) else {
            throw Unexpected("it was not stale")
        }
        #expect(try await bench.ledger.imagesInFlight(account: "account") == 1)
    }

    // MARK: Claims

    @Test(
        "work that was left is claimed by those who have its account and storage, oldest first, ended tasks never",
        arguments: LedgerKind.allCases
    )
    func bindings(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        _ = try await bench.insert(.sample(1))
        _ = try await bench.insert(.sample(2, storage: "s3://bucket"))
        _ = try await bench.insert(.sample(3, account: "another"))
        let ended = try await bench.insert(.sample(4))
        _ = try await bench.insert(.sample(5))
        _ = try await bench.insert(.sample(6))
        #expect(isWritten(try await bench.write(bench.next(ended) { $0.state = .stored })))
        try await bench.ledger.join(other)
        let binding: Set = [Binding(account: "account", storage: "file:///pictures")]
        #expect(try await bench.ledger.claim(binding, owner: other, limit: .max).isEmpty)
        try await bench.ledger.leave(mine)
        #expect(
            try await bench.ledger.claim(binding, owner: other, limit: 2).map(\.task.id) == [.sample(1), .sample(5)]
        )
        #expect(try await bench.ledger.claim(binding, owner: other, limit: .max).map(\.task.id) == [.sample(6)])
        #expect(try await bench.ledger.claim(binding, owner: other, limit: .max).isEmpty)
    }

    @Test("a task that has ended is claimed by nobody", arguments: LedgerKind.allCases)
    func ended(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        #expect(isWritten(try await bench.write(bench.next(first, releases: true) { $0.state = .stored })))
        try await bench.ledger.join(other)
        #expect(try await bench.ledger.claim(first.task.id, owner: other) == nil)
    }

    @Test("a job whose watch was cancelled is claimed by its name alone", arguments: LedgerKind.allCases)
    func leftAlone(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        let left = bench.next(first, releases: true) { task in
            task.state = .processing
            task.watch = .cancelled
        }
        #expect(isWritten(try await bench.write(left)))
        try await bench.ledger.join(other)
        let binding: Set = [Binding(account: "account", storage: "file:///pictures")]
        #expect(try await bench.ledger.claim(binding, owner: other, limit: .max).isEmpty)
        #expect(try await bench.ledger.claim(first.task.id, owner: other)?.task.watch == .cancelled)
    }

    @Test("a task is claimed by one owner only, until that one leaves or releases it", arguments: LedgerKind.allCases)
    func single(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        try await bench.ledger.join(other)
        #expect(try await bench.ledger.claim(first.task.id, owner: other) == nil)
        let released = bench.next(first, releases: true)
        #expect(isWritten(try await bench.write(released)))
        let taken = try #require(try await bench.ledger.claim(first.task.id, owner: other))
        #expect(try await bench.ledger.claim(first.task.id, owner: mine) == nil)
        let stale = ClaimedTask(task: released.task, lease: first.lease, ordinal: 0)
        guard case .stale = try await bench.write(bench.next(stale)) else {
            throw Unexpected("a released lease still counts")
        }
        #expect(isWritten(try await bench.write(bench.next(taken))))
        #expect(try await bench.ledger.claim(TaskID.sample(9), owner: other) == nil)
    }

    @Test(
        "who claims what it has keeps its lease, so that its writes on the way still count",
        arguments: LedgerKind.allCases
    )
    func again(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        #expect(try await bench.ledger.claim(first.task.id, owner: mine) == first)
        #expect(isWritten(try await bench.write(bench.next(first))))
    }

    // MARK: Reading

    @Test("pages come newest first and stay whole while tasks are added", arguments: LedgerKind.allCases)
    func pages(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        for number in 0..<10 { _ = try await bench.insert(.sample(number)) }
        var seen: [TaskID] = []
        var query = TaskQuery(limit: 3)
        var added = 10
        repeat {
            let page = try await bench.ledger.list(query)
            #expect(page.tasks.count <= 3)
            seen += page.tasks.map(\.id)
            query.cursor = page.next
            _ = try await bench.insert(.sample(added))
            added += 1
        } while query.cursor != nil
        #expect(seen == (0..<10).reversed().map { TaskID.sample($0) })
    }

    @Test("filters hold on every page, and the last page has no cursor", arguments: LedgerKind.allCases)
    func filters(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        for number in 0..<9 {
            _ = try await bench.insert(
                .sample(number) { task in
                    if number % 3 == 0 { task.state = .submitted }
                    if number % 2 == 0 { task.watch = .cancelled }
                }
            )
        }
        func numbers(_ query: TaskQuery) async throws -> [Int] {
            let ids = try await bench.ledger.list(query).tasks.map(\.id)
            return ids.compactMap { id in (0..<9).first { TaskID.sample($0) == id } }
        }
        #expect(try await numbers(TaskQuery(state: .submitted)) == [6, 3, 0])
        #expect(try await numbers(TaskQuery(watch: .cancelled)) == [8, 6, 4, 2, 0])
        #expect(try await numbers(TaskQuery(state: .submitted, watch: .cancelled)) == [6, 0])
        let exact = try await bench.ledger.list(TaskQuery(state: .submitted, limit: 3))
        #expect(exact.next == nil)
        let first = try await bench.ledger.list(TaskQuery(state: .submitted, limit: 2))
        #expect(try await numbers(TaskQuery(state: .submitted, limit: 2, cursor: first.next)) == [0])
        #expect(try await bench.ledger.list(TaskQuery(limit: .max)).tasks.count == 9)
    }

    @Test(
        "a cursor that is none of ours is refused",
        arguments: LedgerKind.allCases,
        ["", "7", "0199f1aa-0000-7000-8000-000000000000"]
    )
    func badCursor(kind: LedgerKind, cursor: String) async throws {
        let bench = try LedgerBench(kind)
        _ = try await bench.insert(.sample(1))
        await #expect(throws: LedgerError.badCursor) { try await bench.ledger.list(TaskQuery(cursor: cursor)) }
    }

    @Test(
        "changes come in the order in which they were made, each task once, in its newest version",
        arguments: LedgerKind.allCases
    )
    func changes(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        let second = try await bench.insert(.sample(2))
        let third = try await bench.insert(.sample(3))
        #expect(isWritten(try await bench.write(bench.next(second))))
        #expect(isWritten(try await bench.write(bench.next(first))))
        let all = try await bench.ledger.changes(after: 0, limit: 10)
        #expect(all.map(\.id) == [third.task.id, second.task.id, first.task.id])
        #expect(all.map(\.revision) == [0, 1, 1])
        #expect(all.map(\.sequence) == all.map(\.sequence).sorted())
        #expect(try await bench.ledger.changes(after: all[0].sequence, limit: 1).map(\.id) == [second.task.id])
        #expect(try await bench.ledger.changes(after: all[2].sequence, limit: 10).isEmpty)
    }

    @Test("a task is found by the provider's id once that is known", arguments: LedgerKind.allCases)
    func byTaskID(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        #expect(try await bench.ledger.task(taskID: "42") == nil)
        #expect(isWritten(try await bench.write(bench.next(first) { $0.taskID = "42" })))
        #expect(try await bench.ledger.task(taskID: "42")?.id == first.task.id)
        _ = try await bench.insert(.sample(2) { $0.taskID = "43" })
        #expect(try await bench.ledger.task(taskID: "43")?.id == .sample(2))
    }

    // MARK: Names

    @Test(
        "an external id stands for one task of its account, until that one failed without cost",
        arguments: LedgerKind.allCases
    )
    func externalID(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        func named(_ number: Int, account: String = "account") -> GenerationTask {
            .sample(number, account: account) { $0.externalTaskID = "chosen" }
        }
        let first = try await bench.insert(named(1))
        #expect(try await bench.ledger.insert(named(2), owner: mine) == .externalIDTaken(first.task))
        #expect(try await bench.ledger.task(TaskID.sample(2)) == nil)
        _ = try await bench.insert(named(3, account: "another"))
        let failed = bench.next(first) { $0.state = .failed }
        #expect(isWritten(try await bench.write(failed)))
        let second = try await bench.insert(named(4))
        #expect(try await bench.ledger.insert(named(5), owner: mine) == .externalIDTaken(second.task))
    }

    @Test("a job that was made elsewhere is adopted once, and its account decides", arguments: LedgerKind.allCases)
    func adopted(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1) { $0.taskID = "42" })
        #expect(try await bench.ledger.insert(.sample(2) { $0.taskID = "42" }, owner: mine) == .existing(first.task))
        _ = try await bench.insert(.sample(3, account: "another") { $0.taskID = "42" })
    }

    @Test("names that differ only behind a NUL are two names", arguments: LedgerKind.allCases)
    func nul(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        var inserted: [GenerationTask] = []
        for (number, name) in ["a", "a\u{0}", "a\u{0}b", "a\u{1}", "a\u{1}0", "a\u{0}0"].enumerated() {
            let task = GenerationTask.sample(number) { task in
                task.idempotencyKey = name
                task.externalTaskID = name
                task.fingerprint = name
                task.request = ["prompt": .string(name)]
            }
            inserted.append(try await bench.insert(task).task)
        }
        for task in inserted { #expect(try await bench.ledger.task(task.id) == task) }
    }

    // MARK: Daily limit

    @Test(
        "images asked for on one day (UTC) are limited per account; what cost nothing does not count",
        arguments: LedgerKind.allCases
    )
    func dailyLimit(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        func asks(_ task: GenerationTask) async throws -> Admission {
            try await bench.ledger.insert(NewTask(task, imagesPerDay: 4), owner: mine)
        }
        let first = try await bench.insert(.sample(1, imageCount: 3))
        #expect(try await asks(.sample(2, imageCount: 2)) == .overDailyLimit(asked: 3))
        #expect(try await bench.ledger.task(TaskID.sample(2)) == nil)
        // 2026-11-23T20:26 is 3 h 34 min before midnight.
        let tomorrow = LedgerClock.epoch.adding(.seconds(4 * 3600))
        let isInserted = { (admission: Admission) in if case .inserted = admission { true } else { false } }
        #expect(isInserted(try await asks(.sample(3, imageCount: 2) { $0.createdAt = tomorrow })))
        #expect(isInserted(try await asks(.sample(4, imageCount: 2, account: "another"))))
        #expect(isInserted(try await asks(.sample(5, imageCount: 1))))
        #expect(try await asks(.sample(6, imageCount: 1)) == .overDailyLimit(asked: 4))
        #expect(isWritten(try await bench.write(bench.next(first) { $0.state = .failed })))
        #expect(isInserted(try await asks(.sample(7, imageCount: 3))))
        #expect(isInserted(try await bench.ledger.insert(NewTask(.sample(8, imageCount: 9)), owner: mine)))
    }

    // MARK: Requests

    @Test(
        "what is to be sent is kept until the create is definite",
        arguments: LedgerKind.allCases,
        [0, 1, 64 << 10, (64 << 10) + 1, 3 << 20]
    )
    func body(kind: LedgerKind, size: Int) async throws {
        let bench = try LedgerBench(kind)
        let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let task = GenerationTask.sample(1)
        guard case .inserted(var claimed) = try await bench.ledger.insert(NewTask(task, body: body), owner: mine) else {
            throw Unexpected("it was not inserted")
        }
        for state in [TaskState.submitting, .unresolved, .queued, .submitting] {
            let write = bench.next(claimed) { $0.state = state }
            #expect(isWritten(try await bench.write(write)))
            claimed.task = write.task
            #expect(try await bench.ledger.body(of: task.id) == body)
        }
        #expect(isWritten(try await bench.write(bench.next(claimed) { $0.state = .submitted })))
        #expect(try await bench.ledger.body(of: task.id) == nil)
    }

    @Test("of a task that was not inserted nothing is kept", arguments: LedgerKind.allCases)
    func noBody(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let body = [UInt8](repeating: 1, count: 100_000)
        _ = try await bench.insert(keyed(1))
        _ = try await bench.ledger.insert(NewTask(keyed(2), body: body), owner: mine)
        #expect(try await bench.ledger.body(of: TaskID.sample(1)) == nil)
        #expect(try await bench.ledger.body(of: TaskID.sample(2)) == nil)
    }

    // MARK: Owners

    @Test("a stopped owner loses its leases but is not gone; a dead one is both", arguments: LedgerKind.allCases)
    func standings(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        let second = try await bench.insert(.sample(2))
        try await bench.ledger.join(other)
        #expect(try await !bench.ledger.isGone(mine))
        #expect(try await bench.ledger.isGone(OwnerID("nobody")))
        #expect(try await bench.ledger.claim(first.task.id, owner: other) == nil)
        try await bench.stop(mine, others: [other])
        #expect(try await !bench.ledger.isGone(mine))
        #expect(try await bench.ledger.claim(first.task.id, owner: other)?.lease.fence == 2)
        // Its late write is refused, and it keeps what nobody has taken.
        #expect(try await bench.write(bench.next(first)) == .stale(first.task))
        try await bench.wake(mine)
        #expect(isWritten(try await bench.write(bench.next(second))))
        #expect(try await bench.ledger.claim(second.task.id, owner: other) == nil)
        await bench.kill(mine)
        #expect(try await bench.ledger.isGone(mine))
        #expect(try await bench.ledger.claim(second.task.id, owner: other) != nil)
        #expect(try await bench.ledger.isGone(mine))
    }

    @Test("an owner that has left is gone", arguments: LedgerKind.allCases)
    func left(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        try await bench.ledger.join(mine)
        #expect(try await !bench.ledger.isGone(mine))
        try await bench.ledger.leave(mine)
        #expect(try await bench.ledger.isGone(mine))
    }

    @Test("a person's word needs the version and no lease", arguments: LedgerKind.allCases)
    func withoutLease(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1))
        var word = bench.next(first) { $0.watch = .cancelled }
        word.lease = nil
        #expect(isWritten(try await bench.write(word)))
        guard case .stale(let newer) = try await bench.write(word) else { throw Unexpected("it was written twice") }
        #expect(newer.watch == .cancelled)
        // Who works on the task keeps its lease.
        #expect(isWritten(try await bench.write(bench.next(ClaimedTask(task: newer, lease: first.lease, ordinal: 0)))))
    }

    // MARK: Slots between owners

    @Test(
        "an older task of another owner that is alive goes first, but only where there is a limit",
        arguments: LedgerKind.allCases
    )
    func order(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let older = try await bench.insert(.sample(1), owner: other)
        let newer = try await bench.insert(.sample(2))
        #expect(try await bench.write(bench.next(newer, slots: .take(limit: 4))) == .noSlots)
        #expect(isWritten(try await bench.write(bench.next(newer, slots: .take(limit: nil)))))
        let third = try await bench.insert(.sample(3))
        #expect(try await bench.write(bench.next(third, slots: .take(limit: 4))) == .noSlots)
        // Neither one that is stopped nor a task that waits for nothing holds the others up.
        try await bench.stop(other, others: [mine])
        #expect(isWritten(try await bench.write(bench.next(third, slots: .take(limit: 4)))))
        try await bench.wake(other)
        let fourth = try await bench.insert(.sample(4))
        #expect(try await bench.write(bench.next(fourth, slots: .take(limit: 4))) == .noSlots)
        #expect(isWritten(try await bench.write(bench.next(older) { $0.state = .submitting })))
        #expect(isWritten(try await bench.write(bench.next(fourth, slots: .take(limit: 4)))))
    }

    @Test("a refusal frees the slots and teaches a limit, which grows again with time", arguments: LedgerKind.allCases)
    func learntLimit(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1, imageCount: 3))
        let second = try await bench.insert(.sample(2, imageCount: 2))
        #expect(try await bench.ledger.learntLimit(account: "account") == nil)
        #expect(isWritten(try await bench.write(bench.next(first, slots: .take(limit: nil)))))
        let taken = bench.next(second, slots: .take(limit: nil)) { $0.state = .submitting }
        #expect(isWritten(try await bench.write(taken)))
        let refused = bench.next(ClaimedTask(task: taken.task, lease: second.lease, ordinal: 0), slots: .refused) {
            $0.state = .queued
        }
        #expect(isWritten(try await bench.write(refused)))
        #expect(try await bench.ledger.imagesInFlight(account: "account") == 3)
        #expect(try await bench.ledger.learntLimit(account: "account") == 4)
        #expect(try await bench.ledger.learntLimit(account: "another") == nil)
        let requeued = ClaimedTask(task: refused.task, lease: second.lease, ordinal: 0)
        let again = bench.next(requeued, slots: .take(limit: nil))
        #expect(try await bench.write(again) == .noSlots)
        bench.clock.advance(by: SlotRules.recovery)
        #expect(try await bench.ledger.learntLimit(account: "account") == 8)
        #expect(isWritten(try await bench.write(again)))
    }

    @Test(
        "what was in flight when the attempt began counts, also when it has ended since",
        arguments: LedgerKind.allCases
    )
    func beside(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1, imageCount: 3))
        let second = try await bench.insert(.sample(2, imageCount: 2))
        let running = bench.next(first, slots: .take(limit: nil))
        #expect(isWritten(try await bench.write(running)))
        let taken = bench.next(second, slots: .take(limit: nil))
        #expect(isWritten(try await bench.write(taken)))
        let ended = bench.next(ClaimedTask(task: running.task, lease: first.lease, ordinal: 0), slots: .free)
        #expect(isWritten(try await bench.write(ended)))
        let refused = bench.next(ClaimedTask(task: taken.task, lease: second.lease, ordinal: 0), slots: .refused)
        #expect(isWritten(try await bench.write(refused)))
        #expect(try await bench.ledger.learntLimit(account: "account") == 4)
    }

    @Test("slots of jobs whose end nobody sees count as free after a while", arguments: LedgerKind.allCases)
    func unseen(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let first = try await bench.insert(.sample(1, imageCount: 3))
        let second = try await bench.insert(.sample(2, imageCount: 2))
        let taken = bench.next(first, slots: .take(limit: nil)) { $0.state = .unresolved }
        #expect(isWritten(try await bench.write(taken)))
        let then = bench.clock.date
        #expect(try await bench.write(bench.next(second, slots: .take(limit: 4, unseenSince: then))) == .noSlots)
        let later = then.adding(.milliseconds(1))
        #expect(isWritten(try await bench.write(bench.next(second, slots: .take(limit: 4, unseenSince: later)))))
        #expect(try await bench.ledger.imagesInFlight(account: "account") == 5)
    }

    // MARK: Keeping

    @Test(
        "finished tasks become tombstones: not listed, still known by every name, still on the bill",
        arguments: LedgerKind.allCases
    )
    func prune(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let finish = LedgerClock.epoch
        for number in 1...3 {
            let task = number == 1 ? keyed(1) : .sample(number)
            let claimed = try await bench.insert(task)
            let ended = bench.next(claimed) { task in
                task.taskID = "\(number)"
                task.state = .stored
                task.charged = .yes
                task.finalUnitDeduction = "2.5"
                task.finishedAt = finish.adding(.seconds(number))
            }
            #expect(isWritten(try await bench.write(ended)))
        }
        _ = try await bench.insert(.sample(4))
        let bill = try await bench.ledger.bill(since: finish)
        #expect(try await bench.ledger.prune(finishedBefore: finish.adding(.seconds(1)), limit: 10) == 0)
        #expect(try await bench.ledger.prune(finishedBefore: finish.adding(.seconds(3)), limit: 1) == 1)
        #expect(try await bench.ledger.prune(finishedBefore: finish.adding(.seconds(3)), limit: 10) == 1)
        #expect(try await bench.ledger.prune(finishedBefore: finish.adding(.seconds(3)), limit: 10) == 0)
        #expect(try await bench.ledger.list(TaskQuery()).tasks.map(\.id) == [.sample(4), .sample(3)])
        #expect(try await bench.ledger.changes(after: 0, limit: 10).map(\.id) == [.sample(3), .sample(4)])
        let tombstone = try #require(try await bench.ledger.task(TaskID.sample(1)))
        #expect(tombstone.request.isEmpty)
        #expect(try await bench.ledger.task(taskID: "1") == tombstone)
        #expect(try await bench.ledger.insert(keyed(5), owner: mine) == .existing(tombstone))
        #expect(try await bench.ledger.insert(keyed(6, fingerprint: "other"), owner: mine) == .conflict(tombstone))
        #expect(try await bench.ledger.bill(since: finish) == bill)
    }

    @Test("the bill tells tasks, images and units by day, account and charge", arguments: LedgerKind.allCases)
    func bill(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let tomorrow = LedgerClock.epoch.adding(.seconds(4 * 3600))
        func add(_ number: Int, _ images: Int, _ charged: Charged, _ units: String?, at date: Timestamp) async throws {
            _ = try await bench.insert(
                .sample(number, imageCount: images) { task in
                    task.charged = charged
                    task.finalUnitDeduction = units
                    task.createdAt = date
                }
            )
        }
        try await add(1, 2, .yes, "8", at: LedgerClock.epoch)
        try await add(2, 1, .yes, "0.5", at: LedgerClock.epoch)
        try await add(3, 1, .unknown, "many", at: LedgerClock.epoch)
        try await add(4, 4, .yes, nil, at: tomorrow)
        func line(_ day: String, _ charged: Charged, _ tasks: Int, _ images: Int, _ units: Double) -> BillLine {
            BillLine(day: day, account: "account", charged: charged, tasks: tasks, images: images, units: units)
        }
        let today = [line("2026-11-23", .unknown, 1, 1, 0), line("2026-11-23", .yes, 2, 3, 8.5)]
        let next = [line("2026-11-24", .yes, 1, 4, 0)]
        #expect(try await bench.ledger.bill(since: LedgerClock.epoch) == today + next)
        #expect(try await bench.ledger.bill(since: tomorrow) == next)
        #expect(try await bench.ledger.bill(since: tomorrow.adding(.seconds(1))).isEmpty)
    }

    @Test("the newest durations of a class are kept, in the order of observation", arguments: LedgerKind.allCases)
    func durations(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        let job = JobClass(model: "kling-v3", resolution: "1k", imageCount: 1)
        let large = JobClass(model: "kling-v3", resolution: "2k", imageCount: 1)
        #expect(try await bench.ledger.learn(.zero, of: job).isEmpty)
        let all = (1...LearntDurations.memory + 3).map { Duration.milliseconds(1000 + 7 * ($0 % 10)) }
        for duration in all { _ = try await bench.ledger.learn(duration, of: job) }
        #expect(try await bench.ledger.learn(.nanoseconds(1_500_000_001), of: large) == [.nanoseconds(1_500_000_001)])
        let kept = Array(all.suffix(LearntDurations.memory))
        #expect(try await bench.ledger.learn(.zero, of: job) == kept)
        #expect(try await bench.ledger.learntDurations() == [job: kept, large: [.nanoseconds(1_500_000_001)]])
    }

    @Test(
        "the last sequence is that of the last change, and the ledger stays the same one",
        arguments: LedgerKind.allCases
    )
    func sequence(kind: LedgerKind) async throws {
        let bench = try LedgerBench(kind)
        #expect(try await bench.ledger.lastSequence() == 0)
        let first = try await bench.insert(.sample(1))
        #expect(try await bench.ledger.lastSequence() == first.task.sequence)
        #expect(try await bench.write(bench.next(first)) == .written(sequence: first.task.sequence + 1))
        #expect(try await bench.ledger.lastSequence() == first.task.sequence + 1)
        let identity = try await bench.ledger.identity()
        #expect(try await bench.ledger.identity() == identity)
    }
}
