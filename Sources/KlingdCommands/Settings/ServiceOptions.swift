import ArgumentParser
import Configuration
import JSONRPC

/// Who makes the images.
enum ProviderName: String, CaseIterable, ExpressibleByArgument {
    case cometapi
    case kling
    case simulator
}

/// How the simulator speaks.
enum DialectName: String, CaseIterable, ExpressibleByArgument {
    case cometapi
    case kling
}

/// Which generation of the provider's limits is held.
enum APIRevision: String, CaseIterable, ExpressibleByArgument {
    case classic
    case current
}

extension StdioTransport.EndOfInput: ExpressibleByArgument {}

/// The flags of every command that works with tasks.
struct ServiceOptions: ParsableArguments {
    @Option(help: "cometapi, kling (Kling's own API) or simulator (default: cometapi).")
    var provider: ProviderName?

    @Option(help: "The provider's address; the dialect's path is added.")
    var baseURL: String?

    @Option(
        help:
            "Where the images go: file:///FOLDER, s3://BUCKET/PREFIX, NAME://… for a plugin (default: klingd/images in your data folder)."
    )
    var storage: String?

    @Option(help: "Folder for klingd's own files (default: klingd in your state folder).", completion: .directory)
    var state: String?

    @OptionGroup var places: StorageOptions

    @Option(help: "Limits of the provider's API: classic or current (default: current for kling, else classic).")
    var apiRevision: APIRevision?

    @Option(help: "Images in flight at the provider; n counts (default: no limit but the one that is learnt).")
    var maxImagesInFlight: Int?

    @Option(help: "Images that may be asked for on one day in UTC (default: no limit).")
    var maxImagesPerDay: Int?

    @Option(help: "Seconds to wait for the provider's answer to one request (default: 90).")
    var requestTimeout: Int?

    @Option(help: "Whose API the simulator speaks: cometapi or kling (default: cometapi).")
    var simulatorDialect: DialectName?

    @Option(help: "How long the simulator's jobs take, compared with the real ones (default: 0.25).")
    var simulatorTimeScale: Double?
}

/// The flags of every command that serves a protocol.
struct ServingOptions: ParsableArguments {
    @Option(
        name: .customLong("on-eof"),
        help: "At the end of input, waits run on (drain) or are answered at once (detach) (default: drain)."
    )
    var endOfInput: StdioTransport.EndOfInput?

    @Flag(name: .customLong("no-task-updates"), help: "Send no task-updated notifications.")
    var noTaskUpdates = false
}

extension ServiceOptions {
    /// What was given on the command line.
    var flags: [Setting: ConfigContent] {
        var flags = places.flags
        flags[.provider] = provider.map { .string($0.rawValue) }
        flags[.baseURL] = baseURL.map { .string($0) }
        flags[.storage] = storage.map { .string($0) }
        flags[.state] = state.map { .string($0) }
        flags[.apiRevision] = apiRevision.map { .string($0.rawValue) }
        flags[.maxImagesInFlight] = maxImagesInFlight.map { .int($0) }
        flags[.maxImagesPerDay] = maxImagesPerDay.map { .int($0) }
        flags[.requestTimeout] = requestTimeout.map { .int($0) }
        flags[.simulatorDialect] = simulatorDialect.map { .string($0.rawValue) }
        flags[.simulatorTimeScale] = simulatorTimeScale.map { .double($0) }
        return flags
    }
}

extension StorageOptions {
    /// What was given on the command line.
    var flags: [Setting: ConfigContent] {
        var flags: [Setting: ConfigContent] = [:]
        flags[.config] = config.map { .string($0) }
        if !pluginDirectories.isEmpty { flags[.pluginDirectories] = .stringArray(pluginDirectories) }
        return flags
    }
}

extension ServingOptions {
    /// What was given on the command line; the switch can only be turned on there.
    var flags: [Setting: ConfigContent] {
        var flags: [Setting: ConfigContent] = [:]
        flags[.onEOF] = endOfInput.map { .string($0.rawValue) }
        if noTaskUpdates { flags[.noTaskUpdates] = .bool(true) }
        return flags
    }
}
