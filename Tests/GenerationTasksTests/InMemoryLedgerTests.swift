import GenerationTasks
import JSON
import Testing

private let mine = OwnerID("mine")
private let other = OwnerID("other")

@Suite("Ledger in memory")
struct InMemoryLedgerTests {
    private let ledger = InMemoryLedger()

    /// Inserts a task that must be new.
    private func insert(_ task: GenerationTask, owner: OwnerID = mine) async throws -> ClaimedTask {
        await ledger.join(owner)
        guard case .inserted(let claimed) = await ledger.insert(task, owner: owner) else {
            throw Unexpected("task \(task.id) was not inserted")
        }
        return claimed
    }

    /// The next version of a task: changed, and one revision on.
    private func next(
        _ claimed: ClaimedTask,
        slots: LedgerWrite.Slots = .keep,
        releases: Bool = false,
        _ change: (inout GenerationTask) -> Void = { _ in }
    ) -> LedgerWrite {
        var task = claimed.task
        change(&task)
        task.revision += 1
        return LedgerWrite(
            task: task,
            lease: claimed.lease,
            replaces: claimed.task.revision,
            slots: slots,
            releases: releases
        )
    }

    private func write(_ write: LedgerWrite) async -> LedgerWriteOutcome? { await ledger.write([write]).first }

    private func isWritten(_ outcome: LedgerWriteOutcome?) -> Bool {
        if case .written = outcome { true } else { false }
    }

    // MARK: Idempotency

    private func keyed(_ number: Int, fingerprint: String = "same", account: String = "account") -> GenerationTask {
        .sample(number, account: account) { task in
            task.idempotencyKey = "key"
            task.fingerprint = fingerprint
        }
    }

    @Test("the same key with the same request gives the first task as it is now")
    func sameRequest() async throws {
        let first = try await insert(keyed(1))
        let changed = next(first) { $0.state = .submitted }
        #expect(isWritten(await write(changed)))
        guard case .existing(let found) = await ledger.insert(keyed(2), owner: mine) else {
            throw Unexpected("a second task was made")
        }
        #expect(found.id == first.task.id)
        #expect(found.state == .submitted)
        #expect(await ledger.task(TaskID.sample(2)) == nil)
    }

    @Test("the same key with another request names the first task and makes none")
    func otherRequest() async throws {
        let first = try await insert(keyed(1))
        #expect(await ledger.insert(keyed(2, fingerprint: "other"), owner: mine) == .conflict(first.task))
        #expect(await ledger.task(TaskID.sample(2)) == nil)
    }

    @Test("a key belongs to its account")
    func otherAccount() async throws {
        _ = try await insert(keyed(1))
        _ = try await insert(keyed(2, account: "another"))
    }

    @Test("tasks without a key never meet")
    func noKey() async throws {
        _ = try await insert(.sample(1))
        _ = try await insert(.sample(2))
    }

