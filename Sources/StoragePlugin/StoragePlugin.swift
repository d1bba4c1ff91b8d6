import JSON
import JSONRPC
public import Storage

#if canImport(Glibc)
    @preconcurrency import Glibc
#elseif canImport(Musl)
    @preconcurrency import Musl
#else
    @preconcurrency import Darwin
#endif

/// Makes a program that is a storage plugin of klingd from any ``StorageBackend``.
///
/// The whole of a plugin's `main`:
///
///     StoragePlugin(name: "klingd-storage-content", version: "1.0", config: ["largest_bytes"]) {
///         (start) throws(StorageError) in try ContentStore(start)
///     }.serve()
///
/// What the backend promises is told by `protocol/storage-plugin.md`, and by ``StorageBackend``.
public struct StoragePlugin: Sendable {
    /// Makes the backend for one storage; ``StorageBackend/prepare()`` is called next. Both have 10 seconds together.
    public typealias Factory = @Sendable (PluginStart) async throws(StorageError) -> any StorageBackend

    let name: String
    let version: String
    let capabilities: StorageCapabilities
    let concurrency: Int
    let config: [String]
    let secrets: [String]
    let makeBackend: Factory

    /// - Parameters:
    ///   - name: of the program, for people.
    ///   - version: of the program, for people.
    ///   - capabilities: what is told before a backend is made; then its own count.
    ///   - concurrency: how many calls the backend takes at once, 1 to 32.
    ///   - config: the names of the members of `config` that the plugin reads; others are refused.
    ///   - secrets: the names of the secrets that the plugin reads.
    ///   - makeBackend: makes the backend.
    public init(
        name: String,
        version: String,
        capabilities: StorageCapabilities = .init(),
        concurrency: Int = 1,
        config: [String] = [],
        secrets: [String] = [],
        makeBackend: @escaping Factory
    ) {
        self.name = name
        self.version = version
        self.capabilities = capabilities
        self.concurrency = min(max(concurrency, 1), PluginProtocol.maximumConcurrency)
        self.config = config
        self.secrets = secrets
        self.makeBackend = makeBackend
    }

    /// Serves klingd on stdin and stdout until it ends the plugin, and ends the process. To be called first and last.
    ///
    /// The backend is called off the main thread and may block; a request that is cancelled cancels its task. What the
    /// process prints goes to stderr, and from there to klingd's log.
    public func serve(arguments: [String] = CommandLine.arguments) -> Never {
        guard arguments.dropFirst().elementsEqual(["--stdio"]) else {
            Self.tell(help)
            exit(2)
        }
        let streams = StandardStreams.take()
        // What is printed is a log: it is to be read when it happens.
        setvbuf(stdout, nil, _IOLBF, 0)
        guard let loop = SerialLoop() else {
            Self.tell("\(name): no file descriptors are left; raise the limit (ulimit -n)")
            exit(1)
        }
        serve(streams, on: loop)
        exit(0)
    }

    /// Returns when klingd has ended the plugin and everything is answered.
    func serve(_ streams: StandardStreams, on loop: SerialLoop) {
        let interruption = Interruption(waking: loop)
        let connection = Connection(
            executor: loop,
            handler: PluginServer(self, onShutdown: { interruption.request() }),
            // The protocol has no batches.
            parser: MessageParser(limits: JSONLimits(bytes: PluginProtocol.maximumLineLength), batchLimit: 0),
            log: { [name] in Self.tell("\(name): \($0)") }
        )
        loop.run(
            StdioTransport(
                connection: connection,
                streams: streams,
                endOfInput: .detach,
                interruption: interruption
            )
        )
    }

    private var help: String {
        """
        \(name) \(version): a storage plugin of klingd, which starts it as: \(name) --stdio
        It speaks the storage plugin protocol, version \(PluginProtocol.versions.map(String.init).joined(separator: ", ")).
        Try it with: klingd storage test NAME://…
        """
    }

    private static func tell(_ line: String) {
        var text = line + "\n"
        // Nobody is left to tell if this fails.
        text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    }
}
