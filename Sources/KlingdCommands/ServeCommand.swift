import ArgumentParser
import JSONRPC

/// `klingd serve`: the native protocol on stdin and stdout.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve JSON-RPC 2.0, one message a line, on stdin and stdout (the default command)."
    )

    @OptionGroup var service: ServiceOptions

    @Option(
        name: .customLong("on-eof"),
        help: "At the end of input, waits run on (drain) or are answered at once (detach) (default: drain)."
    )
    var endOfInput: StdioTransport.EndOfInput?

    @Flag(name: .customLong("no-task-updates"), help: "Send no task-updated notifications.")
    var noTaskUpdates = false

    func run() throws {
        let environment = Environment.current
        let settings = try Settings(service, environment)
        try Daemon(
            settings: settings,
            environment: environment,
            endOfInput: try endOfInput ?? Settings.word("on-eof", environment) ?? .drain,
            sendsUpdates: try !(noTaskUpdates || Settings.isOn("no-task-updates", environment)),
            log: Log.bootstrap(environment)
        ).serve()
    }
}
