import GenerationTasks
import Synchronization
import Testing

/// A provider with a list of its jobs, which counts requests.
private final class ListingProvider: TaskLookUp {
    let mostTogether = 500
    private let clock: TestClock
    private let jobLength: Duration
    private let hidden: Set<TaskID>
    private let trouble: LookUpTogetherResult?
    private let requests = Mutex((lists: 0, singles: 0))

    init(_ clock: TestClock, jobLength: Duration, hidden: Set<TaskID> = [], trouble: LookUpTogetherResult? = nil) {
        self.clock = clock
        self.jobLength = jobLength
        self.hidden = hidden
        self.trouble = trouble
    }

    var lists: Int { requests.withLock(\.lists) }
    var singles: Int { requests.withLock(\.singles) }

    private func report(_ task: GenerationTask) -> ProviderReport {
        var report = ProviderReport.sample(clock.now.elapsed >= jobLength ? .succeed : .processing)
        report.taskID = task.taskID ?? ""
        return report
    }

    func lookUp(_ task: GenerationTask) -> LookUpResult {
        requests.withLock { $0.singles += 1 }
        return .found(report(task))
    }

    func lookUp(together tasks: [GenerationTask]) -> LookUpTogetherResult {
        requests.withLock { $0.lists += 1 }
        if let trouble { return trouble }
        return .found(
            tasks.reduce(into: [:]) { found, task in if !hidden.contains(task.id) { found[task.id] = report(task) } }
        )
    }
}

@Suite("Looking up together", .timeLimit(.minutes(1)))
struct LookUpTogetherTests {
    private func watch(
        _ count: Int,
        hidden: Set<TaskID> = [],
        trouble: LookUpTogetherResult? = nil,
        _ check: @escaping @Sendable (World, ListingProvider) async throws -> Void
    ) async throws {
        try await World.run { world in
            let source = ListingProvider(world.clock, jobLength: .seconds(10), hidden: hidden, trouble: trouble)
            let monitor = TaskMonitor(
                executor: world.executor,
                table: world.table,
                ledger: world.ledger,
                source: source,
                time: world.clock,
                jitter: { Double.random(in: 0..<1) }
            )
            await world.table.observe { news in monitor.assumeIsolated { $0.consider(news) } }
            try await withThrowingTaskGroup { group in
                group.addTask { await monitor.run() }
                for number in 0..<count {
                    try await world.admit(.sample(number))
                    try await world.table.apply(.sendStarted, to: .sample(number))
                    var report = ProviderReport.sample(.submitted)
                    report.taskID = "\(number)"
                    try await world.table.apply(.reported(report, byLookUp: false), to: .sample(number))
                }
                await world.pass(.seconds(20))
                #expect(await world.table.counts == [.storing: count])
                try await check(world, source)
                group.cancelAll()
            }
        }
    }

    @Test("twenty jobs of ten seconds need fewer than thirty requests")
    func twenty() async throws {
        try await watch(20) { _, source in
            #expect(source.lists + source.singles <= 30, "\(source.lists) lists, \(source.singles) single look-ups")
            #expect(source.lists > 0)
        }
    }

    @Test("a few are looked up one by one")
    func few() async throws {
        try await watch(2) { _, source in #expect(source.lists == 0) }
    }

    @Test("what the list does not show is looked up by itself, however many they are", arguments: [1, 3, 20])
    func missing(count: Int) async throws {
        try await watch(20, hidden: Set((0..<count).map { TaskID.sample($0) })) { _, source in
            #expect(source.singles >= count)
            #expect(source.lists <= 10, "\(source.lists) lists")
        }
    }

    @Test("a list that fails is not asked for again and again: each job is looked up by itself")
    func failingList() async throws {
        try await watch(20, trouble: .unavailable(.sample())) { _, source in
            #expect(source.lists <= 3, "\(source.lists) lists")
            #expect(source.singles >= 20)
        }
    }
}
