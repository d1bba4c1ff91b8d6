import ArgumentParser

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
            let sources = try SettingSources(flags: service.flags, environment)
            let settings = try Settings(sources, needsKey: true)
            let doctor = Doctor(settings: settings, sources: sources, isOffline: offline, log: log)
            try CommandLoop.run { await doctor.look(show) }
        } catch {
            show(.wrong("configuration", error.message))
        }
        guard let wrong = kept.value else { return }
        throw CommandFailure(
            message: wrong == 1 ? "one thing is wrong" : "\(wrong) things are wrong",
            exitCode: CommandFailure.failed
        )
    }
}
