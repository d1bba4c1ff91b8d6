import GenerationTasks
import Testing

@Suite("Task table", .timeLimit(.minutes(1)))
struct TaskTableTests {
    private func isError(_ expected: TaskTableError, _ body: () async throws(TaskTableError) -> Void) async -> Bool {
        do throws(TaskTableError) {
            try await body()
            return false
        } catch {
            return error == expected
        }
    }

    // MARK: Durable before shown

    @Test("shows no version, wakes no wait and tells no observer before the ledger holds it")
    func durableBeforeShown() async throws {
        try await World.run { world in
            let id = try await world.submit()
            let seen = Recorder<TaskState>()
            await world.table.observe { seen.append($0.task.state) }
            let wait = Recorder<TaskState?>()
            world.ledger.holdWrites()
            try await withThrowingTaskGroup { group in
                group.addTask {
                    let task = await world.table.wait(for: id, until: .stored, deadline: Moment(.seconds(60)))
                    wait.append(task?.state)
                }
                group.addTask {
                    try await world.table.apply(.reported(.sample(.failed), byLookUp: true), to: id)
                }
                await world.settle()
                #expect(world.ledger.held == 1)
                #expect(await world.table.snapshot(id)?.state == .submitted)
                #expect(await world.table.counts == [.submitted: 1])
                #expect(wait.elements.isEmpty)
                #expect(seen.elements == [.submitted])
                world.ledger.release()
                try await group.waitForAll()
            }
            #expect(wait.elements == [.failed])
            #expect(seen.elements == [.submitted, .failed])
            #expect(await world.table.snapshot(id)?.state == .failed)
            #expect(world.clock.sleepers == 0)
        }
    }

    @Test("tells a new observer of every task it knows")
    func observers() async throws {
        try await World.run { world in
            for number in 0..<3 { try await world.admit(.sample(number)) }
            let seen = Recorder<TaskID>()
            await world.table.observe { seen.append($0.task.id) }
            #expect(Set(seen.elements) == Set((0..<3).map { TaskID.sample($0) }))
        }
    }

    @Test("finds a task by the provider's id as soon as that is durable")
    func byTaskID() async throws {
        try await World.run { world in
            try await world.admit()
            #expect(await world.table.snapshot(taskID: "867283741759111202") == nil)
            try await world.submit(.sample(1))
            #expect(await world.table.snapshot(taskID: "867283741759111202")?.id == .sample(1))
        }
    }

