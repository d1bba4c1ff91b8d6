import ArgumentParser
import JSONRPC
import KlingSimulator

/// `klingd simulate`: the provider, imitated over HTTP, for tests and for trying things out.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Imitate the provider over HTTP; its address is printed on stdout.",
        discussion: """
            GET /_simulator/bill tells what was paid, POST /_simulator/faults makes things go wrong, \
            POST /_simulator/clock moves its clock. It ends with SIGINT or SIGTERM.

            curl -d '{"faults":[{"on":"create","kind":"taken_then_cut","times":2}]}' ADDRESS/_simulator/faults
            "on" is one of \(Fault.Endpoint.allCases.map(\.rawValue).joined(separator: ", ")); "kind" one of \
            \(Fault.Kind.allCases.map(\.rawValue).joined(separator: ", ")). "times" -1 is always; "status", \
            "delay_ms", "retry_after" and "body" change what the kind does.

            Any key is accepted. With --dialect kling, logins signed with KLING_SECRET_KEY in the name of \
            KLING_ACCESS_KEY are too, when both variables are set.
            """
    )

    @Option(help: "Address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "Port to listen on; 0 is any free one.")
    var port = 0

    @Option(help: "Ids, durations and pictures follow from it (default: random).")
    var seed: UInt64?

    @Option(help: "How long jobs take, compared with the real ones.")
    var timeScale = 1.0

    @Option(help: "Whose addresses, login and answers are spoken: cometapi or kling.")
    var dialect = Dialect.cometapi

    @Option(help: "Limits that are held: classic or current (default: classic, with --dialect kling current).")
    var apiRevision: APIRevision?

    @Option(help: "Images that may be in the making at once (default: no limit).")
    var slots: Int?

    @Option(help: "Seconds for which an image's URL works.")
    var urlLifetime: Int?

    @Option(help: "Bytes that each image has at least; it is filled up with nothing.")
    var imageBytes = 0

    @Flag(help: "Take each external_task_id only once.")
    var refuseDuplicateExternalIds = false

    @Flag(name: .customLong("no-find-by-external-id"), help: "Find tasks by task_id only.")
    var hidesExternalIDs = false

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port must be 0 to 65535, not \(port)") }
        guard timeScale >= 0, timeScale.isFinite else { throw ValidationError("--time-scale must be 0 or more") }
        if let slots, slots < 1 { throw ValidationError("--slots must be 1 or more, not \(slots)") }
        guard (0...(64 << 20)).contains(imageBytes) else {
            throw ValidationError("--image-bytes must be 0 to \(64 << 20), not \(imageBytes)")
        }
        if let urlLifetime, urlLifetime < 0 {
            throw ValidationError("--url-lifetime must be 0 or more, not \(urlLifetime)")
        }
    }

    func run() throws {
        Signals.release()
        let environment = Environment.current
        let log = Log.bootstrap(environment)
        var configuration = SimulatorConfiguration()
        configuration.dialect = dialect
        if dialect == .kling { try readKeys(environment, into: &configuration) }
        configuration.host = host
        configuration.port = port
        if let seed { configuration.seed = seed }
        configuration.timeScale = timeScale
        configuration.limits = (apiRevision ?? dialect.usualRevision) == .classic ? .classic : .current
        configuration.imageBytes = imageBytes
        configuration.slots = slots
        if let urlLifetime { configuration.urlLifetime = .seconds(urlLifetime) }
        configuration.refusesDuplicateExternalIDs = refuseDuplicateExternalIds
        configuration.findsByExternalID = !hidesExternalIDs
        configuration.logger = log
        guard let loop = SerialLoop() else { throw CommandFailure.noDescriptors }
        let simulator = Simulator(configuration)
        let end = StopSource(loop)
        // Ends with the process, unless the address cannot be listened on; the loop below waits for it.
        Task {
            do {
                try await simulator.run { Console.output($0.url) }
            } catch {
                Console.error("klingd: the simulator cannot listen on \(host):\(port): \(error)")
            }
            end.stop()
        }
        loop.run(end)
        throw CommandFailure(message: "the simulator ended", exitCode: CommandFailure.failed)
    }

    /// From the environment alone: arguments can be read by everybody on the machine.
    private func readKeys(
        _ environment: Environment,
        into configuration: inout SimulatorConfiguration
    ) throws(CommandFailure) {
        configuration.accessKey = environment["KLING_ACCESS_KEY"]
        configuration.secretKey = environment["KLING_SECRET_KEY"]
        guard (configuration.accessKey == nil) == (configuration.secretKey == nil) else {
            throw CommandFailure(
                message: "KLING_ACCESS_KEY and KLING_SECRET_KEY are of use only together",
                exitCode: CommandFailure.usage
            )
        }
    }
}

extension Dialect: ExpressibleByArgument {
    fileprivate var usualRevision: APIRevision { self == .kling ? .current : .classic }
}
