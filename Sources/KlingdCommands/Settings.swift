import ArgumentParser
import HTTPTransport
import KlingAPI
import Storage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What flags and environment come to. Flags go before variables.
struct Settings {
    var provider: ProviderName
    /// `nil` with the simulator: it runs in this process.
    var baseURL: HTTPURL?
    /// How the provider speaks.
    var dialect: Dialect
    /// `nil` when the provider needs one and none was given.
    var key: Credentials?
    var storage: StorageURL
    var plugins: PluginSettings
    var stateDirectory: String
    var limits: LimitsProfile
    var maxImagesInFlight: Int?
    var maxImagesPerDay: Int?
    var requestTimeout: Duration
    var simulatorTimeScale: Double

    /// Any key will do there.
    static let simulatorKey = "simulator"

    /// - Throws: ``CommandFailure``.
    init(_ options: ServiceOptions, _ environment: Environment) throws {
        provider = try options.provider ?? Self.word("provider", environment) ?? .cometapi
        baseURL = try Self.baseURL(options.baseURL ?? environment[flag: "base-url"], provider)
        let simulatorDialect: DialectName =
            try options.simulatorDialect ?? Self.word("simulator-dialect", environment) ?? .cometapi
        switch provider {
        case .cometapi: dialect = .cometapi
        case .kling: dialect = .kling
        case .simulator: dialect = simulatorDialect == .kling ? .kling : .cometapi
        }
        key = try Self.key(provider, environment)
        if options.state == "" { throw Self.wrong("--state names no folder") }
        stateDirectory = try Self.stateDirectory(options.state, environment)
        storage = try Self.storage(options.storage ?? environment[flag: "storage"], environment)
        plugins = try PluginSettings(options.places, environment)
        let revision: APIRevision =
            try options.apiRevision ?? Self.word("api-revision", environment)
            ?? (provider == .kling ? .current : .classic)
        limits = revision == .classic ? .classic : .current
        maxImagesInFlight = try options.maxImagesInFlight ?? Self.number("max-images-in-flight", environment)
        if let limit = maxImagesInFlight, limit < 1 {
            throw Self.wrong("--max-images-in-flight must be 1 or more, not \(limit)")
        }
        maxImagesPerDay = try options.maxImagesPerDay ?? Self.number("max-images-per-day", environment)
        if let limit = maxImagesPerDay, limit < 0 {
            throw Self.wrong("--max-images-per-day must be 0 or more, not \(limit)")
        }
        let timeout = try options.requestTimeout ?? Self.number("request-timeout", environment) ?? 90
        guard (1...600).contains(timeout) else {
            throw Self.wrong("--request-timeout must be 1 to 600, not \(timeout)")
        }
        requestTimeout = .seconds(timeout)
        simulatorTimeScale =
            try options.simulatorTimeScale ?? Self.number("simulator-time-scale", environment) ?? 0.25
        guard simulatorTimeScale >= 0, simulatorTimeScale.isFinite else {
            throw Self.wrong("--simulator-time-scale must be 0 or more")
        }
    }

