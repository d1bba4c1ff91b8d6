import GenerationTasks
import Testing

/// A world with a monitor at work in it, told of tasks as the service tells it.
private func watching(
    _ body: @escaping @Sendable (World, TaskMonitor, ScriptedLookUp) async throws -> Void
) async throws {
    try await World.run { world in
        let source = ScriptedLookUp(clock: world.clock)
        let monitor = TaskMonitor(
            executor: world.executor,
            table: world.table,
            ledger: world.ledger,
            source: source,
            time: world.clock,
            jitter: { 0 }
        )
        await world.table.observe { news in monitor.assumeIsolated { $0.consider(news) } }
        try await withThrowingTaskGroup { group in
            group.addTask { await monitor.run() }
            try await body(world, monitor, source)
            source.release()
            group.cancelAll()
        }
        #expect(world.clock.sleepers == 0)
    }
}

private let day = 86_400.0

@Suite("Task monitor", .timeLimit(.minutes(1)))
struct TaskMonitorTests {
    @Test("looks at the planned times until the job has ended, and then no more")
    func plan() async throws {
        try await watching { world, monitor, source in
            let id = try await world.submit()
            #expect(await monitor.watched == 1)
            source.answer { [clock = world.clock] _ in
                .found(.sample(clock.now >= Moment(.seconds(14)) ? .succeed : .processing))
            }
            await world.pass(.seconds(13))
            #expect(source.times == [2, 5, 8, 11])
            #expect(await world.table.snapshot(id)?.state == .processing)
            await world.pass(.seconds(600))
            #expect(source.times == [2, 5, 8, 11, 15])
            #expect(await world.table.snapshot(id)?.state == .storing)
            #expect(await world.table.snapshot(id)?.lookUps == 5)
            #expect(await monitor.watched == 0)
            #expect(await monitor.lookUps == 5)
            #expect(world.clock.sleepers == 0)
        }
    }

    @Test("does nothing for tasks that are queued, being sent, being stored or ended")
    func unwatched() async throws {
        try await watching { world, monitor, source in
            try await world.admit(.sample(1))
            try await world.admit(.sample(2))
            try await world.table.apply(.sendStarted, to: .sample(2))
            try await world.submit(.sample(3), status: .succeed)
            try await world.submit(.sample(4), status: .failed)
            await world.pass(.seconds(600))
            #expect(source.calls.isEmpty)
            #expect(await monitor.watched == 0)
        }
    }

    @Test("a task that was taken up when it was old already is looked up within 30 s, not a day later")
    func oldTask() async throws {
        try await watching { world, _, source in
            world.clock.advance(by: .seconds(3 * day))
            try await world.submit(.sample { $0.createdAt = TestClock.epoch })
            try await world.table.apply(.watchCancelled, to: .sample(0))
            let old = try #require(await world.table.snapshot(.sample(0)))
            #expect(old.watch == .cancelled)
            world.clock.advance(by: .seconds(2 * day))
            try await world.table.apply(.watchRequested, to: old.id)
            await world.pass(.seconds(30))
            #expect(source.calls.count == 1)
            await world.pass(.seconds(day))
            #expect(source.calls.count == 2)
        }
    }

    // MARK: Cancelling

    @Test("after a cancelled watch nothing is asked any more, and after another 'watch' it goes on")
    func cancelledAndResumed() async throws {
        try await watching { world, monitor, source in
            let id = try await world.submit()
            await world.pass(.seconds(6))
            try await world.table.apply(.watchCancelled, to: id)
            #expect(await monitor.watched == 0)
            await world.pass(.seconds(60))
            #expect(source.times == [2, 5])
            try await world.table.apply(.watchRequested, to: id)
            source.answer { _ in .found(.sample(.succeed)) }
            await world.pass(.seconds(60))
            #expect(source.times.count == 3)
            #expect(await world.table.snapshot(id)?.state == .storing)
        }
    }

    @Test("news from a look-up that was under way when the watch was cancelled still counts")
    func newsAfterCancel() async throws {
        try await watching { world, monitor, source in
            let id = try await world.submit()
            source.answer { _ in .found(.sample(.succeed)) }
            source.hold()
            await world.pass(.seconds(2))
            try await world.table.apply(.watchCancelled, to: id)
            source.release()
            await world.pass(.seconds(600))
            #expect(source.times == [2])
            #expect(await world.table.snapshot(id)?.state == .storing)
            #expect(await monitor.watched == 0)
        }
    }

    @Test("a look-up that failed after the watch was cancelled leaves no trace")
    func failureAfterCancel() async throws {
        try await watching { world, _, source in
            let id = try await world.submit()
            source.answer { _ in .unavailable(.sample()) }
            source.hold()
            await world.pass(.seconds(2))
            let cancelled = try await world.table.apply(.watchCancelled, to: id)
            source.release()
            await world.pass(.seconds(600))
            #expect(source.times == [2])
            #expect(await world.table.snapshot(id) == cancelled)
        }
    }