    @Test("an event for a task that it does not know is refused")
    func unknownTask() async throws {
        try await World.run { world in
            #expect(
                await isError(.unknownTask) { () throws(TaskTableError) in
                    try await world.table.apply(.sendStarted, to: .sample(1))
                }
            )
            #expect(await world.table.wait(for: .sample(1), until: .queued, deadline: Moment(.seconds(1))) == nil)
        }
    }

    @Test("a void event costs no write and gives the task as it is")
    func voidEvent() async throws {
        try await World.run { world in
            let id = try await world.submit()
            let writes = world.ledger.batches.count
            #expect(try await world.table.apply(.sendStarted, to: id).state == .submitted)
            #expect(world.ledger.batches.count == writes)
        }
    }

    // MARK: Group commit

    @Test("a hundred events at once need two ledger writes")
    func groupCommit() async throws {
        try await World.run { world in
            for number in 0..<100 { try await world.admit(.sample(number)) }
            world.ledger.holdWrites()
            try await withThrowingTaskGroup { group in
                for number in 0..<100 {
                    group.addTask { try await world.table.apply(.sendStarted, to: .sample(number)) }
                }
                await world.settle()
                world.ledger.release()
                for try await task in group { #expect(task.state == .submitting) }
            }
            #expect(world.ledger.batches == [1, 99])
            #expect(await world.table.counts == [.submitting: 100])
        }
    }

    @Test("events of one task that come while a write is under way are written in their order")
    func chain() async throws {
        try await World.run { world in
            let id = try await world.admit()
            world.ledger.holdWrites()
            try await withThrowingTaskGroup { group in
                let events: [TaskEvent] = [
                    .sendStarted, .reported(.sample(.submitted), byLookUp: false),
                    .reported(.sample(.processing), byLookUp: true), .reported(.sample(.succeed), byLookUp: true),
                ]
                for event in events {
                    group.addTask { try await world.table.apply(event, to: id) }
                    await world.settle()
                }
                world.ledger.release()
                try await group.waitForAll()
            }
            #expect(await world.table.snapshot(id)?.state == .storing)
            #expect(await world.ledger.task(id)?.revision == 4)
            #expect(world.ledger.batches == [1, 3])
        }
    }

    @Test("whoever writes for others is not held up by those who come later")
    func noStarvation() async throws {
        try await World.run { world in
            for number in 0..<3 { try await world.admit(.sample(number)) }
            let done = Recorder<TaskID>()
            world.ledger.holdWrites()
            try await withThrowingTaskGroup { group in
                for number in 0..<3 {
                    group.addTask { done.append(try await world.table.apply(.sendStarted, to: .sample(number)).id) }
                    await world.settle()
                }
                world.ledger.releaseOnce()
                await world.settle()
                #expect(done.elements == [.sample(0)])
                #expect(world.ledger.batches == [1, 2])
                world.ledger.release()
                try await group.waitForAll()
            }
            #expect(done.elements.count == 3)
        }
    }

    @Test("a cancelled caller still makes its change, and those who wait behind it get theirs")
    func cancelledCaller() async throws {
        try await World.run { world in
            for number in 0..<3 { try await world.admit(.sample(number)) }
            world.ledger.holdWrites()
            await withTaskGroup { group in
                for number in 0..<3 {
                    group.addTask { _ = try? await world.table.apply(.sendStarted, to: .sample(number)) }
                    await world.settle()
                }
                group.cancelAll()
                await world.settle()
                world.ledger.release()
            }
            #expect(await world.table.counts == [.submitting: 3])
        }
    }

    // MARK: Failures

    @Test("a failed write leaves the task as it was, and the event can happen again")
    func failedWrite() async throws {
        try await World.run { world in
            let id = try await world.admit()
            let seen = Recorder<TaskState>()
            await world.table.observe { seen.append($0.task.state) }
            world.ledger.fail(.busy("another process holds it"))
            #expect(
                await isError(.ledger(.busy("another process holds it"))) { () throws(TaskTableError) in
                    try await world.table.apply(.sendStarted, to: id)
                }
            )
            #expect(await world.table.snapshot(id)?.state == .queued)
            #expect(seen.elements == [.queued])
            let task = try await world.table.apply(.sendStarted, to: id)
            #expect(task.state == .submitting)
            #expect(task.attempt == 1)
            #expect(task.revision == 1)
        }
    }

    @Test("a failed write that would have given the task away keeps it")
    func failedRelease() async throws {
        try await World.run { world in
            let id = try await world.submit()
            world.ledger.fail(.failed("disk"))
            _ = try? await world.table.apply(.watchCancelled, to: id)
            #expect(await world.table.snapshot(id)?.watch == .active)
            #expect(try await world.table.apply(.watchCancelled, to: id).watch == .cancelled)
            #expect(world.ledger.claims == 0)
        }
    }

    @Test("an event behind one whose write failed is taken by itself")
    func behindAFailure() async throws {
        try await World.run { world in
            let id = try await world.submit()
            world.ledger.holdWrites()
            world.ledger.fail(.failed("disk"))
            try await withThrowingTaskGroup { group in
                group.addTask { _ = try? await world.table.apply(.lookUpFailed(.sample()), to: id) }
                await world.settle()
                group.addTask { try await world.table.apply(.reported(.sample(.processing), byLookUp: true), to: id) }
                await world.settle()
                world.ledger.release()
                try await group.waitForAll()
            }
            let task = try #require(await world.table.snapshot(id))
            #expect(task.state == .processing)
            #expect(task.lookUps == 1)
            #expect(await world.ledger.task(id) == task)
        }
    }

    @Test("too many images in flight is told, and the task stays queued until there is room")
    func noSlots() async throws {
        try await World.run { world in
            let first = try await world.admit(.sample(1, imageCount: 2))
            let second = try await world.admit(.sample(2, imageCount: 2))
            try await world.table.apply(.sendStarted, to: first, slotLimit: 3)
            #expect(
                await isError(.noSlots) { () throws(TaskTableError) in
                    try await world.table.apply(.sendStarted, to: second, slotLimit: 3)
                }
            )
            #expect(await world.table.snapshot(second)?.state == .queued)
            try await world.table.apply(.reported(.sample(.succeed), byLookUp: false), to: first)
            #expect(try await world.table.apply(.sendStarted, to: second, slotLimit: 3).state == .submitting)
            #expect(await world.ledger.imagesInFlight(account: "account") == 2)
        }
    }

    @Test(
        "the slot of a job is held until the provider is done with it",
        arguments: [
            (TaskEvent.ambiguous(.sample()), 2), (.throttled(.sample()), 0), (.notSent(.sample()), 0),
            (.refused(.sample()), 0),
            (.reported(.sample(.processing), byLookUp: false), 2), (.reported(.sample(.succeed), byLookUp: false), 0),
            (.reported(.sample(.failed), byLookUp: false), 0),
        ]
    )
    func slots(event: TaskEvent, inFlight: Int) async throws {
        try await World.run { world in
            let id = try await world.admit(.sample(imageCount: 2))
            try await world.table.apply(.sendStarted, to: id)
            #expect(await world.ledger.imagesInFlight(account: "account") == 2)
            try await world.table.apply(event, to: id)
            #expect(await world.ledger.imagesInFlight(account: "account") == inFlight)
        }
    }

    // MARK: Other processes

    /// Another process takes the task over and lets `events` happen to it.
    private func takeOver(_ id: TaskID, in world: World, _ events: [TaskEvent]) async throws {
        let other = OwnerID("other")
        await world.ledger.leave(world.owner)
        await world.ledger.join(other)
        guard var claimed = await world.ledger.base.claim(id, owner: other) else { throw Unexpected("not claimed") }
        await world.ledger.join(world.owner)
        for event in events {
            guard let next = TaskStateMachine.apply(event, to: claimed.task, at: world.clock.date) else { continue }
            let write = LedgerWrite(
                task: next,
                lease: claimed.lease,
                replaces: claimed.task.revision,
                slots: .keep,
                releases: false
            )
            _ = await world.ledger.base.write([write])
            claimed.task = next
        }
    }

    @Test("a late write is refused: the task is the other process's, and is shown as that one left it")
    func handedOver() async throws {
        try await World.run { world in
            let id = try await world.submit()
            let seen = Recorder<TaskState>()
            await world.table.observe { seen.append($0.task.state) }
            try await takeOver(id, in: world, [.reported(.sample(.processing), byLookUp: true)])
            for _ in 0..<2 {
                #expect(
                    await isError(.notOurs) { () throws(TaskTableError) in
                        try await world.table.apply(.reported(.sample(.failed), byLookUp: true), to: id)
                    }
                )
            }
            #expect(await world.table.snapshot(id)?.state == .processing)
            #expect(seen.elements == [.submitted, .processing])
            #expect(await world.ledger.task(id)?.state == .processing)
        }
    }

    @Test("a person's word counts although another process works on the task, which then finds its version replaced")
    func personsWord() async throws {
        try await World.run { world in
            let id = try await world.submit()
            try await takeOver(id, in: world, [.reported(.sample(.processing), byLookUp: true)])
            let task = try await world.table.apply(.watchCancelled, to: id, as: .person)
            #expect(task.watch == .cancelled)
            #expect(task.state == .processing)
            #expect(await world.ledger.task(id)?.watch == .cancelled)
            #expect(await !world.table.isOurs(id))
        }
    }

    @Test("what only the sender knows of its attempt is told although another process has the task by now")
    func lateOutcome() async throws {
        try await World.run { world in
            let id = try await world.admit()
            let begun = try await world.table.apply(.sendStarted, to: id)
            #expect(begun.sender == world.owner)
            try await takeOver(id, in: world, [.senderLost(.sample())])
            let outcome = TaskEvent.reported(.sample(.submitted), byLookUp: false)
            #expect(try await world.table.apply(outcome, to: id, as: .sender(attempt: 1)).state == .submitted)
            #expect(await world.ledger.task(id)?.taskID == "867283741759111202")
        }
    }

    @Test("the outcome of an attempt that is not the last is void")
    func outcomeOfAnEarlierAttempt() async throws {
        try await World.run { world in
            let id = try await world.admit()
            try await world.table.apply(.sendStarted, to: id)
            try await world.table.apply(.ambiguous(.sample()), to: id)
            try await world.table.apply(.resendRequested, to: id, as: .person)
            try await world.table.apply(.sendStarted, to: id)
            let task = try await world.table.apply(.refused(.sample()), to: id, as: .sender(attempt: 1))
            #expect(task.state == .submitting)
            #expect(task.charged == .unknown)
        }
    }

    @Test("what others have written is taken in at a refresh, and unfinished tasks count as fresh for 250 ms")
    func refresh() async throws {
        try await World.run { world in
            let id = try await world.submit()
            #expect(await world.table.freshSnapshot(id) == nil)
            try await world.table.refresh()
            #expect(await world.table.freshSnapshot(id)?.state == .submitted)
            try await takeOver(id, in: world, [.reported(.sample(.processing), byLookUp: true)])
            world.clock.advance(by: .milliseconds(250))
            #expect(await world.table.freshSnapshot(id) == nil)
            try await world.table.refresh()
            #expect(await world.table.freshSnapshot(id)?.state == .processing)
        }
    }

    @Test("finished tasks leave memory after some thousands, and are read from the ledger again")
    func finishedTasksAreForgotten() async throws {
        try await World.run { world in
            for number in 0..<4100 {
                try await world.admit(.sample(number))
                try await world.table.apply(.watchCancelled, to: .sample(number))
            }
            #expect(await world.table.counts[.failed] ?? 0 < 4000)
            #expect(await world.table.snapshot(.sample(0)) == nil)
            _ = try await world.table.meet(.sample(0))
            #expect(await world.table.snapshot(.sample(0))?.state == .failed)
        }
    }

    @Test("a wait ends when a refused write shows that another process ended the task")
    func endedElsewhere() async throws {
        try await World.run { world in
            let id = try await world.submit()
            async let waited = world.table.wait(for: id, until: .stored, deadline: Moment(.seconds(600)))
            await world.settle()
            try await takeOver(id, in: world, [.reported(.sample(.failed), byLookUp: true)])
            #expect(
                try await world.table.apply(.reported(.sample(.processing), byLookUp: true), to: id).state == .failed
            )
            #expect(await waited?.state == .failed)
            #expect(world.clock.now == Moment(.zero))
        }
    }

    @Test("a task that the other process gave back is worked on again, in its newest version")
    func takenBack() async throws {
        try await World.run { world in
            let id = try await world.submit()
            try await takeOver(id, in: world, [.lookUpFailed(.sample()), .lookUpFailed(.sample())])
            await world.ledger.leave(OwnerID("other"))
            let task = try await world.table.apply(.reported(.sample(.processing), byLookUp: true), to: id)
            #expect(task.state == .processing)
            #expect(task.lookUps == 3)
        }
    }

    @Test("taking up a task that is known already keeps those who wait for it")
    func adoptKnown() async throws {
        try await World.run { world in
            let id = try await world.submit()
            async let waited = world.table.wait(for: id, until: .stored, deadline: Moment(.seconds(600)))
            await world.settle()
            try await takeOver(id, in: world, [.reported(.sample(.processing), byLookUp: true)])
            await world.ledger.leave(OwnerID("other"))
            await world.table.adopt(try #require(await world.ledger.base.claim(id, owner: world.owner)))
            try await world.table.apply(.reported(.sample(.failed), byLookUp: true), to: id)
            #expect(await waited?.state == .failed)
        }
    }

    @Test("a cancelled watch gives the task away, also when a last look-up brings news of it")
    func leftAlone() async throws {
        try await World.run { world in
            let id = try await world.submit()
            try await world.table.apply(.watchCancelled, to: id)
            try await world.table.apply(.reported(.sample(.processing), byLookUp: true), to: id)
            await world.ledger.join(OwnerID("other"))
            let claimed = try #require(await world.ledger.base.claim(id, owner: OwnerID("other")))
            #expect(claimed.task.state == .processing)
            #expect(claimed.task.watch == .cancelled)
        }
    }

    @Test("events that come at once for a task that was given away are all taken")
    func concurrentClaims() async throws {
        try await World.run { world in
            let id = try await world.submit()
            try await world.table.apply(.watchCancelled, to: id)
            try await withThrowingTaskGroup { group in
                for _ in 0..<5 {
                    group.addTask { try await world.table.apply(.lookUpFailed(.sample()), to: id) }
                }
                try await group.waitForAll()
            }
            #expect(await world.table.snapshot(id)?.lookUps == 5)
            #expect(await world.ledger.task(id)?.lookUps == 5)
        }
    }

    @Test("a watch that is cancelled and requested again in one breath goes on")
    func cancelledAndRequested() async throws {
        try await World.run { world in
            let id = try await world.submit()
            world.ledger.holdWrites()
            try await withThrowingTaskGroup { group in
                for event in [TaskEvent.watchCancelled, .watchRequested] {
                    group.addTask { try await world.table.apply(event, to: id) }
                    await world.settle()
                }
                world.ledger.release()
                try await group.waitForAll()
            }
            #expect(await world.table.snapshot(id)?.watch == .active)
            #expect(await world.ledger.task(id)?.watch == .active)
        }
    }

    @Test("an idempotency key leads to the first task, and nothing is taken in")
    func admission() async throws {
        try await World.run { world in
            let first = GenerationTask.sample(1) { $0.idempotencyKey = "key" }
            let second = GenerationTask.sample(2) { $0.idempotencyKey = "key" }
            try await world.admit(first)
            guard case .existing(let found) = try await world.table.admit(second) else {
                throw Unexpected("a second task was made")
            }
            #expect(found.id == first.id)
            #expect(await world.table.snapshot(second.id) == nil)
        }
    }
}