    /// klingd's own folder, absolute.
    static func stateDirectory(_ path: String?, _ environment: Environment) throws(CommandFailure) -> String {
        if let path = path ?? environment[flag: "state"] { return absolute(path) }
        return try environment.userDirectory("XDG_STATE_HOME", below: ".local/state") + "/klingd"
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

    /// The key that the environment holds for a provider.
    private static func key(
        _ provider: ProviderName,
        _ environment: Environment
    ) throws(CommandFailure) -> Credentials? {
        let name: String
        switch provider {
        case .cometapi: name = "COMETAPI_KEY"
        case .kling: name = "KLING_API_KEY"
        // Any key will do there.
        case .simulator: return Credentials(bearerKey: simulatorKey)
        }
        if let text = environment[name] {
            guard let key = Credentials(bearerKey: text) else { throw wrong("\(name) holds what cannot be a key") }
            return key
        }
        guard provider == .kling else { return nil }
        switch (environment["KLING_ACCESS_KEY"], environment["KLING_SECRET_KEY"]) {
        case (nil, nil): return nil
        case (let access?, let secret?):
            guard let key = Credentials(accessKey: access, secretKey: secret) else {
                throw wrong("KLING_ACCESS_KEY or KLING_SECRET_KEY holds what cannot be a key")
            }
            return key
        case (nil, .some): throw wrong("KLING_SECRET_KEY is set without KLING_ACCESS_KEY")
        case (.some, nil): throw wrong("KLING_ACCESS_KEY is set without KLING_SECRET_KEY")
        }
    }

    /// Said to those who ask for a paid image without a key.
    var missingCredentials: String? {
        guard key == nil else { return nil }
        let hint = "or try klingd without one by --provider simulator"
        return provider == .kling
            ? "no key for kling: set KLING_API_KEY, or KLING_ACCESS_KEY and KLING_SECRET_KEY, \(hint)"
            : "no key for cometapi: set COMETAPI_KEY (keys: https://api.cometapi.com/console/token), \(hint)"
    }

    private static func storage(_ text: String?, _ environment: Environment) throws(CommandFailure) -> StorageURL {
        do {
            guard let text else {
                let folder = try environment.userDirectory("XDG_DATA_HOME", below: ".local/share") + "/klingd/images"
                return try StorageURL(path: folder)
            }
            guard !text.isEmpty else { throw wrong("--storage names no folder") }
            return text.hasPrefix("/") ? try StorageURL(path: text) : try StorageURL(text)
        } catch let error as StorageError {
            throw wrong("--storage: \(error.message)")
        } catch let error as CommandFailure {
            throw error
        } catch {
            throw wrong("--storage: \(error)")
        }
    }

    private static func baseURL(_ text: String?, _ provider: ProviderName) throws(CommandFailure) -> HTTPURL? {
        let usual: String? =
            switch provider {
            case .cometapi: Dialect.cometapi.baseURL
            case .kling: Dialect.kling.baseURL
            case .simulator: nil
            }
        guard let text = text ?? usual else { return nil }
        do {
            let url = try HTTPURL(text)
            guard url.userInfo == nil else {
                throw wrong("--base-url: it holds a user name; the key goes in the environment alone")
            }
            guard url.scheme == .https || url.reach != .everywhere else {
                throw wrong("--base-url: the key would travel in clear to \(url.host); use https")
            }
            return url
        } catch let error as CommandFailure {
            throw error
        } catch let error as HTTPTransportError {
            throw wrong("--base-url: \(error.message)")
        } catch {
            throw wrong("--base-url: \(error)")
        }
    }

    /// The word that the variable for `flag` holds; `nil` when it is not set.
    static func word<Word: ExpressibleByArgument & CaseIterable & RawRepresentable<String>>(
        _ flag: String,
        _ environment: Environment
    ) throws(CommandFailure) -> Word? {
        guard let text = environment[flag: flag] else { return nil }
        guard let word = Word(argument: text) else {
            let known = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw wrong("the variable for --\(flag) must be one of \(known), not '\(text)'")
        }
        return word
    }

    /// Whether the variable for the switch `flag` turns it on.
    static func isOn(_ flag: String, _ environment: Environment) throws(CommandFailure) -> Bool {
        switch environment[flag: flag]?.lowercased() {
        case "1", "true", "yes": true
        case nil, "0", "false", "no": false
        case let text?: throw wrong("the variable for --\(flag) must be 1, true, yes, 0, false or no, not '\(text)'")
        }
    }

    private static func number<Number: LosslessStringConvertible>(
        _ flag: String,
        _ environment: Environment
    ) throws(CommandFailure) -> Number? {
        guard let text = environment[flag: flag] else { return nil }
        guard let number = Number(text) else {
            throw wrong("the variable for --\(flag) must be a number, not '\(text)'")
        }
        return number
    }

    private static func wrong(_ message: String) -> CommandFailure {
        CommandFailure(message: message, exitCode: CommandFailure.usage)
    }
}
