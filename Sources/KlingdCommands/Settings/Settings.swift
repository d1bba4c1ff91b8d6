import HTTPTransport
import JSONRPC
import KlingAPI
import Logging
import Storage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What flags, variables and the configuration file come to.
struct Settings {
    var provider: ProviderName
    /// `nil` with the simulator: it runs in this process.
    var baseURL: HTTPURL?
    /// How the provider speaks.
    var dialect: Dialect
    /// `nil` when the provider needs one and none was given, or when it was not asked for.
    var key: Credentials?
    var storage: StorageURL
    /// As it was given, for messages: `--storage`, or the variable, or the member of the file.
    var storageName: String
    var plugins: PluginSettings
    var stateDirectory: String
    var limits: LimitsProfile
    var maxImagesInFlight: Int?
    var maxImagesPerDay: Int?
    var requestTimeout: Duration
    var simulatorTimeScale: Double
    var endOfInput: StdioTransport.EndOfInput
    var sendsUpdates: Bool
    /// What the configuration file says, unless a variable says otherwise.
    var logLevel: Logger.Level

    /// Any key will do there.
    static let simulatorKey = "simulator"

    /// Reads the configuration file once.
    ///
    /// - Parameters:
    ///   - options: The flags of every command that works with tasks.
    ///   - serving: The flags of those who serve a protocol; `nil` for other commands.
    ///   - environment: The variables.
    ///   - needsKey: Without it no file is opened and no program run for a key. With it they are now, since tasks are
    ///     kept by account, which the key tells, and those that are open go on at once.
    /// - Throws: ``CommandFailure``.
    init(
        _ options: ServiceOptions,
        serving: ServingOptions? = nil,
        _ environment: Environment,
        needsKey: Bool = true
    ) throws {
        let flags = options.flags.merging(serving?.flags ?? [:]) { $1 }
        try self.init(SettingSources(flags: flags, environment), needsKey: needsKey)
    }

    init(_ sources: SettingSources, needsKey: Bool) throws(CommandFailure) {
        provider = try sources.provider().value
        baseURL = try sources.baseURL(provider)?.value
        let simulatorDialect = try sources.simulatorDialect().value
        switch provider {
        case .cometapi: dialect = .cometapi
        case .kling: dialect = .kling
        case .simulator: dialect = simulatorDialect == .kling ? .kling : .cometapi
        }
        stateDirectory = try sources.stateDirectory().value
        let place = try sources.storage()
        storage = place.value
        storageName = sources.name(.storage, place.origin)
        plugins = try PluginSettings(sources)
        limits = try sources.apiRevision(provider).value == .classic ? .classic : .current
        maxImagesInFlight = try sources.maxImagesInFlight()?.value
        maxImagesPerDay = try sources.maxImagesPerDay()?.value
        requestTimeout = .seconds(try sources.requestTimeout().value)
        simulatorTimeScale = try sources.simulatorTimeScale().value
        endOfInput = try sources.endOfInput().value
        sendsUpdates = try !sources.sendsNoUpdates().value
        do {
            logLevel = try sources.logLevel().value
        } catch {
            // A wrong variable is told and passed over when logging begins; the file is held to what it says.
            guard sources.environment["LOG_LEVEL"] != nil else { throw error }
            logLevel = .warning
        }
        // Last, since it may take a while.
        key = try KeySources(sources).key(for: provider, reads: needsKey)
    }

    /// The path from the root, for one that begins in the folder of now.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }

    /// The core client; `nil` without a key or an address.
    func client(_ transport: HTTPTransport, at address: String? = nil) -> KlingClient? {
        guard let key, let address = address ?? baseURL?.text else { return nil }
        return KlingClient(transport: transport, baseURL: address, dialect: dialect, credentials: key)
    }

    func transport(_ environment: Environment) -> HTTPTransportConfiguration {
        HTTPTransportConfiguration(
            requestTimeout: requestTimeout,
            proxies: ProxyEnvironment(environment.variables),
            certificateFile: environment["SSL_CERT_FILE"],
            userAgent: "klingd/\(Klingd.version)"
        )
    }

    /// The simulator's tasks stay apart from those that cost money.
    var ledgerDirectory: String { provider == .simulator ? stateDirectory + "/simulator" : stateDirectory }

    /// Said to those who ask for a paid image without a key.
    var missingCredentials: String? {
        guard key == nil else { return nil }
        let hint = "or tell where it is by \"keys\" in the configuration file, or try klingd by --provider simulator"
        return provider == .kling
            ? "no key for kling: set KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY, \(hint)"
            : "no key for cometapi: set COMETAPI_KEY (from https://api.cometapi.com/console/token), \(hint)"
    }
}
