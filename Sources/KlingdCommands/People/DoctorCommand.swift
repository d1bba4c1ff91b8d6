import ArgumentParser
import JSONRPC

/// `klingd doctor`: looks at everything that klingd needs before money depends on it.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look at everything that klingd needs, one by one: ok, warning or wrong, and what to do.",
        discussion: """
            Costs nothing: the provider is asked for a task that cannot exist. Exit codes: 0 nothing is wrong, 1 something \
            is, 2 wrong usage.
            """
    )

    @Flag(help: "Leave out whatever needs the network.")
    var offline = false

    @Flag(help: "Print each finding as a line of JSON.")
    var json = false

    @OptionGroup var service: ServiceOptions

    func run() throws {
        let environment = Environment.current
        let log = Log.bootstrap(environment)
        let (json, kept) = (json, Kept<Int>())
        let show: @Sendable (Finding) -> Void = { finding in
            if finding.level == .wrong { kept.set((kept.value ?? 0) + 1) }
            Console.output(json ? "\(finding.json)" : finding.line)
        }
        Machine.findings(environment).forEach(show)
        do {
            let settings = try Settings(service, environment)
            let doctor = Doctor(
                settings: settings,
                environment: environment,
                configurationFile: configurationFile(environment),
                isOffline: offline,
                log: log
            )
            guard let loop = SerialLoop() else { throw CommandFailure.noDescriptors }
            let end = StopSource(loop)
            // Owned by this function, which waits for its end in the loop.
            Task(executorPreference: loop) {
                await doctor.look(show)
                end.stop()
            }
            loop.run(end)
        } catch let failure as CommandFailure {
            show(.wrong("configuration", failure.message))
        }
        guard let wrong = kept.value else { return }
        throw CommandFailure(
            message: wrong == 1 ? "one thing is wrong" : "\(wrong) things are wrong",
            exitCode: CommandFailure.failed
        )
    }

    /// The file that the settings were read from; `nil` when there is none.
    private func configurationFile(_ environment: Environment) -> String? {
        if let named = service.places.config ?? environment[flag: "config"] { return Settings.absolute(named) }
        guard let folder = try? environment.userDirectory("XDG_CONFIG_HOME", below: ".config") else { return nil }
        let usual = folder + "/klingd/config.json"
        return Machine.folder(usual) == .absent ? nil : usual
    }
}