    @Test(
        "only a failed task that cost nothing gives its key back",
        arguments: [
            (TaskState.failed, Charged.no, true), (.failed, .yes, false), (.failed, .unknown, false),
            (.stored, .yes, false), (.queued, .no, false), (.unresolved, .unknown, false),
        ]
    )
    func freedKey(state: TaskState, charged: Charged, isFreed: Bool) async throws {
        let first = try await insert(keyed(1))
        let ended = next(first) { task in
            task.state = state
            task.charged = charged
        }
        #expect(isWritten(await write(ended)))
        let second = await ledger.insert(keyed(2, fingerprint: "other"), owner: mine)
        if case .inserted = second { #expect(isFreed) } else { #expect(!isFreed) }
        // The key stands for the new task from now on.
        guard isFreed else { return }
        guard case .existing(let found) = await ledger.insert(keyed(3, fingerprint: "other"), owner: mine) else {
            throw Unexpected("the key stands for nothing")
        }
        #expect(found.id == TaskID.sample(2))
    }

    // MARK: Fences and versions

    @Test("a write under a lease that was lost is refused with the newer version and changes nothing")
    func staleLease() async throws {
        let first = try await insert(.sample(1))
        await ledger.leave(mine)
        await ledger.join(other)
        let taken = try #require(await ledger.claim(first.task.id, owner: other))
        #expect(taken.lease.fence > first.lease.fence)
        let late = next(first) { $0.state = .failed }
        #expect(await write(late) == .stale(taken.task))
        #expect(await ledger.task(first.task.id)?.state == .queued)
        #expect(isWritten(await write(next(taken) { $0.state = .submitting })))
    }

    @Test("a late owner that comes back does not get its old lease back")
    func lateOwner() async throws {
        let first = try await insert(.sample(1))
        await ledger.leave(mine)
        await ledger.join(other)
        let taken = try #require(await ledger.claim(first.task.id, owner: other))
        await ledger.leave(other)
        await ledger.join(mine)
        let again = try #require(await ledger.claim(first.task.id, owner: mine))
        #expect(again.lease.fence > taken.lease.fence)
        #expect(await write(next(first)) == .stale(first.task))
        #expect(isWritten(await write(next(again))))
    }

    @Test("a write that replaces an old version is refused")
    func staleRevision() async throws {
        let first = try await insert(.sample(1))
        #expect(isWritten(await write(next(first) { $0.state = .submitting })))
        guard case .stale(let newer) = await write(next(first) { $0.state = .failed }) else {
            throw Unexpected("the old version was replaced twice")
        }
        #expect(newer.state == .submitting)
    }

    @Test("writes of one call succeed or fail each by itself, in order")
    func batch() async throws {
        let first = try await insert(.sample(1))
        let second = try await insert(.sample(2))
        let chain = next(first) { $0.state = .submitting }
        let follows = next(ClaimedTask(task: chain.task, lease: first.lease)) { $0.state = .submitted }
        let outcomes = await ledger.write([chain, next(second), next(second), follows])
        #expect(outcomes.map(isWritten) == [true, true, false, true])
        #expect(await ledger.task(first.task.id)?.state == .submitted)
    }

    @Test("a task that is not there cannot be written")
    func unknown() async {
        let strange = ClaimedTask(task: .sample(9), lease: Lease(owner: mine, fence: 1))
        #expect(!isWritten(await write(next(strange))))
        #expect(await ledger.task(TaskID.sample(9)) == nil)
    }

    // MARK: Slots

    @Test("images in flight are counted up to the limit, per account, until they are freed")
    func slots() async throws {
        let first = try await insert(.sample(1, imageCount: 3))
        let second = try await insert(.sample(2, imageCount: 2))
        let foreign = try await insert(.sample(3, imageCount: 5, account: "another"))
        let taking = next(first, slots: .take(limit: 4))
        #expect(isWritten(await write(taking)))
        #expect(await ledger.imagesInFlight(account: "account") == 3)
        #expect(await write(next(second, slots: .take(limit: 4))) == .noSlots)
        #expect(await ledger.imagesInFlight(account: "account") == 3)
        #expect(await ledger.task(second.task.id)?.revision == 0)
        #expect(isWritten(await write(next(foreign, slots: .take(limit: 5)))))
        let first2 = ClaimedTask(task: taking.task, lease: first.lease)
        let keeping = next(first2, slots: .keep)
        #expect(isWritten(await write(keeping)))
        #expect(await ledger.imagesInFlight(account: "account") == 3)
        let first3 = ClaimedTask(task: keeping.task, lease: first.lease)
        #expect(isWritten(await write(next(first3, slots: .free))))
        #expect(await ledger.imagesInFlight(account: "account") == 0)
        #expect(isWritten(await write(next(second, slots: .take(limit: 4)))))
        #expect(await ledger.imagesInFlight(account: "account") == 2)
        #expect(await ledger.imagesInFlight(account: "another") == 5)
    }

    @Test("a task larger than the limit goes alone")
    func alone() async throws {
        let large = try await insert(.sample(1, imageCount: 9))
        let small = try await insert(.sample(2))
        #expect(isWritten(await write(next(large, slots: .take(limit: 4)))))
        #expect(await write(next(small, slots: .take(limit: 4))) == .noSlots)
    }

    @Test("exactly the limit fits, and without a limit all do")
    func limits() async throws {
        for number in 0..<4 {
            let claimed = try await insert(.sample(number))
            #expect(isWritten(await write(next(claimed, slots: .take(limit: 4)))))
        }
        let fifth = try await insert(.sample(5))
        #expect(await write(next(fifth, slots: .take(limit: 4))) == .noSlots)
        #expect(isWritten(await write(next(fifth, slots: .take(limit: nil)))))
    }

    @Test("taking twice counts once, freeing twice frees once")
    func twice() async throws {
        let first = try await insert(.sample(1, imageCount: 2))
        let second = try await insert(.sample(2, imageCount: 2))
        #expect(isWritten(await write(next(second, slots: .take(limit: nil)))))
        var claimed = first
        for slots in [LedgerWrite.Slots.take(limit: 4), .take(limit: 4), .free, .free] {
            let write = next(claimed, slots: slots)
            #expect(isWritten(await self.write(write)))
            claimed.task = write.task
        }
        #expect(await ledger.imagesInFlight(account: "account") == 2)
    }

    @Test("a refused write does not touch the slots")
    func staleSlots() async throws {
        let first = try await insert(.sample(1))
        #expect(isWritten(await write(next(first, slots: .take(limit: nil)))))
        guard case .stale = await write(next(first, slots: .free)) else { throw Unexpected("it was not stale") }
        #expect(await ledger.imagesInFlight(account: "account") == 1)
    }

    // MARK: Claims

    @Test("work that was left is claimed by those who have its account and storage, oldest first, ended tasks never")
    func bindings() async throws {
        _ = try await insert(.sample(1))
        _ = try await insert(.sample(2, storage: "s3://bucket"))
        _ = try await insert(.sample(3, account: "another"))
        let ended = try await insert(.sample(4))
        _ = try await insert(.sample(5))
        _ = try await insert(.sample(6))
        #expect(isWritten(await write(next(ended) { $0.state = .stored })))
        await ledger.join(other)
        let binding: Set = [Binding(account: "account", storage: "file:///pictures")]
        #expect(await ledger.claim(binding, owner: other, limit: .max).isEmpty)
        await ledger.leave(mine)
        #expect(await ledger.claim(binding, owner: other, limit: 2).map(\.task.id) == [.sample(1), .sample(5)])
        #expect(await ledger.claim(binding, owner: other, limit: .max).map(\.task.id) == [.sample(6)])
        #expect(await ledger.claim(binding, owner: other, limit: .max).isEmpty)
    }

    @Test("a task is claimed by one owner only, until that one leaves or releases it")
    func single() async throws {
        let first = try await insert(.sample(1))
        await ledger.join(other)
        #expect(await ledger.claim(first.task.id, owner: other) == nil)
        let released = next(first, releases: true)
        #expect(isWritten(await write(released)))
        let taken = try #require(await ledger.claim(first.task.id, owner: other))
        #expect(await ledger.claim(first.task.id, owner: mine) == nil)
        let stale = ClaimedTask(task: released.task, lease: first.lease)
        guard case .stale = await write(next(stale)) else { throw Unexpected("a released lease still counts") }
        #expect(isWritten(await write(next(taken))))
        #expect(await ledger.claim(TaskID.sample(9), owner: other) == nil)
    }

    @Test("who claims what it has keeps its lease, so that its writes on the way still count")
    func again() async throws {
        let first = try await insert(.sample(1))
        #expect(await ledger.claim(first.task.id, owner: mine) == first)
        #expect(isWritten(await write(next(first))))
    }

    // MARK: Reading

    @Test("pages come newest first and stay whole while tasks are added")
    func pages() async throws {
        for number in 0..<10 { _ = try await insert(.sample(number)) }
        var seen: [TaskID] = []
        var query = TaskQuery(limit: 3)
        var added = 10
        repeat {
            let page = try await ledger.list(query)
            #expect(page.tasks.count <= 3)
            seen += page.tasks.map(\.id)
            query.cursor = page.next
            _ = try await insert(.sample(added))
            added += 1
        } while query.cursor != nil
        #expect(seen == (0..<10).reversed().map { TaskID.sample($0) })
    }

    @Test("filters hold on every page, and the last page has no cursor")
    func filters() async throws {
        for number in 0..<9 {
            _ = try await insert(
                .sample(number) { task in
                    if number % 3 == 0 { task.state = .submitted }
                    if number % 2 == 0 { task.watch = .cancelled }
                }
            )
        }
        func numbers(_ query: TaskQuery) async throws -> [Int] {
            let ids = try await ledger.list(query).tasks.map(\.id)
            return ids.compactMap { id in (0..<9).first { TaskID.sample($0) == id } }
        }
        #expect(try await numbers(TaskQuery(state: .submitted)) == [6, 3, 0])
        #expect(try await numbers(TaskQuery(watch: .cancelled)) == [8, 6, 4, 2, 0])
        #expect(try await numbers(TaskQuery(state: .submitted, watch: .cancelled)) == [6, 0])
        let exact = try await ledger.list(TaskQuery(state: .submitted, limit: 3))
        #expect(exact.next == nil)
        let first = try await ledger.list(TaskQuery(state: .submitted, limit: 2))
        #expect(try await numbers(TaskQuery(state: .submitted, limit: 2, cursor: first.next)) == [0])
        #expect(try await ledger.list(TaskQuery(limit: .max)).tasks.count == 9)
    }

    @Test("a cursor that is none of ours is refused", arguments: ["", "7", "0199f1aa-0000-7000-8000-000000000000"])
    func badCursor(cursor: String) async throws {
        _ = try await insert(.sample(1))
        await #expect(throws: LedgerError.badCursor) { try await ledger.list(TaskQuery(cursor: cursor)) }
    }

    @Test("changes come in the order in which they were made, each task once, in its newest version")
    func changes() async throws {
        let first = try await insert(.sample(1))
        let second = try await insert(.sample(2))
        let third = try await insert(.sample(3))
        #expect(isWritten(await write(next(second))))
        #expect(isWritten(await write(next(first))))
        let all = await ledger.changes(after: 0, limit: 10)
        #expect(all.map(\.id) == [third.task.id, second.task.id, first.task.id])
        #expect(all.map(\.revision) == [0, 1, 1])
        #expect(all.map(\.sequence) == all.map(\.sequence).sorted())
        #expect(await ledger.changes(after: all[0].sequence, limit: 1).map(\.id) == [second.task.id])
        #expect(await ledger.changes(after: all[2].sequence, limit: 10).isEmpty)
    }

    @Test("a task is found by the provider's id once that is known")
    func byTaskID() async throws {
        let first = try await insert(.sample(1))
        #expect(await ledger.task(taskID: "42") == nil)
        #expect(isWritten(await write(next(first) { $0.taskID = "42" })))
        #expect(await ledger.task(taskID: "42")?.id == first.task.id)
        _ = try await insert(.sample(2) { $0.taskID = "43" })
        #expect(await ledger.task(taskID: "43")?.id == .sample(2))
    }
}
