import Storage
import Subprocess
import SystemPackage

/// A program that writes credentials to its output, as `credential_process` names it.
struct CredentialProcess: Sendable {
    /// In bytes.
    private static let outputLimit = 64 << 10
    /// In bytes of what is kept of its standard error.

    private let words: [String]
    private let origin: String
    private let environment: [String: String]
    private let timeLimit: Duration

    /// Takes the command line apart; no shell ever sees it.
    init(
        _ command: ConfiguredValue<String>,
        environment: [String: String],
        timeLimit: Duration = .seconds(30)
    ) throws(StorageError) {
        guard let words = ShellWords.split(command.value), words.first?.isEmpty == false else {
            throw command.error("must be a program with its arguments; a quotation mark is not closed, or it is empty")
        }
        self.words = words
        origin = command.origin
        self.environment = environment
        self.timeLimit = timeLimit
    }

    /// Runs the program to its end. It, and what it started, is ended when it takes too long or the task is cancelled.
    /// Credentials that are over at `now`, in seconds since 1970, are none.
    ///
    /// A failure of the program can be retried: it may be waiting for its user to log in.
    func run(at now: Int64) async throws(StorageError) -> TemporaryCredentials {
        let ending = await withTaskGroup(of: Ending.self) { group in
            group.addTask { await end() }
            group.addTask {
                try? await Task.sleep(for: timeLimit)
                return .timeUp
            }
            defer { group.cancelAll() }
            return await group.next() ?? .timeUp
        }
        if Task.isCancelled { throw failure("was cancelled") }
        switch ending {
        case .timeUp: throw failure("did not end within \(timeLimit.components.seconds) s")
        case .notStarted(let error):
            guard error.code == .executableNotFound else { throw failure("could not be run: \(error)") }
            throw StorageError(.configuration, "the program of \(origin) was not found, or may not be run")
        case .tooMuch:
            throw StorageError(.configuration, "the program of \(origin) wrote more than 64 KiB")
        case .ended(.exited(0), let output):
            let credentials = try TemporaryCredentials(processOutput: output, origin: origin)
            if let expires = credentials.expires, expires <= now {
                throw failure("wrote credentials that have expired already")
            }
            return credentials
        case .ended(let status, _):
            let how =
                switch status {
                case .exited(let code): "failed with exit code \(code)"
                case .signaled(let number): "was ended by signal \(number)"
                }
            throw failure("\(how): run it by hand to see why")
        }
    }

    private enum Ending: Sendable {
        case ended(TerminationStatus, output: [UInt8])
        case tooMuch
        case notStarted(SubprocessError)
        case timeUp
    }

    private func end() async -> Ending {
        var options = PlatformOptions()
        // With a session of its own all that the program starts can be ended with it, and nothing can ask a terminal.
        options.createSession = true
        options.teardownSequence = [.gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(1))]
        let variables = environment.reduce(into: [Environment.Key: String]()) { variables, variable in
            if let key = Environment.Key(rawValue: variable.key) { variables[key] = variable.value }
        }
        let configuration = Configuration(
            executable: words[0].contains("/") ? .path(FilePath(words[0])) : .name(words[0]),
            arguments: Arguments(Array(words.dropFirst())),
            environment: .custom(variables),
            platformOptions: options
        )
        do {
            let result = try await Subprocess.run(
                configuration,
                input: .none,
                output: .bytes(limit: Self.outputLimit),
                // What it complains of is read and dropped: it may be what it keeps secret.
                error: .discarded
            )
            return .ended(result.terminationStatus, output: result.standardOutput)
        } catch let error as SubprocessError {
            return error.code == .outputLimitExceeded ? .tooMuch : .notStarted(error)
        } catch {
            return .timeUp
        }
    }

    private func failure(_ what: String) -> StorageError {
        StorageError(.unavailable, "the program of \(origin) \(what)", isRetryable: true)
    }
}
