package import JSON
package import Storage

/// `plugin` and `host`: a program and its version.
package struct ProgramVersion: WireObject {
    package var name: String
    package var version: String

    package init(name: String, version: String) {
        self.name = name
        self.version = version
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        name = try members.requiredString("name")
        version = try members.requiredString("version")
    }

    package var json: JSONObject { ["name": .string(name), "version": .string(version)] }
}

/// `capabilities`: what a plugin can do beyond what every plugin must.
package struct PluginCapabilities: WireObject {
    package var storage: StorageCapabilities
    /// Requests that it takes at once.
    package var concurrency: Int

    package init(_ storage: StorageCapabilities = .init(), concurrency: Int = 1) {
        self.storage = storage
        self.concurrency = concurrency
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        storage = StorageCapabilities(
            exclusiveCreate: try members.bool("exclusive_create") ?? false,
            metadata: try members.bool("metadata") ?? false,
            sha256: try members.bool("sha256") ?? false,
            get: try members.bool("get") ?? false,
            presign: try members.bool("presign") ?? false
        )
        concurrency = Int(
            try members.integer("concurrency", in: 1...Int64(PluginProtocol.maximumConcurrency)) ?? 1
        )
    }

    package var json: JSONObject {
        [
            "get": .bool(storage.get), "presign": .bool(storage.presign), "metadata": .bool(storage.metadata),
            "sha256": .bool(storage.sha256), "exclusive_create": .bool(storage.exclusiveCreate),
            "concurrency": .integer(Int64(concurrency)),
        ]
    }
}

/// The result of `describe`.
package struct DescribeResult: WireObject {
    package var protocolName: String
    package var versions: [Int64]
    package var plugin: ProgramVersion
    package var capabilities: PluginCapabilities
    /// Names of the members of `config` that the plugin reads.
    package var config: [String]
    /// Names of the secrets that the plugin reads.
    package var secrets: [String]

    package init(
        protocolName: String = PluginProtocol.name,
        versions: [Int64] = PluginProtocol.versions,
        plugin: ProgramVersion,
        capabilities: PluginCapabilities,
        config: [String],
        secrets: [String]
    ) {
        self.protocolName = protocolName
        self.versions = versions
        self.plugin = plugin
        self.capabilities = capabilities
        self.config = config
        self.secrets = secrets
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        protocolName = try members.requiredString("protocol")
        versions = try members.required("versions", try members.integers("versions"))
        plugin = try members.requiredObject("plugin")
        capabilities = try members.requiredObject("capabilities")
        config = try members.required("config", try members.strings("config"))
        secrets = try members.required("secrets", try members.strings("secrets"))
    }

    package var json: JSONObject {
        [
            "protocol": .string(protocolName), "versions": JSONValue(versions), "plugin": .object(plugin.json),
            "capabilities": .object(capabilities.json), "config": JSONValue(config), "secrets": JSONValue(secrets),
        ]
    }
}

/// The params of `initialize`.
package struct InitializeParams: WireObject {
    package var protocolName: String
    /// What klingd speaks.
    package var versions: [Int64]
    package var host: ProgramVersion
    package var url: StorageURL
    package var config: PluginConfiguration
    package var secrets: [String: String]
    package var workDirectory: String

    package init(
        protocolName: String = PluginProtocol.name,
        versions: [Int64] = PluginProtocol.versions,
        host: ProgramVersion,
        url: StorageURL,
        config: PluginConfiguration,
        secrets: [String: String],
        workDirectory: String
    ) {
        self.protocolName = protocolName
        self.versions = versions
        self.host = host
        self.url = url
        self.config = config
        self.secrets = secrets
        self.workDirectory = workDirectory
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        protocolName = try members.requiredString("protocol")
        guard protocolName == PluginProtocol.name else {
            throw JSONDecodingError(
                "'protocol' must be '\(PluginProtocol.name)'",
                at: members.pointer.member("protocol")
            )
        }
        versions = try members.required("versions", try members.integers("versions"))
        host = try members.requiredObject("host")
        let text = try members.requiredString("url")
        do {
            url = try StorageURL(text)
        } catch {
            throw JSONDecodingError(error.message, at: members.pointer.member("url"))
        }
        let values = try members.required("config", try members.object("config"))
        config = try PluginConfiguration(values, at: members.pointer.member("config"))
        secrets = try members.required("secrets", try members.stringsByName("secrets"))
        workDirectory = try members.absolutePath("work_directory")
    }

    package var json: JSONObject {
        [
            "protocol": .string(protocolName), "versions": JSONValue(versions), "host": .object(host.json),
            "url": .string(url.description), "config": .object(config.json), "secrets": .object(JSONObject(secrets)),
            "work_directory": .string(workDirectory),
        ]
    }
}

/// The result of `initialize`.
package struct InitializeResult: WireObject {
    /// The one version that is spoken from here on.
    package var version: Int64
    package var plugin: ProgramVersion
    package var capabilities: PluginCapabilities

    package init(version: Int64, plugin: ProgramVersion, capabilities: PluginCapabilities) {
        self.version = version
        self.plugin = plugin
        self.capabilities = capabilities
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        version = try members.required("version", try members.integer("version"))
        plugin = try members.requiredObject("plugin")
        capabilities = try members.requiredObject("capabilities")
    }

    package var json: JSONObject {
        [
            "version": .integer(version), "plugin": .object(plugin.json),
            "capabilities": .object(capabilities.json),
        ]
    }
}
