import GenerationTasks

/// How a command for people ends.
enum CommandEnd: Sendable {
    case done
    /// What happened, whether it was charged and what to do.
    case failed(String)
    /// Asked for in a way that cannot be.
    case usage(String)
    /// The task goes on; how to resume.
    case notFinished(String)
    /// The same, because of a signal.
    case interrupted(String)
    /// Tasks are under way, of which it can be told how they stand only when nothing more is sent: `tell` is given their
    /// newest versions, in the same order.
    case open([GenerationTask], tell: @Sendable ([GenerationTask]) -> CommandEnd)

    /// Not an exit code of a signal: those are the shell's, 128 and the number.
    static let notFinishedCode: Int32 = 3

    var message: String? {
        switch self {
        case .done, .open: nil
        case .failed(let text), .usage(let text), .notFinished(let text), .interrupted(let text): text
        }
    }

    func exitCode(signal: Int32?) -> Int32 {
        switch self {
        case .done: 0
        case .failed: CommandFailure.failed
        case .usage: CommandFailure.usage
        case .notFinished, .open: Self.notFinishedCode
        case .interrupted: 128 + (signal ?? Signals.interrupt)
        }
    }

    /// `end`, with tasks named before that nobody here can finish.
    static func notFinished(_ others: [String], then end: CommandEnd) -> CommandEnd {
        let texts = TaskReports.lines(others + [end.message].compactMap(\.self))
        switch end {
        case .open(let tasks, let tell): return .open(tasks) { .notFinished(others, then: tell($0)) }
        case .interrupted: return .interrupted(texts)
        case .failed: return .failed(texts)
        case .usage: return .usage(texts)
        case .done, .notFinished: return .notFinished(texts)
        }
    }

    /// The service refused. What money has to do with it is told where some could be spent.
    static func refusal(_ error: TaskError, tellsCharge: Bool = false) -> CommandEnd {
        let reason = "\(ImageOptions.naming(options: TerminalText.escaped(error.message))) (\(error.kind.rawValue))"
        let text = tellsCharge || error.charged != .no ? "\(reason); \(TaskReports.words(error.charged))" : reason
        let isUsage = error.kind == .invalidParams || error.kind == .unsupported || error.kind == .tooLarge
        return isUsage ? .usage(text) : .failed(text)
    }
}
