public import Storage
public import SystemPackage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// How the suite is run; the defaults suit a storage that is reached over a network.
public struct BehaviourOptions: Sendable {
    /// Every key of the suite lies below it. Nothing else may: what is found there is deleted at the end.
    public var prefix: ObjectKey
    /// An existing local folder, absolute. The suite makes a private folder in it for the files that are put and got, and
    /// removes it at the end.
    public var workDirectory: FilePath
    /// Contents and moments are drawn from it: the same seed repeats a run as far as time does.
    public var seed: UInt64
    /// How long one case may take. A case that takes longer has failed, and is not waited for.
    public var caseTimeout: Duration
    /// The size of the object with which the use of memory is looked at, in bytes.
    public var largeObjectBytes: Int64
    /// A second backend of the same kind that points at something that can't be reached.
    public var unreachable: (any StorageBackend)?
    /// Reads what lies at a URL, for ``StorageCapabilities/presign``.
    public var fetch: (@Sendable (String) async throws -> [UInt8])?
    /// Measures, and waits for, the time that cases may take.
    public var clock: any Clock<Duration>

    /// Options with which only what needs more is skipped.
    public init(
        prefix: ObjectKey,
        workDirectory: FilePath = BehaviourOptions.temporaryDirectory,
        seed: UInt64 = 1,
        caseTimeout: Duration = .seconds(60),
        largeObjectBytes: Int64 = 64 << 20,
        unreachable: (any StorageBackend)? = nil,
        fetch: (@Sendable (String) async throws -> [UInt8])? = nil,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.prefix = prefix
        self.workDirectory = workDirectory
        self.seed = seed
        self.caseTimeout = caseTimeout
        self.largeObjectBytes = largeObjectBytes
        self.unreachable = unreachable
        self.fetch = fetch
        self.clock = clock
    }

    /// A prefix that nobody else uses: `klingd-test-` and 16 hexadecimal digits.
    public static func randomPrefix() throws(StorageError) -> ObjectKey {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return try ObjectKey("klingd-test-" + String(repeating: "0", count: 16 - digits.count) + digits)
    }

    /// What `TMPDIR` says, or `/tmp`.
    public static var temporaryDirectory: FilePath {
        guard let named = getenv("TMPDIR").map({ FilePath(String(cString: $0)) }), named.isAbsolute else {
            return "/tmp"
        }
        return named
    }
}
