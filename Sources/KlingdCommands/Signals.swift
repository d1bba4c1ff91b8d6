import Dispatch
import JSONRPC

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Turns SIGTERM, SIGINT and SIGHUP into an orderly end: waits end, answers go out, creates on the wire are seen to
/// their answers as far as time allows. A second signal ends the process at once.
struct Signals {
    /// From the signal on, for a client that does not read its last answers.
    static let timeForAnswers = DispatchTimeInterval.milliseconds(400)

    private let sources: [any DispatchSourceSignal]

    init(_ interruption: Interruption) {
        let queue = DispatchQueue(label: "klingd.signals")
        sources = [SIGTERM, SIGINT, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                guard interruption.request() else { _exit(128 + number) }
                queue.asyncAfter(deadline: .now() + Self.timeForAnswers) { interruption.giveUp() }
            }
            source.resume()
            return source
        }
    }

    func cancel() {
        for source in sources { source.cancel() }
    }
}
