#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The time of day as the system has it: the one place where the core client reads a clock.
package enum WallClock {
    /// In Unix milliseconds.
    package static let now: @Sendable () -> Int64 = {
        var time = timespec()
        // Cannot fail: the clock exists everywhere and the place to write to is ours (POSIX, clock_gettime).
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
