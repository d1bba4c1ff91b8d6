#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A moment of a clock that never jumps, for intervals and deadlines.
package struct Moment: Sendable, Hashable, Comparable {
    /// Since an arbitrary start.
    package var elapsed: Duration

    package init(_ elapsed: Duration) {
        self.elapsed = elapsed
    }

    package static func < (left: Moment, right: Moment) -> Bool { left.elapsed < right.elapsed }
    package static func + (moment: Moment, duration: Duration) -> Moment { Moment(moment.elapsed + duration) }
    package static func - (later: Moment, earlier: Moment) -> Duration { later.elapsed - earlier.elapsed }
}

/// Both clocks, passed in so that tests can turn them.
package protocol TimeSource: Sendable {
    /// For intervals; goes on while the machine sleeps.
    var now: Moment { get }
    /// For what is shown to people and stored.
    var date: Timestamp { get }
    /// Returns at `deadline`, or throws `CancellationError` earlier.
    func sleep(until deadline: Moment) async throws
}

/// The machine's own clocks.
package struct SystemTime: TimeSource {
    private let start = ContinuousClock.now

    package init() {}

    package var now: Moment { Moment(start.duration(to: .now)) }

    package var date: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func sleep(until deadline: Moment) async throws {
        // A little slack lets the system wake once for several timers; nobody sees 10 ms here.
        try await Task.sleep(until: start + deadline.elapsed, tolerance: .milliseconds(10), clock: .continuous)
    }
}

extension Duration {
    /// Whole milliseconds, the rest cut off; saturates at the ends of Int64.
    package var milliseconds: Int64 { Int64(clamping: attoseconds / 1_000_000_000_000_000) }
}
