/// When a plugin that crashed may be started again. Times are on a clock that never jumps, since its start.
struct RestartPolicy: Sendable {
    enum Decision: Sendable, Hashable {
        /// May be started again from here on.
        case restart(at: Duration)
        /// Has crashed too often: is left alone until then.
        case pause(until: Duration)
    }

    private let times: PluginTimes
    private let limit: Int
    private var recent: [Duration] = []
    private var inARow = 0
    private(set) var notBefore = Duration.zero
    /// The end of the pause, also when it is over; `nil` when there was none since the plugin last did well.
    private(set) var pausedUntil: Duration?

    init(times: PluginTimes, crashes: Int) {
        self.times = times
        limit = crashes
    }

    func isPaused(at now: Duration) -> Bool { pausedUntil.map { now < $0 } ?? false }

    /// Counts a crash at `now` of a process that ran for `life`; `jitter` is from 0 to 1.
    mutating func crashed(at now: Duration, after life: Duration, jitter: Double) -> Decision {
        recent.removeAll { now - $0 >= times.crashWindow }
        recent.append(now)
        inARow = life >= times.steady ? 1 : inARow + 1
        if recent.count >= limit {
            recent = []
            notBefore = now + times.pause
            pausedUntil = notBefore
            return .pause(until: notBefore)
        }
        // 2^20 times the shortest is beyond every longest.
        let doubled = times.backoff * (1 << min(inARow - 1, 20))
        let wait = min(doubled, times.longestBackoff) * (0.8 + 0.4 * min(max(jitter, 0), 1))
        notBefore = now + min(wait, times.longestBackoff)
        return .restart(at: notBefore)
    }

    /// The plugin ended when it was told to.
    mutating func endedWell() {
        inARow = 0
        notBefore = .zero
        pausedUntil = nil
    }
}
