import Testing

@testable import KlingSimulator

@Suite struct TaskLifecycleTests {
    @Test(arguments: 0..<200 as Range<UInt64>)
    func aTaskTakesSixToTwelveSecondsAndWaitsAboutTwo(seed: UInt64) {
        let task = lifecycle(seed: seed)
        #expect((1500...2500).contains(task.processingAt - task.createdAt))
        #expect((6000...12000).contains(task.endedAt - task.createdAt))
    }

    @Test func durationsDifferFromTaskToTask() {
        let ends = Set((0..<200 as Range<UInt64>).map { lifecycle(seed: $0).endedAt })
        #expect(ends.count > 150)
    }

    @Test func theTimeScaleShortensBothPhasesAndNothingEndsBeforeItBegan() {
        let task = lifecycle(seed: 1, timeScale: 0.01)
        #expect((60...120).contains(task.endedAt - task.createdAt))
        let instant = lifecycle(seed: 1, timeScale: 0)
        #expect(instant.createdAt < instant.processingAt && instant.processingAt < instant.endedAt)
    }

    @Test func statusAndItsTimeFollowTheClock() {
        let task = lifecycle(seed: 7)
        #expect(task.status(at: task.createdAt) == .submitted)
        #expect(task.updatedAt(at: task.createdAt) == task.createdAt)
        #expect(task.status(at: task.processingAt) == .processing)
        #expect(task.updatedAt(at: task.endedAt - 1) == task.processingAt)
        #expect(task.status(at: task.endedAt) == .succeed)
        #expect(task.updatedAt(at: task.endedAt + 1_000_000) == task.endedAt)
        #expect(lifecycle(seed: 7, failure: "no").status(at: task.endedAt) == .failed)
    }

    private func lifecycle(seed: UInt64, timeScale: Double = 1, failure: String? = nil) -> TaskLifecycle {
        var random = StableRandom(seed: seed)
        return TaskLifecycle(createdAt: 1_000_000, timeScale: timeScale, failure: failure, random: &random)
    }
}
