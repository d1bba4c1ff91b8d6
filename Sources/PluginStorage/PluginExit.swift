/// How a plugin's process ended.
struct PluginExit: Sendable, Hashable {
    enum Status: Sendable, Hashable {
        case code(Int32)
        case signal(Int32)
        /// The system did not tell.
        case unknown
    }

    var status: Status
    /// On stderr, the oldest first, as they may be shown.
    var lastLines: [String]

    var text: String {
        switch status {
        case .code(let code): "exited with status \(code)"
        case .signal(let signal): "was ended by signal \(signal)\(Self.names[signal].map { " (\($0))" } ?? "")"
        case .unknown: "ended"
        }
    }

    /// SIGTERM and SIGKILL are what klingd sends.
    var isBySignalOfOurs: Bool { status == .signal(15) || status == .signal(9) }

    /// To be added to a sentence.
    var lastWords: String {
        guard !lastLines.isEmpty else { return "; it wrote nothing to stderr" }
        return "; its last lines on stderr: " + lastLines.map { Excerpt.line($0, limit: 300) }.joined(separator: " | ")
    }

    // The numbers are those that every system gives them.
    private static let names: [Int32: String] = [
        1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV",
        13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
    ]
}
