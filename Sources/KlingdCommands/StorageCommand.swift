import ArgumentParser
import HTTPTransport
import JSON
import JSONRPC
import Logging
import Storage
import StorageBehaviour
import Synchronization

/// `klingd storage`: what has to do with storages alone.
struct StorageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage",
        abstract: "Work with a storage.",
        subcommands: [StorageTestCommand.self]
    )
}

/// `klingd storage test`: does a storage keep its promises?
struct StorageTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Find out whether a storage keeps what klingd relies on.",
        discussion: """
            Puts, looks up, lists and deletes objects below klingd-test-… in the storage, and tidies up at the end.
            Exit codes: 0 every case passed or was skipped, 1 some failed or the storage can't be used, 2 wrong usage.
            """
    )

    @Argument(help: "The storage: file:///FOLDER, s3://BUCKET/PREFIX, or NAME://… of a plugin.")
    var url: String?

    @OptionGroup var places: StorageOptions

    @Option(help: ArgumentHelp("Run only this case; can be given several times.", valueName: "case"))
    var only: [String] = []

    @Flag(help: "Print the cases and what they promise, and test nothing.")
    var list = false

    @Flag(help: "Print a line of JSON for each case instead of a table.")
    var json = false

    @Option(help: "Size of the object with which the use of memory is looked at, in bytes.")
    var largeObjectBytes: Int64 = 64 << 20

    func validate() throws {
        guard list || url != nil else { throw ValidationError("give the URL of a storage, or --list") }
        guard (1...1 << 40).contains(largeObjectBytes) else {
            throw ValidationError("--large-object-bytes must be 1 to \(1 << 40), not \(largeObjectBytes)")
        }
        let known = Set(StorageBehaviour.cases.map(\.name))
        for name in only where !known.contains(name) {
            throw ValidationError("there is no case '\(name)'; --list prints all of them")
        }
    }

    func run() throws {
        guard !list, let url else {
            printCases()
            return
        }
        Signals.hold()
        let environment = Environment.current
        let log = Log.bootstrap(environment)
        let backend: any StorageBackend
        let unreachable: (any StorageBackend)?
        do {
            let url = try StorageURL(url)
            let sources = try SettingSources(flags: places.flags, environment)
            let backends = StorageBackends(
                stateDirectory: try sources.stateDirectory().value,
                plugins: try PluginSettings(sources),
                environment: environment,
                log: log
            )
            backend = try backends.registry.makeBackend(for: url)
            unreachable = backends.unreachable(like: url)
        } catch let error as StorageError {
            throw CommandFailure(message: error.message, exitCode: CommandFailure.usage)
        }
        let transport = HTTPTransport(
            configuration: HTTPTransportConfiguration(
                proxies: ProxyEnvironment(environment.variables),
                certificateFile: environment["SSL_CERT_FILE"],
                userAgent: "klingd/\(Klingd.version)"
            ),
            logger: log
        )
        let options: BehaviourOptions
        do {
            options = BehaviourOptions(
                prefix: try BehaviourOptions.randomPrefix(),
                seed: .random(in: .min ... .max),
                largeObjectBytes: largeObjectBytes,
                unreachable: unreachable,
                fetch: { try await $0.content(transport) }
            )
        } catch {
            throw CommandFailure(message: error.message, exitCode: CommandFailure.failed)
        }
        let results = try test(backend, options, transport)
        if !json { Console.output(BehaviourTable.summary(results)) }
        let failed = results.count(where: \.isFailure)
        guard failed == 0 else {
            throw CommandFailure(
                message: "\(backend.url) does not keep \(failed) of klingd's promises",
                exitCode: CommandFailure.failed
            )
        }
    }

    /// Runs the suite until it ends or a signal comes, after which it only tidies up.
    private func test(
        _ backend: any StorageBackend,
        _ options: BehaviourOptions,
        _ transport: HTTPTransport
    ) throws(CommandFailure) -> [BehaviourResult] {
        guard let loop = SerialLoop() else { throw .noDescriptors }
        let end = StopSource(loop)
        let outcome = Mutex<Result<[BehaviourResult], StorageError>>(.success([]))
        let only = only.isEmpty ? nil : Set(only)
        let json = json
        // Owned by this function, which waits for its end in the loop.
        let testing = Task {
            do throws(StorageError) {
                try await backend.prepare()
                let results = await StorageBehaviour(backend: backend, options: options).run(only: only) { result in
                    Console.output(json ? "\(result.json)" : BehaviourTable.lines(for: result))
                }
                outcome.withLock { $0 = .success(results) }
            } catch {
                outcome.withLock { [error] in $0 = .failure(error) }
            }
            await transport.shutdown()
            await backend.shutdown()
            await options.unreachable?.shutdown()
            end.stop()
        }
        let received = Received()
        try Signals.watch { number in
            received.note(number)
            testing.cancel()
        }
        loop.run(end)
        if let number = received.number {
            throw CommandFailure(
                message:
                    "ended by a signal; what was made below \(options.prefix)/ is deleted as far as the storage let it",
                exitCode: 128 + number
            )
        }
        switch outcome.withLock({ $0 }) {
        case .success(let results): return results
        case .failure(let error):
            throw CommandFailure(
                message: "the storage can't be used: \(error.message)",
                exitCode: CommandFailure.failed
            )
        }
    }

    private func printCases() {
        for behaviourCase in StorageBehaviour.cases where only.isEmpty || only.contains(behaviourCase.name) {
            guard json else {
                Console.output("\(behaviourCase.name)\n    \(behaviourCase.promise)")
                continue
            }
            let line: JSONValue = ["case": .string(behaviourCase.name), "promise": .string(behaviourCase.promise)]
            Console.output("\(line)")
        }
    }
}

extension String {
    /// What lies at this URL, which may be one of this machine.
    fileprivate func content(_ transport: HTTPTransport) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        _ = try await transport.download(self, allowsPrivateAddresses: true) { bytes += $0 }
        return bytes
    }
}

extension BehaviourResult {
    fileprivate var json: JSONValue {
        var members: [(String, JSONValue)] = [("case", .string(behaviourCase.name))]
        switch outcome {
        case .passed: members.append(("outcome", "passed"))
        case .skipped(let reason): members += [("outcome", "skipped"), ("reason", .string(reason))]
        case .failed(let seen, let advice):
            members += [
                ("outcome", "failed"), ("promise", .string(behaviourCase.promise)), ("seen", .string(seen)),
                ("to_do", .string(advice)), ("read", .string("protocol/storage-plugin.md, \(behaviourCase.section)")),
            ]
        }
        let (seconds, attoseconds) = duration.components
        members.append(("ms", .integer(seconds * 1_000 + attoseconds / 1_000_000_000_000_000)))
        if !leftBehind.isEmpty {
            members.append(("left_behind", .array(leftBehind.map { .string($0.description) })))
        }
        return .object(JSONObject(members.map { JSONObject.Member(name: $0.0, value: $0.1) }))
    }
}
