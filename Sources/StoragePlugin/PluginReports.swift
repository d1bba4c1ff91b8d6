import JSON
import JSONRPC
import Synchronization

/// How much a line in klingd's log matters.
public enum PluginLogLevel: String, Sendable, CaseIterable {
    case debug, info, warning, error
}

/// What a backend may tell while it works on a request. Calls outside of one do nothing.
public enum PluginReports {
    @TaskLocal static var current: RequestReports?

    /// Tells klingd that the request goes on: `bytes` of the content are done so far. A `put` or `get` that may take
    /// longer than a minute must call it; calling often is fine, since only ten in a second are passed on.
    public static func progress(bytes: Int64) async {
        await current?.progress(bytes)
    }

    /// Writes a line to klingd's log under the plugin's name; so does everything that is written to stderr, or printed.
    public static func log(_ level: PluginLogLevel, _ message: String) async {
        await current?.log(level, message)
    }
}

/// The reports of one request.
final class RequestReports: Sendable {
    private let id: RequestID
    private let connection: Connection
    private let pace = Mutex(ProgressPace())

    init(id: RequestID, connection: Connection) {
        self.id = id
        self.connection = connection
    }

    func progress(_ bytes: Int64) async {
        guard pace.withLock({ $0.allows(at: .now) }) else { return }
        let params = ProgressParams(id: id, bytes: bytes).json
        // Only the newest is worth sending to a reader that lags.
        await connection.notify(PluginProtocol.Notification.progress.rawValue, subject: "\(id)") {
            $0.value(.object(params))
        }
    }

    func log(_ level: PluginLogLevel, _ message: String) async {
        let params = LogParams(level: level, message: message).json
        await connection.notify(PluginProtocol.Notification.log.rawValue, subject: "log \(message)") {
            $0.value(.object(params))
        }
    }
}

/// Spaces reports of progress out.
struct ProgressPace {
    private static let interval = Duration.seconds(1) / PluginProtocol.maximumProgressRate
    private var last: ContinuousClock.Instant?

    mutating func allows(at now: ContinuousClock.Instant) -> Bool {
        if let last, now - last < Self.interval { return false }
        last = now
        return true
    }
}
