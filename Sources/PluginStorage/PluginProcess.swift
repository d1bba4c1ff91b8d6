import Storage
import Subprocess
import SystemPackage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Runs the program of a plugin from its start until it and its process group are gone.
struct PluginProcess: Sendable {
    /// What the running process is steered by.
    struct Controls: Sendable {
        /// SIGTERM to the process group. What is gone already is fine.
        let terminate: @Sendable () -> Void
        /// SIGKILL to the process group.
        let kill: @Sendable () -> Void
    }

    let executable: FilePath
    let environment: [String: String]
    let workDirectory: FilePath
    /// Lines for the plugin's stdin; their end is the end of stdin.
    let input: AsyncStream<[UInt8]>

    /// Returns how the process ended; throws when it could not be started.
    func run(for host: PluginHost) async throws(StorageError) -> PluginExit.Status {
        // Writing to a plugin that died is to be an error, not the end of klingd.
        signal(SIGPIPE, SIG_IGN)
        var options = PlatformOptions()
        options.createSession = true
        let variables = environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) }
        do {
            let result = try await Subprocess.run(
                .path(executable),
                arguments: ["--stdio"],
                environment: .custom(Dictionary(uniqueKeysWithValues: variables)),
                workingDirectory: workDirectory,
                platformOptions: options,
                input: .inputWriter,
                output: .sequence,
                error: .sequence
            ) { execution in
                await serve(execution, for: host)
            }
            return switch result.terminationStatus {
            case .exited(let code): .code(code)
            case .signaled(let signal): .signal(signal)
            }
        } catch {
            throw failure(error)
        }
    }

    private func serve(
        _ execution: Execution<CustomWriteInput, SequenceOutput, SequenceOutput>,
        for host: PluginHost
    ) async {
        // The process is reaped only after this function, so its number can't be another's while signals are sent.
        await host.processStarted(
            Controls(
                terminate: { try? execution.send(signal: .terminate, toProcessGroup: true) },
                kill: { try? execution.send(signal: .kill, toProcessGroup: true) }
            )
        )
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await line in input {
                    // What a plugin that is going does not take is asked again of the next.
                    guard let count = try? await execution.standardInputWriter.write(line), count == line.count else {
                        break
                    }
                }
                try? await execution.standardInputWriter.finish()
            }
            group.addTask { await read(execution.standardError) { await host.receiveError($0) } }
            await read(execution.standardOutput) { await host.receiveOutput($0) }
            await host.outputEnded()
            await exit(of: execution)
            // Children that the plugin left behind. They hold neither its pipes nor its group any longer than itself.
            try? execution.send(signal: .kill, toProcessGroup: true)
            await host.processEnded()
            await group.waitForAll()
        }
    }

    /// Reads until the end or until `receive` wants no more.
    private func read(
        _ output: SubprocessOutputSequence,
        _ receive: (SubprocessOutputSequence.Buffer) async -> Bool
    ) async {
        var blocks = output.makeAsyncIterator()
        while let block = try? await blocks.next(), await receive(block) {
            // A plugin that writes faster than it is read must not keep the others from their turn.
            await Task.yield()
        }
    }

    /// Waits until the process has exited, which who sends the signals sees to.
    private func exit(of execution: Execution<CustomWriteInput, SequenceOutput, SequenceOutput>) async {
        // Signal 0 does nothing; the library's wait comes with what it calls a teardown.
        let wait = TeardownStep.send(
            signal: Signal(rawValue: 0),
            toProcessGroup: true,
            allowedDurationToNextStep: .seconds(3600)
        )
        await execution.teardown(using: [wait])
    }

    private func failure(_ error: any Error) -> StorageError {
        let reason = (error as? SubprocessError)?.underlyingError
        let shown = Excerpt.line(executable.string)
        switch reason {
        case .tooManyOpenFiles?, .tooManyOpenFilesInSystem?, .resourceTemporarilyUnavailable?, .noMemory?:
            let text = "the plugin '\(shown)' can't be started at the moment (\(reason.map { "\($0)" } ?? ""))"
            return StorageError(.unavailable, text, isRetryable: true)
        default:
            let told = reason.map { "\($0)" } ?? Excerpt.line("\(error)")
            return StorageError(
                .configuration,
                "the plugin '\(shown)' can't be started (\(told)): it must be a program of this machine, "
                    + "or a script whose first line names an interpreter that is there"
            )
        }
    }
}
