/// Every setting of klingd: what it is called, where it may stand, what it holds.
///
/// The raw value is its name: that of the member of the configuration file, where there is one.
enum Setting: String, CaseIterable, Sendable {
    case provider
    case baseURL = "base_url"
    case storage
    case state
    case config
    case apiRevision = "api_revision"
    case maxImagesInFlight = "max_images_in_flight"
    case maxImagesPerDay = "max_images_per_day"
    case requestTimeout = "request_timeout"
    case simulatorDialect = "simulator_dialect"
    case simulatorTimeScale = "simulator_time_scale"
    case onEOF = "on_eof"
    case noTaskUpdates = "no_task_updates"
    case logLevel = "log_level"
    case pluginDirectories = "plugin_directories"
    case storagePlugins = "storage_plugins"
    case cometAPIKey = "keys.cometapi"
    case klingKey = "keys.kling"
    case klingAccessKey = "keys.kling_access_key"
    case klingSecretKey = "keys.kling_secret_key"

    /// What a value of it is.
    enum Kind: Equatable {
        case text
        case wholeNumber
        case number
        case onOff
        /// In a variable they stand between colons, as in PATH.
        case folders
        /// Never a value in the file, but the place where it is.
        case secret
        /// Too much for a flag or a variable.
        case object
    }

    var kind: Kind {
        switch self {
        case .provider, .baseURL, .storage, .state, .config, .apiRevision, .simulatorDialect, .onEOF, .logLevel: .text
        case .maxImagesInFlight, .maxImagesPerDay, .requestTimeout: .wholeNumber
        case .simulatorTimeScale: .number
        case .noTaskUpdates: .onOff
        case .pluginDirectories: .folders
        case .storagePlugins: .object
        case .cometAPIKey, .klingKey, .klingAccessKey, .klingSecretKey: .secret
        }
    }

    var isSecret: Bool { kind == .secret }

    /// `nil` where there is none: arguments can be read by everybody on the machine.
    var flag: String? {
        switch self {
        case .logLevel, .storagePlugins, .cometAPIKey, .klingKey, .klingAccessKey, .klingSecretKey: nil
        case .pluginDirectories: "--plugin-directory"
        default: "--" + String(rawValue.map { $0 == "_" ? "-" : $0 })
        }
    }

    var variable: String? {
        switch self {
        case .logLevel: "LOG_LEVEL"
        case .cometAPIKey: "COMETAPI_KEY"
        case .klingKey: "KLING_API_KEY"
        case .klingAccessKey: "KLING_ACCESS_KEY"
        case .klingSecretKey: "KLING_SECRET_KEY"
        case .storagePlugins: nil
        case .pluginDirectories: "KLINGD_PLUGIN_DIRECTORY"
        default: "KLINGD_" + rawValue.uppercased()
        }
    }

    /// Of the configuration file; a key is a member of its member `keys`.
    var member: String? {
        switch self {
        case .config: nil
        case .cometAPIKey, .klingKey, .klingAccessKey, .klingSecretKey: String(rawValue.dropFirst("keys.".count))
        default: rawValue
        }
    }

    /// What holds when nothing is said; `nil` where that is nothing, or follows from other settings.
    var usual: String? {
        switch self {
        case .provider, .simulatorDialect: "cometapi"
        case .requestTimeout: "90"
        case .simulatorTimeScale: "0.25"
        case .onEOF: "drain"
        case .noTaskUpdates: "false"
        case .logLevel: "warning"
        default: nil
        }
    }

    /// One line for people.
    var summary: String {
        switch self {
        case .provider: "who makes the images: cometapi, kling or simulator"
        case .baseURL: "the provider's address"
        case .storage: "where the images go"
        case .state: "folder for klingd's own files"
        case .config: "the configuration file"
        case .apiRevision: "limits of the provider's API that are held: classic or current"
        case .maxImagesInFlight: "images in flight at the provider"
        case .maxImagesPerDay: "images that may be asked for on one day in UTC"
        case .requestTimeout: "seconds to wait for the provider's answer to one request"
        case .simulatorDialect: "whose API the simulator speaks: cometapi or kling"
        case .simulatorTimeScale: "how long the simulator's jobs take, compared with the real ones"
        case .onEOF: "what becomes of waits at the end of input: drain or detach"
        case .noTaskUpdates: "whether task-updated notifications are left out"
        case .logLevel: "what is logged on stderr"
        case .pluginDirectories: "folders with storage plugins, looked at before PATH"
        case .storagePlugins: "what storage plugins are started with"
        case .cometAPIKey: "the key for cometapi"
        case .klingKey: "the key for kling"
        case .klingAccessKey: "the access key for kling"
        case .klingSecretKey: "the secret key that signs logins under the access key for kling"
        }
    }
}
