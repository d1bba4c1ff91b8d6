package import ArgumentParser
import JSONRPC

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The command line.
package struct Klingd: ParsableCommand {
    package static let version = "0.1.0"

    package static let configuration = CommandConfiguration(
        commandName: "klingd",
        abstract: "Creates Kling images for programs: JSON-RPC lines in, images in your storage out.",
        discussion: """
            Every option of serve can be given as an environment variable too, --base-url as KLINGD_BASE_URL, and as a member
            of the configuration file, "base_url": config show tells which holds.
            Keys: COMETAPI_KEY; KLING_API_KEY, or KLING_ACCESS_KEY with KLING_SECRET_KEY. Logs go to stderr, level by LOG_LEVEL.
            Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not finished in time (the task goes on), 130 interrupted (129, 143: by SIGHUP, SIGTERM).
            """,
        version: "klingd \(version)",
        subcommands: [
            ServeCommand.self, GenerateImagesCommand.self, StatusCommand.self, ListCommand.self, WatchCommand.self,
            CancelWatchCommand.self, ResolveCommand.self, GalleryCommand.self, BillCommand.self, ConfigCommand.self,
            StorageCommand.self, DoctorCommand.self, SimulateCommand.self,
        ],
        defaultSubcommand: ServeCommand.self
    )

    package init() {}

    /// Parses the arguments of the process, runs the command and exits.
    package static func run() -> Never {
        do {
            let arguments = try textArguments()
            var command = try parseAsRoot(arguments)
            // The protocol has its own way with descriptors, and has to know which are missing.
            if !(command is ServeCommand) { StandardStreams.fill() }
            try command.run()
            if let reason = Console.lostOutput {
                throw CommandFailure(message: "stdout: \(reason)", exitCode: CommandFailure.failed)
            }
            endProcess(0)
        } catch let failure as CommandFailure {
            Console.error("klingd: \(failure.message)")
            endProcess(failure.exitCode)
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            Console.error(fullMessage(for: error))
            endProcess(CommandFailure.usage)
        }
    }
}

/// The arguments but for the program's name. A prompt that is not UTF-8 would otherwise be another one, and paid for.
private func textArguments() throws(CommandFailure) -> [String] {
    var arguments: [String] = []
    for index in 1..<max(1, Int(CommandLine.argc)) {
        guard let bytes = CommandLine.unsafeArgv[index] else { continue }
        guard let argument = String(validatingCString: bytes) else {
            throw CommandFailure(message: "argument \(index) is not UTF-8", exitCode: CommandFailure.usage)
        }
        arguments.append(argument)
    }
    return arguments
}

/// The system's `exit`, which the command's own method of that name hides.
private func endProcess(_ code: Int32) -> Never { exit(code) }
