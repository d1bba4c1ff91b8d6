package import JSON
package import Logging
import Storage
package import SystemPackage

/// What a plugin is started with, where it is looked for, and how patient klingd is with it.
package struct PluginStorageOptions: Sendable {
    /// The plugin's program, absolute (`storage_plugins.NAME.command`); `nil` to look for it.
    package var command: FilePath?
    /// What the SHA-256 of the program must be, 64 hexadecimal digits (`storage_plugins.NAME.sha256`).
    package var sha256: String?
    /// Absolute folders that are searched before `PATH` (`--plugin-directory`).
    package var directories: [FilePath]
    /// The plugin's own settings, told in `initialize`.
    package var config: JSONObject
    /// Gives the secrets told in `initialize` by their names; called anew at each start of the plugin.
    package var secrets: PluginStorage.Secrets
    /// klingd's own environment: from it come `PATH` and what the plugin may see.
    package var environment: [String: String]
    /// Names of variables that the plugin sees besides the usual ones.
    package var environmentNames: [String]
    /// A folder of klingd's own, for the plugin's work folders; made with mode 0700 when it is missing.
    package var workDirectory: FilePath
    /// klingd's version, told in `initialize`.
    package var hostVersion: String
    package var logger: Logger
    package var times: PluginTimes
    package var limits: PluginLimits
    /// From 0 to 1: spreads the restarts of several plugins.
    package var jitter: @Sendable () -> Double
    /// Seconds since 1970-01-01T00:00:00Z, to tell people until when a plugin is left alone.
    package var date: @Sendable () -> Int64

    package init(
        command: FilePath? = nil,
        sha256: String? = nil,
        directories: [FilePath] = [],
        config: JSONObject = [:],
        secrets: @escaping PluginStorage.Secrets = { () throws(StorageError) in [:] },
        environment: [String: String],
        environmentNames: [String] = [],
        workDirectory: FilePath,
        hostVersion: String,
        logger: Logger,
        times: PluginTimes = PluginTimes(),
        limits: PluginLimits = PluginLimits(),
        jitter: @escaping @Sendable () -> Double = { .random(in: 0...1) },
        date: @escaping @Sendable () -> Int64 = { CalendarTime.seconds }
    ) {
        self.command = command
        self.sha256 = sha256
        self.directories = directories
        self.config = config
        self.secrets = secrets
        self.environment = environment
        self.environmentNames = environmentNames
        self.workDirectory = workDirectory
        self.hostVersion = hostVersion
        self.logger = logger
        self.times = times
        self.limits = limits
        self.jitter = jitter
        self.date = date
    }
}

/// How long klingd waits for a plugin (protocol/storage-plugin.md, "Time" and "Life cycle").
package struct PluginTimes: Sendable, Hashable {
    /// For the answers to `describe` and `initialize`.
    package var handshake = Duration.seconds(10)
    /// For an operation without an answer and without progress.
    package var silence = Duration.seconds(60)
    /// For an operation as a whole; files take ``perByte`` more.
    package var operation = Duration.seconds(600)
    /// A second for each 100 kB.
    package var perByte = Duration.microseconds(10)
    /// From `$/cancelRequest` until the plugin is ended.
    package var cancel = Duration.seconds(5)
    /// From the end of stdin to SIGTERM.
    package var endOfInput = Duration.seconds(5)
    /// From SIGTERM to SIGKILL.
    package var termination = Duration.seconds(2)
    /// Both of the last when klingd itself ends: it has 3 s for everything.
    package var lastEndOfInput = Duration.milliseconds(1200)
    package var lastTermination = Duration.milliseconds(800)
    /// Before the first restart after a crash; doubles with each that follows, up to ``longestBackoff``.
    package var backoff = Duration.milliseconds(500)
    package var longestBackoff = Duration.seconds(30)
    /// ``PluginLimits/crashes`` within this open the breaker.
    package var crashWindow = Duration.seconds(300)
    /// How long a plugin is left alone then.
    package var pause = Duration.seconds(300)
    /// A plugin that ran so long before it crashed begins with the shortest backoff again.
    package var steady = Duration.seconds(60)
    /// Without requests, after which a plugin is shut down.
    package var idle = Duration.seconds(300)

    package init() {}
}

/// How much klingd takes of a plugin.
package struct PluginLimits: Sendable, Hashable {
    /// Of one message, in bytes.
    package var line = 1 << 20
    /// Of one line on stderr, in bytes; the rest of it is cut off.
    package var logLine = 4096
    /// Lines of stderr and `$/log` that reach klingd's log in a second.
    package var logLinesPerSecond = 50
    /// The last lines of stderr that are told when a plugin crashes.
    package var lastLines = 20
    /// Crashes within ``PluginTimes/crashWindow`` after which a plugin is left alone.
    package var crashes = 5

    package init() {}
}
