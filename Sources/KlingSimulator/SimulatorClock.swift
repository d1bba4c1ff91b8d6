#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The simulator's time: the wall clock as it was at the start, carried on steadily, and set forward on demand.
struct SimulatorClock: Sendable {
    private let start = ContinuousClock.now
    private let wallAtStart: Int64
    private var advanced: Int64 = 0

    init() {
        var time = timespec()
        // Cannot fail: the clock exists everywhere and the place to write to is ours (POSIX, clock_gettime).
        clock_gettime(CLOCK_REALTIME, &time)
        wallAtStart = Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// In Unix milliseconds.
    var now: Int64 {
        wallAtStart + Int64(start.duration(to: .now) / .milliseconds(1)) + advanced
    }

    mutating func advance(milliseconds: Int64) {
        advanced += milliseconds
    }
}
