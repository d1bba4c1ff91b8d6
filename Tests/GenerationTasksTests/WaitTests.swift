import GenerationTasks
import Testing

@Suite("Waits", .timeLimit(.minutes(1)))
struct WaitTests {
    private static let deadline = Moment(.seconds(600))

    @Test(
        "know when they have what they wait for",
        arguments: [
            (WaitTarget.queued, TaskState.allCases),
            (.submitted, [.submitted, .processing, .storing, .stored, .failed]), (.stored, [.stored, .failed]),
        ]
    )
    func targets(target: WaitTarget, reached: [TaskState]) {
        for state in TaskState.allCases {
            let task = GenerationTask.sample { $0.state = state }
            #expect(target.isReached(by: task) == reached.contains(state))
        }
    }

    @Test("end at once when the task is there already")
    func alreadyThere() async throws {
        try await World.run { world in
            let id = try await world.submit()
            let task = await world.table.wait(for: id, until: .submitted, deadline: Self.deadline)
            #expect(task?.state == .submitted)
            #expect(world.clock.mostSleepers == 0)
        }
    }

    @Test("end each at its own target")
    func reached() async throws {
        try await World.run { world in
            let id = try await world.admit()
            let ended = Recorder<String>()
            try await withThrowingTaskGroup { group in
                for target in [WaitTarget.stored, .submitted, .queued] {
                    group.addTask {
                        let task = await world.table.wait(for: id, until: target, deadline: Self.deadline)
                        ended.append("\(target) \(task?.state.rawValue ?? "-")")
                    }
                }
                await world.settle()
                #expect(ended.elements == ["queued queued"])
                try await world.table.apply(.sendStarted, to: id)
                await world.settle()
                #expect(ended.elements.count == 1)
                try await world.table.apply(.reported(.sample(.processing), byLookUp: false), to: id)
                await world.settle()
                #expect(ended.elements == ["queued queued", "submitted processing"])
                try await world.table.apply(.reported(.sample(.failed), byLookUp: true), to: id)
                try await group.waitForAll()
            }
            #expect(ended.elements.last == "stored failed")
            #expect(world.clock.sleepers == 0)
        }
    }

    @Test("end at their deadline with the task as it is, and not before")
    func deadline() async throws {
        try await World.run { world in
            let id = try await world.submit()
            let ended = Recorder<TaskState?>()
            await withTaskGroup { group in
                group.addTask {
                    ended.append(
                        await world.table.wait(for: id, until: .stored, deadline: Moment(.seconds(60)))?.state
                    )
                }
                await world.pass(until: Moment(.milliseconds(59_999)))
                #expect(ended.elements.isEmpty)
                #expect(world.clock.sleepers == 1)
                await world.pass(until: Moment(.seconds(60)))
                #expect(ended.elements == [.submitted])
                #expect(world.clock.sleepers == 0)
            }
        }
    }

    @Test("end at once when their deadline has passed")
    func pastDeadline() async throws {
        try await World.run { world in
            let id = try await world.submit()
            let task = await world.table.wait(for: id, until: .stored, deadline: Moment(.zero))
            #expect(task?.state == .submitted)
        }
    }

    @Test("end when their caller is cancelled, and only that one's")
    func cancelledCaller() async throws {
        try await World.run { world in
            let id = try await world.submit()
            let ended = Recorder<Int>()
            await withTaskGroup { others in
                others.addTask {
                    _ = await world.table.wait(for: id, until: .stored, deadline: Moment(.seconds(60)))
                    ended.append(2)
                }
                await withTaskGroup { group in
                    group.addTask {
                        let task = await world.table.wait(for: id, until: .stored, deadline: Self.deadline)
                        #expect(task?.state == .submitted)
                        ended.append(1)
                    }
                    await world.settle()
                    #expect(world.clock.sleepers == 2)
                    group.cancelAll()
                }
                #expect(ended.elements == [1])
                #expect(world.clock.sleepers == 1)
                await world.pass(until: Moment(.seconds(60)))
            }
            #expect(ended.elements == [1, 2])
        }
    }

    @Test("end when their caller was cancelled before they began")
    func cancelledBefore() async throws {
        try await World.run { world in
            let id = try await world.submit()
            await withTaskGroup(of: Void.self) { group in
                group.cancelAll()
                group.addTask { _ = await world.table.wait(for: id, until: .stored, deadline: Self.deadline) }
            }
            #expect(world.clock.sleepers == 0)
        }
    }

    @Test(
        "end all when the watch is cancelled, with the task as it then is",
        arguments: [ProviderReport.Status.submitted, .processing, .succeed]
    )
    func watchCancelled(status: ProviderReport.Status) async throws {
        try await World.run { world in
            let id = try await world.submit(status: status)
            let ended = Recorder<WatchState?>()
            try await withThrowingTaskGroup { group in
                for _ in 0..<3 {
                    group.addTask {
                        ended.append(
                            await world.table.wait(for: id, until: .stored, deadline: Self.deadline)?.watch
                        )
                    }
                }
                await world.settle()
                try await world.table.apply(.watchCancelled, to: id)
                try await group.waitForAll()
            }
            #expect(ended.elements == [.cancelled, .cancelled, .cancelled])
            #expect(world.clock.sleepers == 0)
        }
    }

    @Test("end also when a watch is cancelled that was cancelled before")
    func cancelledTwice() async throws {
        try await World.run { world in
            let id = try await world.submit(status: .succeed)
            try await world.table.apply(.watchCancelled, to: id)
            async let waited = world.table.wait(for: id, until: .stored, deadline: Self.deadline)
            await world.settle()
            try await world.table.apply(.watchCancelled, to: id)
            #expect(await waited?.state == .storing)
            #expect(world.clock.now == Moment(.zero))
        }
    }

    @Test("do not begin on a job that nobody watches")
    func unwatched() async throws {
        try await World.run { world in
            let id = try await world.submit()
            try await world.table.apply(.watchCancelled, to: id)
            let task = await world.table.wait(for: id, until: .stored, deadline: Self.deadline)
            #expect(task?.watch == .cancelled)
            #expect(world.clock.mostSleepers == 0)
        }
    }

    @Test("leave nothing behind: a thousand waits that end in every way, and the clock is free")
    func noLeaks() async throws {
        try await World.run { world in
            let id = try await world.submit()
            try await withThrowingTaskGroup { others in
                await withTaskGroup { group in
                    for number in 0..<500 {
                        let deadline = Moment(.seconds(number % 100 + 1))
                        group.addTask { _ = await world.table.wait(for: id, until: .stored, deadline: deadline) }
                        others.addTask { _ = await world.table.wait(for: id, until: .stored, deadline: Self.deadline) }
                    }
                    await world.settle()
                    #expect(world.clock.sleepers == 1000)
                    await world.pass(until: Moment(.seconds(50)))
                    #expect(world.clock.sleepers == 750)
                    group.cancelAll()
                }
                await world.settle()
                #expect(world.clock.sleepers == 500)
                try await world.table.apply(.reported(.sample(.failed), byLookUp: true), to: id)
                try await others.waitForAll()
            }
            #expect(world.clock.sleepers == 0)
            #expect(world.clock.now == Moment(.seconds(50)))
        }
    }
}
