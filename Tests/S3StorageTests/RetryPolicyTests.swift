import Testing

@testable import S3Storage

@Suite struct RetryPolicyTests {
    private func step(
        _ policy: inout RetryPolicy,
        _ kind: RetryClass,
        elapsed: Duration = .zero,
        asked: Duration? = nil,
        jitter: Double = 1
    ) -> RetryPolicy.Step {
        var budget = RetryBudget()
        return policy.failed(kind, elapsed: elapsed, asked: asked, jitter: jitter, budget: &budget)
    }

    @Test func waitsDoubleUpToTheirBound() {
        var policy = RetryPolicy(attempts: 20)
        let waits = (0..<11).map { _ in step(&policy, .transient) }
        let expected = [50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 20000, 20000]
        #expect(waits == expected.map { .again(after: .milliseconds($0)) })
    }

    /// Clients that failed together must not come back together.
    @Test func aWaitIsDrawnFromAllOfIt() {
        for jitter in [0, 0.25, 1] {
            var policy = RetryPolicy()
            #expect(step(&policy, .throttled, jitter: jitter) == .again(after: .seconds(1) * jitter))
        }
    }

    @Test func afterTheLastAttemptItGivesUp() {
        var policy = RetryPolicy(attempts: 3)
        #expect(step(&policy, .transient) != .giveUp)
        #expect(step(&policy, .transient) != .giveUp)
        #expect(step(&policy, .transient) == .giveUp)
        var once = RetryPolicy(attempts: 1)
        #expect(step(&once, .transient) == .giveUp)
    }

    @Test func afterTheDeadlineItGivesUp() {
        var policy = RetryPolicy(attempts: 9, deadline: .seconds(180))
        #expect(step(&policy, .transient, elapsed: .seconds(179)) != .giveUp)
        #expect(step(&policy, .transient, elapsed: .seconds(180)) == .giveUp)
        var late = RetryPolicy(attempts: 9, deadline: .seconds(180))
        #expect(
            step(&late, .transient, elapsed: .seconds(178), asked: .seconds(3)) == .giveUp,
            "it would wait too long"
        )
    }

    @Test func theStoreIsLeftAloneAsLongAsItWants() {
        var policy = RetryPolicy()
        #expect(step(&policy, .throttled, asked: .seconds(7), jitter: 0) == .again(after: .seconds(7)))
        #expect(step(&policy, .throttled, asked: .seconds(21)) == .giveUp, "longer than this call may wait")
    }

    @Test func whatMayHelpOnceIsTriedOnce() {
        for (kind, expected) in [
            (RetryClass.expired, RetryPolicy.Step.refresh), (.stale, .signAnew), (.corrupted, .again(after: .zero)),
            (.otherRegion("eu-west-1"), .region("eu-west-1")),
        ] {
            var policy = RetryPolicy(attempts: 9)
            #expect(step(&policy, kind) == expected)
            #expect(step(&policy, kind) == .giveUp)
        }
        var policy = RetryPolicy(attempts: 9)
        _ = step(&policy, .otherRegion("a"))
        #expect(step(&policy, .otherRegion("b")) == .giveUp, "two stores that point at each other")
        var permanent = RetryPolicy(attempts: 9)
        #expect(step(&permanent, .permanent) == .giveUp)
    }

    /// What was put right is another request than the one before.
    @Test func puttingRightDoesNotCount() {
        var policy = RetryPolicy(attempts: 1)
        #expect(step(&policy, .expired) == .refresh)
        #expect(step(&policy, .stale) == .signAnew)
        #expect(step(&policy, .otherRegion("eu-west-1")) == .region("eu-west-1"))
        #expect(step(&policy, .transient) == .giveUp)
    }

    /// A store that is down for everybody is not asked several times as often as one that works.
    @Test func theBudgetOfAllRequestsEnds() {
        var budget = RetryBudget()
        var retries = 0
        for _ in 0..<1000 {
            var policy = RetryPolicy(attempts: 2)
            if policy.failed(.transient, elapsed: .zero, asked: nil, jitter: 0, budget: &budget) != .giveUp {
                retries += 1
            }
        }
        #expect(retries == RetryBudget.capacity / 14)
        for _ in 0..<14 { budget.succeeded(retried: false) }
        let hasRefilled = budget.take(for: .transient)
        #expect(hasRefilled, "successes fill it again")
        for _ in 0..<1000 { budget.succeeded(retried: true) }
        #expect(budget.tokens == RetryBudget.capacity)
    }

    @Test func whatCostsTheStoreNothingCostsNoTokens() {
        var budget = RetryBudget()
        var policy = RetryPolicy()
        _ = policy.failed(.expired, elapsed: .zero, asked: nil, jitter: 0, budget: &budget)
        #expect(budget.tokens == RetryBudget.capacity)
    }
}
