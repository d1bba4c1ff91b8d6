import JSONRPC
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Turns SIGTERM, SIGINT and SIGHUP into an orderly end: waits end, answers go out, creates on the wire are seen to
/// their answers as far as time allows.
///
/// The signals are blocked in every thread and one thread sleeps in sigwait(3) until one comes: nothing wakes an idle
/// process, nothing runs in the narrow world of a signal handler, and a thread that hangs in the kernel does not keep
/// the process from ending.
enum Signals {
    /// But for those that whoever started klingd has it ignore: nohup(1) SIGHUP, a shell SIGINT in the background. They
    /// would come out of sigwait(3) all the same.
    private static let numbers = [SIGTERM] + [SIGINT, SIGHUP].filter { !isIgnored($0) }
    /// Of Ctrl-C.
    static let interrupt = SIGINT
    /// In milliseconds. One end often comes as several signals: a terminal that closes sends SIGHUP and its supervisor
    /// SIGTERM, timeout(1) sends SIGTERM to the process and again to its group.
    private static let burst: Int64 = 1000

    /// Keeps the signals until they are watched. To be called before any other thread starts: threads inherit it.
    static func hold() {
        var set = signalSet
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Lets the signals end the process, also when it was started by a thread that blocks them.
    static func release() {
        var set = signalSet
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// Asks for an orderly end at the first signal. A second SIGINT, or any signal later than a burst, ends the process
    /// at once with 128 and its number, as shells count.
    static func watch(_ interruption: Interruption) throws(CommandFailure) {
        try watch { _ in end(interruption) }
    }

    /// Asks for an orderly end, as a signal does.
    static func end(_ interruption: Interruption) {
        interruption.request()
        EndDeadline.start(interruption, exitCode: 0)
    }

    /// Calls `onFirst` with the number of the first signal, on a thread of its own, and treats later ones as above.
    static func watch(_ onFirst: @escaping @Sendable (Int32) -> Void) throws(CommandFailure) {
        let isWatching = startThread {
            let first = next()
            let start = monotonicMilliseconds()
            onFirst(first)
            while true {
                let number = next()
                let isUrgent = number == SIGINT && first == SIGINT
                if isUrgent || monotonicMilliseconds() - start > burst { _exit(128 + number) }
            }
        }
        guard isWatching else { throw .noThreads }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        #if canImport(Darwin)
            let handler = action.__sigaction_u.__sa_handler
        #elseif canImport(Musl)
            let handler = action.__sa_handler.sa_handler
        #else
            let handler = action.__sigaction_handler.sa_handler
        #endif
        // Functions cannot be compared. Both are optional pointers to C functions, as large as an Int and nothing but
        // an address; that of SIG_IGN is a number which no function has.
        return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(Optional(SIG_IGN), to: Int.self)
    }

    private static func next() -> Int32 {
        var set = signalSet
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number
    }

    private static var signalSet: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        return set
    }
}

/// The first signal that came.
final class Received: Sendable {
    private let first = Mutex<Int32?>(nil)

    var number: Int32? { first.withLock { $0 } }

    func note(_ number: Int32) {
        first.withLock { $0 = $0 ?? number }
    }
}

/// Bounds the end of the process, whatever hangs: a client that does not read, a disk that does not answer.
enum EndDeadline {
    /// In milliseconds from the start, for a client that does not read its last answers.
    private static let timeForAnswers: Int64 = 400
    /// In milliseconds from the start, for everything: creates on the wire are given a little less.
    private static let timeForAll: Int64 = 3400

    /// Starts to count. Without a thread to do so, the process ends as soon as its work does.
    static func start(_ interruption: Interruption, exitCode: Int32) {
        let start = monotonicMilliseconds()
        _ = startThread {
            sleep(until: start + timeForAnswers)
            interruption.giveUp()
            sleep(until: start + timeForAll)
            _exit(exitCode)
        }
    }

    private static func sleep(until end: Int64) {
        while case let rest = end - monotonicMilliseconds(), rest > 0 {
            var time = timespec(tv_sec: Int(rest / 1000), tv_nsec: Int(rest % 1000) * 1_000_000)
            nanosleep(&time, nil)
        }
    }
}

private func monotonicMilliseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
}

/// Holds what a thread runs.
private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}

/// Runs `body` on a thread of its own that nobody joins, for it may sleep as long as the process lives.
///
/// - Returns: whether the system gave a thread.
private func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    let argument = Unmanaged.passRetained(ThreadBody(body))
    #if canImport(Darwin)
        var thread: pthread_t?
        let error = pthread_create(&thread, nil, { runBody($0) }, argument.toOpaque())
        if let thread { pthread_detach(thread) }
    #else
        var thread = pthread_t()
        let error = pthread_create(&thread, nil, { runBody($0) }, argument.toOpaque())
        if error == 0 { pthread_detach(thread) }
    #endif
    if error != 0 { argument.release() }
    return error == 0
}

private func runBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
