import Testing

@testable import PluginStorage

@Suite struct RestartPolicyTests {
    @Test func theWaitDoublesToHalfAMinute() {
        var policy = RestartPolicy(times: PluginTimes(), crashes: 100)
        let waits = (0..<9).map { _ in
            guard case .restart(let moment) = policy.crashed(at: .zero, after: .zero, jitter: 0.5) else { return 0.0 }
            return moment / .seconds(1)
        }
        #expect(waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    }

    @Test func jitterSpreadsIt() {
        for (jitter, wait) in [(0.0, Duration.milliseconds(400)), (1, .milliseconds(600)), (7, .milliseconds(600))] {
            var policy = RestartPolicy(times: PluginTimes(), crashes: 5)
            _ = policy.crashed(at: .zero, after: .zero, jitter: jitter)
            #expect(abs((policy.notBefore - wait) / .milliseconds(1)) < 0.001)
        }
    }

    @Test func aPluginThatRanForAWhileBeginsAnew() {
        var policy = RestartPolicy(times: PluginTimes(), crashes: 100)
        for _ in 0..<5 { _ = policy.crashed(at: .zero, after: .zero, jitter: 0.5) }
        #expect(policy.crashed(at: .zero, after: .seconds(60), jitter: 0.5) == .restart(at: .milliseconds(500)))
    }

    @Test func crashesThatLieFarApartOpenNoBreaker() {
        var policy = RestartPolicy(times: PluginTimes(), crashes: 5)
        for number in 0..<20 {
            let now = Duration.seconds(76 * number)
            guard case .restart = policy.crashed(at: now, after: .zero, jitter: 0.5) else {
                Issue.record("a pause at \(now)")
                return
            }
        }
        var strict = RestartPolicy(times: PluginTimes(), crashes: 5)
        let decisions = (0..<5).map { strict.crashed(at: .seconds(74 * $0), after: .zero, jitter: 0.5) }
        #expect(decisions.last == .pause(until: .seconds(74 * 4 + 300)))
        #expect(strict.isPaused(at: .seconds(74 * 4 + 299)) && !strict.isPaused(at: .seconds(74 * 4 + 300)))
    }
}
