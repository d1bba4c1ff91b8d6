import Configuration
import HTTPTransport
import JSON
import JSONRPC
import Logging
import Storage

/// What every setting is, and where that was given, for `klingd config show`. No secret is in it.
struct SettingReport {
    struct Row {
        var name: String
        var setting: Setting
        /// `nil` when there is none, or when it is secret, or wrong.
        var value: JSONValue?
        /// The value for people.
        var text: String
        var origin: SettingOrigin
        /// Of a secret: where it is.
        var place: String?
        /// What is wrong with it.
        var problem: String?
    }

    private(set) var rows: [Row] = []
    /// The configuration file that is read; `nil` when there is none.
    private let filePath: String?
    private let sources: SettingSources

    /// Goes on when a setting, or the whole file, is wrong: its row says so.
    init(flags: [Setting: ConfigContent], _ environment: Environment) {
        let path = SettingSources.filePath(flags, environment)
        var file = ConfigurationFile()
        var problem: String?
        do {
            file = try SettingSources.file(at: path)
        } catch {
            problem = error.message
        }
        sources = SettingSources(flags: flags, environment, file: file, path: path)
        filePath = path.flatMap { problem == nil && SettingSources.isThere($0.value) ? $0.value : nil }
        for setting in Setting.allCases { add(setting) }
        if let row = rows.firstIndex(where: { $0.setting == .config }) {
            rows[row].problem = problem
            if filePath == nil, path != nil { rows[row].text += " (not there)" }
        }
    }

    var problems: Int { rows.count { $0.problem != nil } }

    private mutating func add(_ setting: Setting) {
        do throws(CommandFailure) {
            // What follows from a provider that is wrong is what it would be for the usual one.
            let provider = (try? sources.provider().value) ?? .cometapi
            switch setting {
            case .provider: add(setting, try sources.provider()) { .string($0.rawValue) }
            // Without a query, in which there may be a key.
            case .baseURL:
                add(setting, try sources.baseURL(provider), none: "in this process") { .string($0.description) }
            case .storage: add(setting, try sources.storage()) { .string($0.description) }
            case .state: add(setting, try sources.stateDirectory()) { .string($0) }
            case .config: add(setting, sources.filePath, none: "none") { .string($0) }
            case .apiRevision: add(setting, try sources.apiRevision(provider)) { .string($0.rawValue) }
            case .maxImagesInFlight:
                add(setting, try sources.maxImagesInFlight(), none: "no limit") { .integer(Int64($0)) }
            case .maxImagesPerDay: add(setting, try sources.maxImagesPerDay(), none: "no limit") { .integer(Int64($0)) }
            case .requestTimeout: add(setting, try sources.requestTimeout()) { .integer(Int64($0)) }
            case .simulatorDialect: add(setting, try sources.simulatorDialect()) { .string($0.rawValue) }
            case .simulatorTimeScale: add(setting, try sources.simulatorTimeScale()) { .real($0) }
            case .onEOF: add(setting, try sources.endOfInput()) { .string($0.rawValue) }
            case .noTaskUpdates: add(setting, try sources.sendsNoUpdates()) { .bool($0) }
            case .logLevel: add(setting, try sources.logLevel()) { .string($0.rawValue) }
            case .pluginDirectories: add(setting, try sources.pluginDirectories()) { .array($0.map { .string($0) }) }
            case .storagePlugins: addPlugins()
            case .cometAPIKey, .klingKey, .klingAccessKey, .klingSecretKey: addKey(setting)
            }
        } catch {
            rows.append(Row(name: setting.rawValue, setting: setting, text: "wrong", origin: origin(setting)))
            rows[rows.count - 1].problem = error.message
        }
    }

    private mutating func add<Value>(
        _ setting: Setting,
        _ found: Sourced<Value>?,
        none: String = "",
        _ json: (Value) -> JSONValue
    ) {
        let value = found.map { json($0.value) }
        let text =
            switch value {
            case .array(let parts)?: parts.isEmpty ? "none" : parts.compactMap(\.stringValue).joined(separator: ":")
            case let value?: value.stringValue ?? value.description
            case nil: none
            }
        rows.append(
            Row(name: setting.rawValue, setting: setting, value: value, text: text, origin: found?.origin ?? .usual)
        )
    }

