import GenerationTasks

/// A task table with its ledger, clock and executor, all in the test's hand.
struct World {
    let executor = TestExecutor()
    let clock = TestClock()
    let ledger = ScriptedLedger()
    let owner = OwnerID("mine")
    let table: TaskTable

    init() {
        table = TaskTable(executor: executor, ledger: ledger, owner: owner, time: clock)
    }

    /// Runs a test inside: all its child tasks share the one executor, so that ``settle()`` means what it says.
    static func run<Result: Sendable>(
        _ body: @Sendable (World) async throws -> sending Result
    ) async throws -> Result {
        let world = World()
        return try await withTaskExecutorPreference(world.executor) {
            await world.ledger.join(world.owner)
            return try await body(world)
        }
    }

    /// Returns once everybody waits for the clock or for something that the test holds back.
    func settle() async { await executor.settle() }

    /// Lets time pass until `moment`, stopping at every date somebody sleeps for.
    func pass(until moment: Moment) async {
        await settle()
        while let next = clock.nextDeadline, next <= moment {
            clock.advance(to: next)
            await settle()
        }
        clock.advance(to: moment)
        await settle()
    }

    func pass(_ duration: Duration) async { await pass(until: clock.now + duration) }

    /// Puts a new task into ledger and table.
    @discardableResult
    func admit(_ task: GenerationTask = .sample()) async throws -> TaskID {
        guard case .inserted = try await table.admit(task) else { throw Unexpected("the task was not new") }
        return task.id
    }

    /// Puts a new task into ledger and table and brings it to the provider.
    @discardableResult
    func submit(_ task: GenerationTask = .sample(), status: ProviderReport.Status = .submitted) async throws -> TaskID {
        try await admit(task)
        try await table.apply(.sendStarted, to: task.id)
        try await table.apply(.reported(.sample(status), byLookUp: false), to: task.id)
        return task.id
    }
}
