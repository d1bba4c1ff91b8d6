import JSON
import Storage

/// What a plugin answered to `initialize`.
struct PluginHandshake: Sendable, Hashable {
    var version: Int64
    var name: String
    var pluginVersion: String
    var capabilities: StorageCapabilities
    var concurrency: Int

    init(answer: JSONValue) throws(JSONDecodingError) {
        let (object, pointer) = try PluginAnswers.result(answer)
        var members = JSONMembers(object, at: pointer)
        version = try PluginAnswers.required("version", try members.integer("version"), at: pointer)
        (name, pluginVersion) = try PluginAnswers.identity(&members, at: pointer)
        (capabilities, concurrency) = try PluginAnswers.capabilities(&members, at: pointer)
    }
}

extension PluginDescription {
    /// The name of the protocol, told in `describe` and `initialize`: a wrong program is known by it at once.
    static let protocolName = "klingd-storage"

    init(answer: JSONValue, executable: String) throws(JSONDecodingError) {
        let (object, pointer) = try PluginAnswers.result(answer)
        var members = JSONMembers(object, at: pointer)
        let protocolName = try PluginAnswers.required("protocol", try members.string("protocol"), at: pointer)
        guard protocolName == Self.protocolName else {
            throw JSONDecodingError("'protocol' must be \"\(Self.protocolName)\"", at: pointer.member("protocol"))
        }
        self.executable = executable
        let versions = try PluginAnswers.required("versions", try members.array("versions"), at: pointer)
        self.versions = []
        for (index, version) in versions.enumerated() {
            guard let number = version.integerValue else {
                let place = pointer.member("versions").element(index)
                throw JSONDecodingError("a version must be an integer, not \(version.kindName)", at: place)
            }
            self.versions.append(number)
        }
        (name, self.version) = try PluginAnswers.identity(&members, at: pointer)
        (capabilities, concurrency) = try PluginAnswers.capabilities(&members, at: pointer)
        config = try PluginAnswers.names("config", &members, at: pointer)
        secrets = try PluginAnswers.names("secrets", &members, at: pointer)
    }
}

extension PluginAnswers {
    fileprivate static func identity(
        _ members: inout JSONMembers,
        at pointer: JSONPointer
    ) throws(JSONDecodingError) -> (name: String, version: String) {
        let object = try required("plugin", try members.object("plugin"), at: pointer)
        let place = pointer.member("plugin")
        var plugin = JSONMembers(object, at: place)
        let name = try required("name", try plugin.string("name"), at: place)
        let version = try required("version", try plugin.string("version"), at: place)
        return (Excerpt.line(name, limit: 100), Excerpt.line(version, limit: 100))
    }

    fileprivate static func capabilities(
        _ members: inout JSONMembers,
        at pointer: JSONPointer
    ) throws(JSONDecodingError) -> (StorageCapabilities, concurrency: Int) {
        let object = try required("capabilities", try members.object("capabilities"), at: pointer)
        var given = JSONMembers(object, at: pointer.member("capabilities"))
        let capabilities = StorageCapabilities(
            exclusiveCreate: try given.bool("exclusive_create") ?? false,
            metadata: try given.bool("metadata") ?? false,
            sha256: try given.bool("sha256") ?? false,
            get: try given.bool("get") ?? false,
            presign: try given.bool("presign") ?? false
        )
        return (capabilities, Int(try given.integer("concurrency", in: 1...32) ?? 1))
    }

    fileprivate static func names(
        _ name: String,
        _ members: inout JSONMembers,
        at pointer: JSONPointer
    ) throws(JSONDecodingError) -> [String] {
        var names: [String] = []
        for (index, value) in (try members.array(name) ?? []).enumerated() {
            guard let text = value.stringValue else {
                let place = pointer.member(name).element(index)
                throw JSONDecodingError("a name must be a string, not \(value.kindName)", at: place)
            }
            names.append(Excerpt.line(text, limit: 100))
        }
        return names
    }
}
