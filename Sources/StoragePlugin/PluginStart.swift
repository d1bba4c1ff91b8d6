public import Storage
public import SystemPackage

/// What klingd tells a plugin when it starts: the place to store to, and how to get in.
public struct PluginStart: Sendable {
    /// The storage, such as `content://localhost/srv/images`: the scheme is the plugin's name, the rest is its to read.
    public var url: StorageURL
    /// What the configuration file says for this plugin.
    public var config: PluginConfiguration
    /// By name. Never to be written to a log, an error, a file or another process's arguments.
    public var secrets: [String: String]
    /// A folder of this process's own, empty at the start and removed at the end.
    public var workDirectory: FilePath

    /// A start as klingd would tell it, for tests of a plugin.
    public init(
        url: StorageURL,
        config: PluginConfiguration = .init(),
        secrets: [String: String] = [:],
        workDirectory: FilePath
    ) {
        self.url = url
        self.config = config
        self.secrets = secrets
        self.workDirectory = workDirectory
    }

    /// The secret, or ``StorageErrorKind/configuration`` that says how to set it.
    public func secret(_ name: String) throws(StorageError) -> String {
        guard let secret = secrets[name] else {
            throw StorageError(
                .configuration,
                "the secret '\(name)' is missing: set storage_plugins.\(url.scheme).secrets.\(name) in the configuration"
            )
        }
        return secret
    }
}
