import Configuration
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where a value was given.
enum SettingOrigin: Equatable, Sendable {
    case flag
    case variable
    case file
    /// Nobody gave one.
    case usual
}

/// A value and where it was given.
struct Sourced<Value: Sendable>: Sendable {
    var value: Value
    var origin: SettingOrigin
}

/// What flags, variables and the configuration file say. A flag goes before a variable, a variable before the file,
/// the file before what is usual; only what is in force can be wrong.
struct SettingSources: Sendable {
    let environment: Environment
    let file: ConfigurationFile
    /// The file that was read, or that would be if it were there; `nil` when no place for it is known.
    let filePath: Sourced<String>?
    private let reader: ConfigReader
    private let lastAccess = LastAccess()

    /// Reads the configuration file, if there is one.
    ///
    /// - Throws: ``CommandFailure`` when it can't be used.
    init(flags: [Setting: ConfigContent], _ environment: Environment) throws(CommandFailure) {
        let path = Self.filePath(flags, environment)
        self.init(flags: flags, environment, file: try Self.file(at: path), path: path)
    }

    init(
        flags: [Setting: ConfigContent],
        _ environment: Environment,
        file: ConfigurationFile,
        path: Sourced<String>?
    ) {
        self.environment = environment
        self.file = file
        filePath = path
        reader = ConfigReader(
            // In the order of ``LastAccess/origins``.
            providers: [
                Self.provider("flags", flags),
                Self.variables(environment),
                Self.provider("file", file.values),
                Self.usual,
            ],
            accessReporter: lastAccess
        )
    }

    /// The place of the configuration file.
    static func filePath(_ flags: [Setting: ConfigContent], _ environment: Environment) -> Sourced<String>? {
        // Before there is a file, the others are asked for its place.
        let sources = SettingSources(flags: flags, environment, file: ConfigurationFile(), path: nil)
        if let path = try? sources.text(.config) {
            return Sourced(value: Settings.absolute(path.value), origin: path.origin)
        }
        guard let folder = try? environment.userDirectory("XDG_CONFIG_HOME", below: ".config") else { return nil }
        return Sourced(value: folder + "/klingd/config.json", origin: .usual)
    }

    /// A file that was named must be there; one in the usual place may be.
    static func file(at path: Sourced<String>?) throws(CommandFailure) -> ConfigurationFile {
        guard let path, path.origin != .usual || isThere(path.value) else { return ConfigurationFile() }
        return try ConfigurationFile(path: path.value)
    }

    static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    func text(_ setting: Setting) throws(CommandFailure) -> Sourced<String>? {
        try read(setting, "text") { $0.string(forKey: $1, isSecret: setting.isSecret) }
    }

    func wholeNumber(_ setting: Setting) throws(CommandFailure) -> Sourced<Int>? {
        try read(setting, "a whole number") { $0.int(forKey: $1) }
    }

    func number(_ setting: Setting) throws(CommandFailure) -> Sourced<Double>? {
        try read(setting, "a number") { $0.double(forKey: $1) }
    }

    func onOff(_ setting: Setting) throws(CommandFailure) -> Sourced<Bool>? {
        try read(setting, "true or false") { $0.bool(forKey: $1) }
    }

    func folders(_ setting: Setting) throws(CommandFailure) -> Sourced<[String]>? {
        try read(setting, "an array of folders") { $0.stringArray(forKey: $1) }
    }

    /// One of the words of a type.
    func word<Word: CaseIterable & RawRepresentable<String>>(
        _ setting: Setting,
        lowercased: Bool = false
    ) throws(CommandFailure) -> Sourced<Word>? {
        guard let text = try text(setting) else { return nil }
        guard let word = Word(rawValue: lowercased ? text.value.lowercased() : text.value) else {
            let known = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw wrong(setting, text.origin, "must be one of \(known), not '\(text.value)'")
        }
        return Sourced(value: word, origin: text.origin)
    }

    /// Where the setting was given, be it right or wrong; `nil` when it was not.
    func origin(_ setting: Setting) -> SettingOrigin? {
        lastAccess.origin {
            switch setting.kind {
            case .wholeNumber: _ = reader.int(forKey: Self.key(setting))
            case .number: _ = reader.double(forKey: Self.key(setting))
            case .onOff: _ = reader.bool(forKey: Self.key(setting))
            case .folders: _ = reader.stringArray(forKey: Self.key(setting))
            default: _ = reader.string(forKey: Self.key(setting), isSecret: setting.isSecret)
            }
        }.1
    }

