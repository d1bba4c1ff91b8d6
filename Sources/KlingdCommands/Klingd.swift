package import ArgumentParser

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
            Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not finished in time (the task goes on), 130 interrupted.
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
            var command = try parseAsRoot()
            try command.run()
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

/// The system's `exit`, which the command's own method of that name hides.
private func endProcess(_ code: Int32) -> Never { exit(code) }

/// Why a command ended without doing what it was asked.
struct CommandFailure: Error {
    static let failed: Int32 = 1
    static let usage: Int32 = 2

    static let noDescriptors = CommandFailure(
        message: "no file descriptors are left; raise the limit (ulimit -n)",
        exitCode: failed
    )

    static let noThreads = CommandFailure(
        message: "the system gives no more threads; raise the limit (ulimit -u)",
        exitCode: failed
    )

    var message: String
    var exitCode: Int32
}

/// Lines for people and shells, written at once whatever stands at the other end.
enum Console {
    static func output(_ line: String) { write(line + "\n", to: 1) }
    static func error(_ line: String) { write(line + "\n", to: 2) }
    /// Text that is no line of its own, such as one that is drawn in place.
    static func progress(_ text: String) { if !text.isEmpty { write(text, to: 2) } }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            // Nobody is left to tell if this fails.
            #if canImport(Glibc)
                _ = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            #elseif canImport(Musl)
                _ = Musl.write(descriptor, bytes.baseAddress, bytes.count)
            #else
                _ = Darwin.write(descriptor, bytes.baseAddress, bytes.count)
            #endif
        }
    }
}