    /// A row for each plugin, and one for each of its secrets.
    private mutating func addPlugins() {
        let plugins = sources.file.plugins.sorted { $0.key < $1.key }
        for (name, plugin) in plugins {
            let name = "\(Setting.storagePlugins.rawValue).\(name)"
            let command = plugin.command
            rows.append(
                Row(
                    name: name,
                    setting: .storagePlugins,
                    value: .object(JSONObject([.init(name: "command", value: command.map { .string($0) } ?? .null)])),
                    text: command ?? "looked for in the plugin directories and PATH",
                    origin: .file
                )
            )
            for (secret, kept) in plugin.secrets.sorted(by: { $0.key < $1.key }) {
                var row = Row(name: "\(name).secrets.\(secret)", setting: .storagePlugins, text: "", origin: .file)
                row.place = KeyPlace.secret(kept).description
                row.text = "set (\(row.place ?? ""))"
                if case .failure(let failure) = kept.read(sources.environment) {
                    row.problem = "\(row.name): \(failure.reason)"
                }
                rows.append(row)
            }
        }
        guard plugins.isEmpty else { return }
        rows.append(
            Row(
                name: Setting.storagePlugins.rawValue,
                setting: .storagePlugins,
                value: .object([:]),
                text: "none",
                origin: .usual
            )
        )
    }

    private mutating func addKey(_ setting: Setting) {
        let keys = KeySources(sources)
        let place = keys.place(setting)
        rows.append(
            Row(
                name: setting.rawValue,
                setting: setting,
                text: place.map { "set (\($0))" } ?? "not set",
                origin: keys.origin(setting) ?? .usual,
                place: place,
                problem: keys.problem(setting) ?? pairProblem(setting, keys)
            )
        )
    }

    /// Half a pair is of no use, which matters to kling alone.
    private func pairProblem(_ setting: Setting, _ keys: KeySources) -> String? {
        guard setting == .klingSecretKey, (try? sources.provider().value) == .kling else { return nil }
        do {
            _ = try keys.key(for: .kling, reads: false)
            return nil
        } catch {
            return error.message
        }
    }

    /// Of a value that is wrong.
    private func origin(_ setting: Setting) -> SettingOrigin { sources.origin(setting) ?? .usual }
}

extension SettingReport {
    /// For programs.
    var json: JSONValue {
        var report = JSONObject([.init(name: "file", value: filePath.map { .string($0) } ?? .null)])
        report.append("settings", .array(rows.map { .object($0.json(sources)) }))
        return .object(report)
    }

    /// A table for people.
    var lines: [String] {
        let cells = rows.map { row in
            [row.name, row.problem == nil ? row.text : "wrong", row.problem ?? sources.place(row.setting, row.origin)]
                .map(TerminalText.escaped)
        }
        let widths = (0..<2).map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { row in
            let padded = (0..<2).map { row[$0] + String(repeating: " ", count: widths[$0] - row[$0].count) }
            return (padded + [row[2]]).joined(separator: "  ")
        }
    }
}

extension SettingReport.Row {
    fileprivate func json(_ sources: SettingSources) -> JSONObject {
        var object = JSONObject([.init(name: "name", value: .string(name))])
        if place != nil || setting.isSecret {
            object.append("is_set", .bool(place != nil))
            object.append("kept_in", place.map { .string($0) } ?? .null)
        } else {
            object.append("value", value ?? .null)
        }
        object.append("origin", .string(sources.kind(origin)))
        object.append("where", sources.mark(setting, origin).map { .string($0) } ?? .null)
        if let problem { object.append("problem", .string(problem)) }
        object.append("description", .string(setting.summary))
        return object
    }
}

extension SettingSources {
    fileprivate func kind(_ origin: SettingOrigin) -> String {
        switch origin {
        case .flag: "flag"
        case .variable: "variable"
        case .file: "file"
        case .usual: "default"
        }
    }

    /// The flag, the variable or the file.
    fileprivate func mark(_ setting: Setting, _ origin: SettingOrigin) -> String? {
        switch origin {
        case .flag: setting.flag
        case .variable: setting.variable
        case .file: filePath?.value
        case .usual: nil
        }
    }

    fileprivate func place(_ setting: Setting, _ origin: SettingOrigin) -> String {
        [kind(origin), mark(setting, origin)].compactMap(\.self).joined(separator: " ")
    }
}