    /// The setting as it was given: `--storage`, `the variable KLINGD_STORAGE`, `storage in /home/me/config.json`.
    func name(_ setting: Setting, _ origin: SettingOrigin) -> String {
        switch origin {
        case .flag: setting.flag ?? setting.rawValue
        case .variable: "the variable \(setting.variable ?? setting.rawValue)"
        case .file: "\(setting.rawValue) in \(filePath?.value ?? "the configuration file")"
        case .usual: setting.rawValue
        }
    }

    /// Says what is wrong with the value: `reason` goes on behind its name, "must be …" or ": …".
    func wrong(_ setting: Setting, _ origin: SettingOrigin, _ reason: String) -> CommandFailure {
        let gap = reason.hasPrefix(":") ? "" : " "
        return CommandFailure(message: name(setting, origin) + gap + reason, exitCode: CommandFailure.usage)
    }

    private func read<Value>(
        _ setting: Setting,
        _ wanted: String,
        _ get: (ConfigReader, ConfigKey) -> Value?
    ) throws(CommandFailure) -> Sourced<Value>? {
        let (value, origin) = lastAccess.origin { get(reader, Self.key(setting)) }
        if let value { return Sourced(value: value, origin: origin ?? .usual) }
        guard let origin else { return nil }
        // Somebody gave something, which is no such value.
        let found =
            switch origin {
            case .variable: setting.variable.flatMap { environment[$0] }.map { "'\($0)'" }
            default: file.shown[setting]
            }
        // A variable has no kinds: more words stand for yes and no.
        let wanted = origin == .variable && setting.kind == .onOff ? "1, true, yes, 0, false or no" : wanted
        throw wrong(setting, origin, "must be \(wanted)" + (found.map { ", not \($0)" } ?? ""))
    }

    private static func key(_ setting: Setting) -> ConfigKey { ConfigKey([setting.rawValue]) }

    private static func provider(_ name: String, _ values: [Setting: ConfigContent]) -> InMemoryProvider {
        InMemoryProvider(
            name: name,
            values: values.reduce(into: [:]) { values, entry in
                values[AbsoluteConfigKey(key(entry.key))] = ConfigValue(entry.value, isSecret: entry.key.isSecret)
            }
        )
    }

    private static func variables(_ environment: Environment) -> some ConfigProvider {
        let names = Setting.allCases.compactMap(\.variable)
        let variables = names.reduce(into: [:]) { $0[$1] = environment[$1] }
        let secrets = Set(Setting.allCases.filter(\.isSecret).compactMap(\.variable))
        let provider = EnvironmentVariablesProvider(
            environmentVariables: variables,
            secretsSpecifier: .specific(secrets),
            arraySeparator: ":"
        )
        return KeyMappingProvider(upstream: provider) { key in
            // A name that no variable has, for a setting that has none.
            AbsoluteConfigKey([key.components.first.flatMap(Setting.init)?.variable ?? ""])
        }
    }

    private static let usual = provider(
        "usual",
        Setting.allCases.reduce(into: [:]) { values, setting in
            guard let text = setting.usual else { return }
            switch setting.kind {
            case .wholeNumber: values[setting] = Int(text).map(ConfigContent.int)
            case .number: values[setting] = Double(text).map(ConfigContent.double)
            case .onOff: values[setting] = Bool(text).map(ConfigContent.bool)
            default: values[setting] = .string(text)
            }
        }
    )
}

/// Hears from the reader who answered.
private final class LastAccess: AccessReporter {
    /// In the order in which the reader asks.
    private static let origins: [SettingOrigin] = [.flag, .variable, .file, .usual]

    private let last = Mutex<SettingOrigin?>(nil)

    /// Whoever had a value, be it of the wrong kind, was asked last.
    func report(_ event: AccessEvent) {
        let origin: SettingOrigin? =
            switch event.providerResults.last?.result {
            case .success(let found)? where found.value == nil: nil
            case nil: nil
            default: Self.origins[event.providerResults.count - 1]
            }
        last.withLock { $0 = origin }
    }

    /// What `read` gives, which reads once, and who answered it.
    func origin<Value>(_ read: () -> Value) -> (Value, SettingOrigin?) {
        last.withLock { $0 = nil }
        let value = read()
        return (value, last.withLock { $0 })
    }
}
