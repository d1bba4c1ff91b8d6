import Logging

/// Logs go to stderr, a line each; stdout belongs to the protocol.
enum Log {
    /// Sets up logging for the process: once, first of all.
    static func bootstrap(_ environment: Environment) -> Logger {
        let level = environment["LOG_LEVEL"].flatMap { Logger.Level(rawValue: $0.lowercased()) } ?? .warning
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        return Logger(label: "klingd")
    }
}
