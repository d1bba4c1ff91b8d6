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
    /// `nil` when the provider needs one and none was given.
    var key: Credentials?
    /// For the account's fingerprint alone.
    var keyText: String?
    var storage: StorageURL
    var stateDirectory: String
    var limits: LimitsProfile
    var maxImagesInFlight: Int?
    var simulatorTimeScale: Double

    /// Any key will do there.
    static let simulatorKey = "simulator"

    /// - Throws: ``CommandFailure``.
    init(_ options: ServiceOptions, _ environment: Environment) throws {
        provider = try options.provider ?? Self.word("provider", environment) ?? .cometapi
        baseURL = try Self.baseURL(options.baseURL ?? environment[flag: "base-url"], provider)
        keyText = environment["COMETAPI_KEY"] ?? (provider == .simulator ? Self.simulatorKey : nil)
        key = keyText.flatMap { Credentials(bearerKey: $0) }
        if keyText != nil, key == nil { throw Self.wrong("COMETAPI_KEY holds what cannot be a key") }
        if options.state == "" { throw Self.wrong("--state names no folder") }
        let state =
            try options.state ?? environment[flag: "state"]
            ?? environment.userDirectory("XDG_STATE_HOME", below: ".local/state") + "/klingd"
        stateDirectory = Self.absolute(state)
        storage = try Self.storage(options.storage ?? environment[flag: "storage"], environment)
        let revision: APIRevision = try options.apiRevision ?? Self.word("api-revision", environment) ?? .classic
        limits = revision == .classic ? .classic : .current
        maxImagesInFlight = try options.maxImagesInFlight ?? Self.number("max-images-in-flight", environment)
        if let limit = maxImagesInFlight, limit < 1 {
            throw Self.wrong("--max-images-in-flight must be 1 or more, not \(limit)")
        }
        simulatorTimeScale =
            try options.simulatorTimeScale ?? Self.number("simulator-time-scale", environment) ?? 0.25
        guard simulatorTimeScale >= 0, simulatorTimeScale.isFinite else {
            throw Self.wrong("--simulator-time-scale must be 0 or more")
        }
    }

    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }

    /// Said to those who ask for a paid image without a key.
    var missingCredentials: String? {
        guard key == nil else { return nil }
        return "no key for \(provider.rawValue): set COMETAPI_KEY (keys: https://api.cometapi.com/console/token), "
            + "or try klingd without one by --provider simulator"
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
        guard let text = text ?? (provider == .cometapi ? Dialect.cometapi.baseURL : nil) else { return nil }
        do {
            let url = try HTTPURL(text)
            guard url.userInfo == nil else {
                throw wrong("--base-url: it holds a user name; the key goes in COMETAPI_KEY alone")
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
