/// When to ask the provider about a job, given its age since submission.
package enum PollPlan {
    /// Ages of the first look-ups at a job of which nothing is learnt.
    package static let unlearntAges: [Duration] = [2, 5, 8, 11, 15, 20, 26].map { .seconds($0) }
    package static let shortestPause = Duration.seconds(1)
    package static let longestPause = Duration.seconds(30)
    /// From here on the job is looked at daily.
    package static let slowAge = Duration.seconds(24 * 3600)
    /// From here on the provider counts as silent.
    package static let silentAge = Duration.seconds(30 * 24 * 3600)

    /// The age at which to look next; `nil` when it is time to give the job up.
    ///
    /// `learnt` are durations of jobs of this class, ascending, empty when unknown; `jitter`, from 0 to 1, spreads jobs
    /// that were submitted together.
    package static func nextLook(age: Duration, learnt: [Duration], jitter: Double) -> Duration? {
        guard age < silentAge else { return nil }
        guard age < slowAge else { return age + slowAge }
        let target =
            learntTarget(age: age, learnt: learnt, jitter: jitter) ?? unlearntTarget(age: age, jitter: jitter)
        return min(max(target, age + shortestPause), age + longestPause)
    }

    /// The moment at which a job of this age is expected to have been ready and unseen for 0.1 to 0.3 s: jobs that all
    /// take as long need one look, and the more they differ the more looks are spread over the time in which they end.
    private static func learntTarget(age: Duration, learnt: [Duration], jitter: Double) -> Duration? {
        guard let first = learnt.firstIndex(where: { $0 > age }) else { return nil }
        let left = learnt[first...]
        // Summed over all that are left, so that it can be shared among those that have ended by then.
        let unseen = (Duration.milliseconds(100) + .milliseconds(200) * jitter) * left.count
        var target = Duration.zero
        var sum = Duration.zero
        for (ended, duration) in zip(1..., left) where ended == 1 || duration < target {
            sum += duration
            target = (sum + unseen) / ended
        }
        return target
    }

    private static func unlearntTarget(age: Duration, jitter: Double) -> Duration {
        let target = unlearntAges.first { $0 >= age + shortestPause } ?? max(age + shortestPause, age * 1.3)
        // Later only: a look before the job can be done is wasted.
        return target + (target - age) * (0.1 * jitter)
    }
}

/// Growing pauses between attempts that fail.
package struct Backoff: Sendable {
    package let first: Duration
    package let longest: Duration
    private var failures = 0

    package init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
    }

    /// The pause after one more failure: doubling up to the longest, shortened by up to half so that processes that
    /// failed together do not come back together.
    package mutating func next(jitter: Double) -> Duration {
        let full = min(first * (1 << min(failures, 20)), longest)
        failures += 1
        return full - full * (0.5 * jitter)
    }

    package mutating func reset() { failures = 0 }
}
