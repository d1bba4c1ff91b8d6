import ArgumentParser

/// `klingd config`: what klingd is set to.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Tell what klingd is set to.",
        subcommands: [ConfigShowCommand.self, ConfigPathCommand.self]
    )
}

/// `klingd config show`: every setting and where it was given.
struct ConfigShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract:
            "Tell every setting and where it was given: by a flag, a variable, the configuration file, or nowhere.",
        discussion: """
            Takes the flags of serve, and tells what serve would do with them. Secrets are not shown, and no command that \
            prints a key is run. A setting that is wrong is told with what is wrong about it.
            Exit codes: 0 every setting is right, 2 one is wrong.
            """
    )

    @OptionGroup var service: ServiceOptions
    @OptionGroup var serving: ServingOptions

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    func run() throws {
        let report = report(Environment.current)
        if json {
            Console.output("\(report.json)")
        } else {
            for line in report.lines { Console.output(line) }
        }
        switch report.problems {
        case 0: return
        case 1: throw CommandFailure(message: "a setting is wrong", exitCode: CommandFailure.usage)
        case let count: throw CommandFailure(message: "\(count) settings are wrong", exitCode: CommandFailure.usage)
        }
    }

    /// What is shown in the surroundings `environment`.
    func report(_ environment: Environment) -> SettingReport {
        SettingReport(flags: service.flags.merging(serving.flags) { $1 }, environment)
    }
}

/// `klingd config path`: which configuration file is read.
struct ConfigPathCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "path",
        abstract: "Print the path of the configuration file that is read.",
        discussion: "Exit codes: 0 it is there, 1 it is not."
    )

    @OptionGroup var places: StorageOptions

    func run() throws {
        guard let path = SettingSources.filePath(places.flags, Environment.current) else {
            throw CommandFailure(
                message: "HOME is not set, so there is no usual place for it; give --config",
                exitCode: CommandFailure.failed
            )
        }
        Console.output(path.value)
        guard SettingSources.isThere(path.value) else {
            throw CommandFailure(message: "there is no such file", exitCode: CommandFailure.failed)
        }
    }
}
