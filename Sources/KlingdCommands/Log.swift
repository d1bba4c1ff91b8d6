import Logging

/// Logs go to stderr, a line each; stdout belongs to the protocol.
enum Log {
    /// Sets up logging for the process: once, first of all. The variable LOG_LEVEL goes before `level`.
    static func bootstrap(_ environment: Environment, level usual: Logger.Level = .warning) -> Logger {
        let name = environment["LOG_LEVEL"]
        let known = name.map { Logger.Level(rawValue: $0.lowercased()) }
        if case .some(nil) = known {
            let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            Console.error("klingd: LOG_LEVEL is none of \(names); it is taken as warning")
        }
        let level = known.map { $0 ?? .warning } ?? usual
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        return Logger(label: "klingd")
    }
}
