import HTTPTransport
import JSONRPC
import KlingAPI
import Logging
import Storage

/// What each setting comes to, checked. All of them throw ``CommandFailure`` that says where the wrong value stands.
extension SettingSources {
    func provider() throws(CommandFailure) -> Sourced<ProviderName> {
        try word(.provider) ?? Sourced(value: .cometapi, origin: .usual)
    }

    /// `nil` with the simulator when no address is given: it runs in this process.
    func baseURL(_ provider: ProviderName) throws(CommandFailure) -> Sourced<HTTPURL>? {
        let usual: String? =
            switch provider {
            case .cometapi: Dialect.cometapi.baseURL
            case .kling: Dialect.kling.baseURL
            case .simulator: nil
            }
        guard let text = try text(.baseURL) ?? usual.map({ Sourced(value: $0, origin: .usual) }) else { return nil }
        let url: HTTPURL
        do {
            url = try HTTPURL(text.value)
        } catch {
            throw wrong(.baseURL, text.origin, ": \(error.message)")
        }
        guard url.userInfo == nil else {
            throw wrong(.baseURL, text.origin, ": it holds a user name; the key goes in the environment alone")
        }
        guard url.scheme == .https || url.reach != .everywhere else {
            throw wrong(.baseURL, text.origin, ": the key would travel in clear to \(url.host); use https")
        }
        return Sourced(value: url, origin: text.origin)
    }

    func storage() throws(CommandFailure) -> Sourced<StorageURL> {
        let text = try text(.storage)
        let origin = text?.origin ?? .usual
        if text?.value == "" { throw wrong(.storage, origin, "names no folder") }
        let place: String
        if let text {
            place = text.value
        } else {
            place = try environment.userDirectory("XDG_DATA_HOME", below: ".local/share") + "/klingd/images"
        }
        do {
            return Sourced(
                value: place.hasPrefix("/") ? try StorageURL(path: place) : try StorageURL(place),
                origin: origin
            )
        } catch {
            throw wrong(.storage, origin, ": \(error.message)")
        }
    }

    /// klingd's own folder, absolute.
    func stateDirectory() throws(CommandFailure) -> Sourced<String> {
        guard let path = try text(.state) else {
            let folder = try environment.userDirectory("XDG_STATE_HOME", below: ".local/state") + "/klingd"
            return Sourced(value: folder, origin: .usual)
        }
        guard !path.value.isEmpty else { throw wrong(.state, path.origin, "names no folder") }
        return Sourced(value: Settings.absolute(path.value), origin: path.origin)
    }

    func apiRevision(_ provider: ProviderName) throws(CommandFailure) -> Sourced<APIRevision> {
        try word(.apiRevision) ?? Sourced(value: provider == .kling ? .current : .classic, origin: .usual)
    }

    func maxImagesInFlight() throws(CommandFailure) -> Sourced<Int>? {
        let limit = try wholeNumber(.maxImagesInFlight)
        if let limit, limit.value < 1 {
            throw wrong(.maxImagesInFlight, limit.origin, "must be 1 or more, not \(limit.value)")
        }
        return limit
    }

    func maxImagesPerDay() throws(CommandFailure) -> Sourced<Int>? {
        let limit = try wholeNumber(.maxImagesPerDay)
        if let limit, limit.value < 0 {
            throw wrong(.maxImagesPerDay, limit.origin, "must be 0 or more, not \(limit.value)")
        }
        return limit
    }

    /// In seconds.
    func requestTimeout() throws(CommandFailure) -> Sourced<Int> {
        let timeout = try wholeNumber(.requestTimeout) ?? Sourced(value: 90, origin: .usual)
        guard (1...600).contains(timeout.value) else {
            throw wrong(.requestTimeout, timeout.origin, "must be 1 to 600, not \(timeout.value)")
        }
        return timeout
    }

    func simulatorDialect() throws(CommandFailure) -> Sourced<DialectName> {
        try word(.simulatorDialect) ?? Sourced(value: .cometapi, origin: .usual)
    }

    func simulatorTimeScale() throws(CommandFailure) -> Sourced<Double> {
        let scale = try number(.simulatorTimeScale) ?? Sourced(value: 0.25, origin: .usual)
        guard scale.value >= 0, scale.value.isFinite else {
            throw wrong(.simulatorTimeScale, scale.origin, "must be 0 or more")
        }
        return scale
    }

    func endOfInput() throws(CommandFailure) -> Sourced<StdioTransport.EndOfInput> {
        try word(.onEOF) ?? Sourced(value: .drain, origin: .usual)
    }

    func sendsNoUpdates() throws(CommandFailure) -> Sourced<Bool> {
        try onOff(.noTaskUpdates) ?? Sourced(value: false, origin: .usual)
    }

    func logLevel() throws(CommandFailure) -> Sourced<Logger.Level> {
        try word(.logLevel, lowercased: true) ?? Sourced(value: .warning, origin: .usual)
    }

    /// Absolute, in the order in which they are looked through.
    func pluginDirectories() throws(CommandFailure) -> Sourced<[String]> {
        guard let folders = try folders(.pluginDirectories) else { return Sourced(value: [], origin: .usual) }
        // A colon too many in a variable names no folder.
        let named = folders.origin == .variable ? folders.value.filter { !$0.isEmpty } : folders.value
        return Sourced(value: named.map(Settings.absolute), origin: folders.origin)
    }
}
