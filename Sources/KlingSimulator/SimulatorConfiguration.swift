package import Logging

/// How the simulator is to behave. Everything has a default with which a client just works.
package struct SimulatorConfiguration: Sendable {
    /// The address to listen on; anything but loopback lets others in, who need no key.
    package var host = "127.0.0.1"
    /// 0 is any free port.
    package var port = 0
    /// Task ids, durations and pictures follow from it. Random by default, so that the ids of two runs do not meet.
    package var seed = UInt64.random(in: .min ... .max)
    /// How long tasks take, compared with the real provider: 0.01 is a hundred times faster. Not negative.
    package var timeScale = 1.0
    /// The only key that is accepted as it is; `nil` accepts any that is not empty, and in Kling's dialect no token.
    package var apiKey: String?
    /// Under whose name signed tokens are accepted, in Kling's dialect; without it and ``secretKey`` none is.
    package var accessKey: String?
    /// What signed tokens are checked with.
    package var secretKey: String?
    /// How long an image can be fetched from the address that a look-up gave. The provider's own time is 30 days.
    package var urlLifetime = Duration.seconds(30 * 86_400)
    /// Bytes that each image has at least: what is missing is filled up. The real ones have some megabytes.
    package var imageBytes = 0
    /// How many images may be in the making at once; a create over it is answered 429 with code 1303. `nil` is no limit.
    package var slots: Int?
    /// What goes wrong, from the start.
    package var faults: [Fault] = []
    /// Whether a look-up finds a task by its `external_task_id` too.
    package var findsByExternalID = true
    /// Whether an `external_task_id` can be used only once.
    package var refusesDuplicateExternalIDs = false
    /// What creates are held against.
    package var limits = LimitsProfile.classic
    /// Whose addresses, login and answers are spoken.
    package var dialect = Dialect.cometapi
    /// Silent by default.
    package var logger = Logger(label: "klingd.simulator") { _ in SwiftLogNoOpLogHandler() }

    package init() {}
}
