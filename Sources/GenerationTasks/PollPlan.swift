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
        let earliest = age + shortestPause
        let target = learntTarget(age: age, learnt: learnt) ?? unlearntTarget(after: earliest, age: age)
        let pause = max(target - age, shortestPause)
        // Later only: a look before the job can be done is wasted.
        return age + min(pause + pause * (0.1 * jitter), longestPause)
    }

    /// Of the jobs that took longer than this one is old, half end by the median; those that end within 0.8 s behind it
    /// are worth waiting for, so that one look finds them all.
    private static func learntTarget(age: Duration, learnt: [Duration]) -> Duration? {
        guard let first = learnt.firstIndex(where: { $0 > age }) else { return nil }
        let left = learnt[first...]
        let median = left[left.startIndex + left.count / 2]
        return left.last { $0 <= median + .milliseconds(800) }.map { $0 + .milliseconds(100) }
    }

    private static func unlearntTarget(after earliest: Duration, age: Duration) -> Duration {
        unlearntAges.first { $0 >= earliest } ?? max(earliest, age * 1.3)
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