    @Test("a watch requested again while a look-up is under way makes no second one beside it, and goes on after it")
    func resumedUnderWay() async throws {
        try await watching { world, _, source in
            let id = try await world.submit()
            source.hold()
            await world.pass(.seconds(2))
            try await world.table.apply(.watchCancelled, to: id)
            try await world.table.apply(.watchRequested, to: id)
            await world.pass(until: Moment(.seconds(20)))
            #expect(source.times == [2])
            source.release()
            await world.pass(until: Moment(.seconds(30)))
            #expect(source.times == [2, 26])
        }
    }

    // MARK: Trouble

    private func pauses(_ times: [Double]) -> [Double] { zip(times.dropFirst(), times).map { $0 - $1 } }

    @Test("an accepted task is never ended by 'no such task': it shows the error and is asked about ever more slowly")
    func noSuchTask() async throws {
        try await watching { world, _, source in
            let id = try await world.submit()
            source.answer { _ in .noSuchTask(.sample(.notFound)) }
            await world.pass(.seconds(3600))
            let task = try #require(await world.table.snapshot(id))
            #expect(task.state == .submitted)
            #expect(task.charged == .yes)
            #expect(task.error?.kind == .notFound)
            #expect(pauses(source.times).prefix(6) == [5, 10, 20, 40, 80, 160])
            #expect(pauses(source.times).dropFirst(6).allSatisfy { $0 == 300 })
        }
    }

    @Test("nor by a refused key, which takes a person to mend; once mended all goes on as planned")
    func rejected() async throws {
        try await watching { world, _, source in
            let id = try await world.submit()
            source.answer { _ in .rejected(.sample(.auth)) }
            await world.pass(.seconds(2000))
            #expect(await world.table.snapshot(id)?.state == .submitted)
            #expect(await world.table.snapshot(id)?.error?.kind == .auth)
            #expect(pauses(source.times) == [60, 120, 240, 480, 600])
            source.answer { _ in .found(.sample(.processing)) }
            await world.pass(.seconds(600))
            #expect(await world.table.snapshot(id)?.error == nil)
            #expect(pauses(source.times).suffix(5).allSatisfy { $0 == 30 })
        }
    }

    @Test("a provider that cannot be reached is asked less and less, at most once a minute")
    func unavailable() async throws {
        try await watching { world, _, source in
            let id = try await world.submit()
            source.answer { _ in .unavailable(.sample()) }
            await world.pass(.seconds(1000))
            #expect(await world.table.snapshot(id)?.state == .submitted)
            #expect(pauses(source.times).prefix(5) == [2, 4, 8, 16, 32])
            #expect(pauses(source.times).dropFirst(5).allSatisfy { $0 == 60 })
        }
    }

    @Test("'ask less' holds for all tasks until the time the provider named")
    func throttled() async throws {
        try await watching { world, _, source in
            for number in 0..<10 { try await world.submit(.sample(number)) }
            source.answer { task in
                guard task.id == .sample(3) else { return .found(.sample(.processing)) }
                return .throttled(TaskError(.throttled, "slow down", retryAfter: .seconds(100)))
            }
            await world.pass(.seconds(101))
            #expect(source.times == Array(repeating: 2, count: 10))
            source.answer { _ in .found(.sample(.processing)) }
            await world.pass(.seconds(1))
            #expect(source.times.count == 20)
            #expect(source.times.dropFirst(10).allSatisfy { $0 == 102 })
        }
    }

    @Test("an outage met by many tasks is tried with one look-up after 2 s, and all go on when that is answered")
    func outage() async throws {
        try await watching { world, _, source in
            for number in 0..<50 { try await world.submit(.sample(number)) }
            source.answer { _ in .unavailable(.sample()) }
            await world.pass(until: Moment(.milliseconds(3999)))
            // Those that were begun at once.
            #expect(source.times == Array(repeating: 2, count: 20))
            await world.pass(until: Moment(.milliseconds(7999)))
            #expect(source.times.dropFirst(20) == [4])
            source.answer { _ in .found(.sample(.processing)) }
            await world.pass(until: Moment(.seconds(8)))
            #expect(source.times.dropFirst(21).count >= 49)
            #expect(source.mostUnderWay <= 20)
        }
    }

    @Test("a ledger that is busy does not end the watching: the next look-up brings the news again")
    func ledgerBusy() async throws {
        try await watching { world, monitor, source in
            let id = try await world.submit()
            source.answer { _ in .found(.sample(.succeed)) }
            world.ledger.fail(.busy("another process holds it"))
            await world.pass(.seconds(3))
            #expect(await world.table.snapshot(id)?.state == .submitted)
            #expect(await monitor.watched == 1)
            await world.pass(.seconds(3))
            #expect(await world.table.snapshot(id)?.state == .storing)
            #expect(source.times == [2, 4])
        }
    }

