import ArgumentParser

/// `klingd serve`: the native protocol on stdin and stdout.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve JSON-RPC 2.0, one message a line, on stdin and stdout (the default command)."
    )

    @OptionGroup var service: ServiceOptions

    @OptionGroup var serving: ServingOptions

    func run() throws {
        let environment = Environment.current
        let settings = try Settings(service, serving: serving, environment)
        try Daemon(
            settings: settings,
            environment: environment,
            endOfInput: settings.endOfInput,
            sendsUpdates: settings.sendsUpdates,
            log: Log.bootstrap(environment, level: settings.logLevel)
        ).serve()
    }
}
