import KlingService
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Ends the process with SIGKILL at a moment that `KLINGD_CRASH_AT` names: "image-stored", or "image-stored:3" for the
/// third time that it is reached. For tests; a release build does not have it.
enum CrashOnPurpose {
    static func hook(_ environment: Environment) -> @Sendable (CrashPoint) -> Void {
        #if DEBUG
            guard let text = environment["KLINGD_CRASH_AT"] else { return { _ in } }
            let parts = text.split(separator: ":")
            guard let name = parts.first, let point = CrashPoint(rawValue: String(name)) else { return { _ in } }
            let times = Countdown(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
            return { reached in
                if reached == point, times.isOver() { kill(getpid(), SIGKILL) }
            }
        #else
            return { _ in }
        #endif
    }

    #if DEBUG
        private final class Countdown: Sendable {
            private let left: Mutex<Int>

            init(_ times: Int) { left = Mutex(times) }

            func isOver() -> Bool {
                left.withLock { left in
                    left -= 1
                    return left == 0
                }
            }
        }
    #endif
}