    @Test("a look-up that our own end cuts off leaves no error in the task")
    func ownEnd() async throws {
        let task = try await World.run { world in
            let source = ScriptedLookUp(clock: world.clock)
            source.answer { _ in .unavailable(.sample()) }
            source.hold()
            let monitor = TaskMonitor(
                executor: world.executor,
                table: world.table,
                ledger: world.ledger,
                source: source,
                time: world.clock,
                jitter: { 0 }
            )
            await world.table.observe { news in monitor.assumeIsolated { $0.consider(news) } }
            let id = try await world.submit()
            await withTaskGroup { group in
                group.addTask { await monitor.run() }
                await world.pass(.seconds(2))
                group.cancelAll()
                await world.settle()
                source.release()
            }
            return await world.table.snapshot(id)
        }
        #expect(task?.error == nil)
        #expect(task?.lookUps == 0)
    }

    // MARK: Thirty days

    @Test("after a day a job is looked at daily, and after thirty it has failed as provider_silent")
    func silent() async throws {
        try await watching { world, monitor, source in
            let id = try await world.submit()
            await world.pass(.seconds(29 * day))
            #expect(source.times.filter { $0 > 1.01 * day }.count == 27)
            #expect(await world.table.snapshot(id)?.state == .processing)
            await world.pass(.seconds(3 * day))
            let task = try #require(await world.table.snapshot(id))
            #expect(task.state == .failed)
            #expect(task.error?.kind == .providerSilent)
            #expect(task.charged == .unknown)
            #expect(await monitor.watched == 0)
            let count = source.calls.count
            await world.pass(.seconds(10 * day))
            #expect(source.calls.count == count)
        }
    }

    @Test("a provider that says 'no such task' for thirty days counts as silent, asked daily at the end")
    func silentWithoutTask() async throws {
        try await watching { world, _, source in
            let id = try await world.submit()
            source.answer { _ in .noSuchTask(.sample(.notFound)) }
            await world.pass(.seconds(29 * day))
            #expect(await world.table.snapshot(id)?.state == .submitted)
            #expect(source.times.filter { $0 > 1.01 * day }.count <= 29)
            await world.pass(.seconds(3 * day))
            #expect(await world.table.snapshot(id)?.error?.kind == .providerSilent)
        }
    }

    @Test("who could not reach the provider for a month does not give the job up for that, but asks once more")
    func unreachableForAMonth() async throws {
        try await watching { world, _, source in
            let id = try await world.submit()
            world.clock.advance(by: .seconds(40 * day))
            source.answer { _ in .unavailable(.sample()) }
            await world.pass(.seconds(60))
            #expect(!source.calls.isEmpty)
            #expect(await world.table.snapshot(id)?.state == .submitted)
            source.answer { _ in .found(.sample(.succeed)) }
            await world.pass(.seconds(120))
            #expect(await world.table.snapshot(id)?.state == .storing)
        }
    }

    // MARK: Cost

    @Test("a thousand watched tasks use one timer and at most 24 look-ups at once")
    func oneTimer() async throws {
        try await watching { world, monitor, source in
            for number in 0..<1000 {
                try await world.submit(.sample(number))
                world.clock.advance(by: .milliseconds(1))
            }
            #expect(await monitor.watched == 1000)
            source.answer { [clock = world.clock] _ in
                .found(.sample(clock.now >= Moment(.seconds(9)) ? .succeed : .processing))
            }
            await world.pass(.seconds(60))
            #expect(await world.table.counts == [.storing: 1000])
            #expect(world.clock.mostSleepers == 1)
            #expect(source.mostUnderWay <= 20)
            #expect(source.calls.count == 4000)
        }
    }

    @Test("what jobs took teaches when to look: after a few of 10 s the next one costs one look-up")
    func learning() async throws {
        try await watching { world, _, source in
            source.answer { [clock = world.clock] task in
                let age = clock.date.milliseconds - (task.submittedAt?.milliseconds ?? 0)
                return .found(
                    age >= 10_000 ? .sample(.succeed, duration: .seconds(10)) : .sample(.processing)
                )
            }
            for number in 0..<4 {
                let before = source.calls.count
                let start = world.clock.now
                try await world.submit(.sample(number))
                await world.pass(.seconds(60))
                let looks = source.calls.dropFirst(before)
                #expect(looks.count == (number < 3 ? 4 : 1))
                if number == 3 { #expect(looks.map(\.at) == [Double(start.elapsed.milliseconds + 10_100) / 1000]) }
            }
        }
    }
}
