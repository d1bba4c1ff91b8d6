import JSONRPC
import Subprocess
import Synchronization
import SystemPackage

/// A program that prints a key, as the configuration file names it: that of a password store.
struct KeyCommand {
    /// In bytes.
    private static let outputLimit = 64 << 10

    /// The program, looked for in PATH when it has no slash, and its arguments. Never empty.
    var words: [String]
    /// All that it sees.
    var environment: [String: String]
    var timeLimit: Duration = .seconds(30)

    /// Runs the program to its end and waits for it. It reads nothing, and what it complains of is dropped, as it may be
    /// what it keeps secret.
    ///
    /// - Throws: ``SecretFailure`` that goes on behind "the command …" and repeats nothing of what it printed.
    func output() throws(SecretFailure) -> String {
        guard let loop = SerialLoop() else { throw SecretFailure("could not be run: no file descriptors are left") }
        let outcome = Mutex<Result<String, SecretFailure>>(.failure(SecretFailure("did not end")))
        let end = StopSource(loop)
        // Owned by this function, which waits for its end in the loop.
        Task(executorPreference: loop) {
            let result = await run()
            outcome.withLock { $0 = result }
            end.stop()
        }
        loop.run(end)
        return try outcome.withLock { $0 }.get()
    }

    /// The program, and what it started, is ended when it takes too long.
    func run() async -> Result<String, SecretFailure> {
        await withTaskGroup(of: Result<String, SecretFailure>.self) { group in
            group.addTask { await printed() }
            group.addTask {
                try? await Task.sleep(for: timeLimit)
                return .failure(SecretFailure("did not end within \(timeLimit.components.seconds) s"))
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(SecretFailure("did not end"))
        }
    }

    private func printed() async -> Result<String, SecretFailure> {
        var options = PlatformOptions()
        // With a session of its own all that the program starts can be ended with it, and nothing can ask a terminal.
        options.createSession = true
        options.teardownSequence = [.gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(1))]
        let variables = environment.reduce(into: [Subprocess.Environment.Key: String]()) { variables, variable in
            if let key = Subprocess.Environment.Key(rawValue: variable.key) { variables[key] = variable.value }
        }
        do {
            let result = try await Subprocess.run(
                words[0].contains("/") ? .path(FilePath(words[0])) : .name(words[0]),
                arguments: Arguments(Array(words.dropFirst())),
                environment: .custom(variables),
                platformOptions: options,
                input: .none,
                output: .bytes(limit: Self.outputLimit),
                error: .discarded
            )
            switch result.terminationStatus {
            case .exited(0): return .success(String(decoding: result.standardOutput, as: UTF8.self))
            case .exited(let code):
                return .failure(SecretFailure("failed with exit code \(code); run it by hand to see why"))
            case .signaled(let number): return .failure(SecretFailure("was ended by signal \(number)"))
            }
        } catch let error as SubprocessError {
            switch error.code {
            case .outputLimitExceeded: return .failure(SecretFailure("printed more than 64 KiB"))
            case .executableNotFound: return .failure(SecretFailure("was not found, or may not be run"))
            default: return .failure(SecretFailure("could not be run"))
            }
        } catch {
            return .failure(SecretFailure("could not be run"))
        }
    }
}
