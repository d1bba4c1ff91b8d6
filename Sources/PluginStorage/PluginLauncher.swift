import JSON
import Logging
import Storage
import SystemPackage

/// Gets everything ready for one start of a plugin.
struct PluginLauncher: Sendable {
    /// What one process is started with.
    struct Launch: Sendable {
        let executable: FilePath
        /// Programs of the same name that come later.
        let shadowed: [FilePath]
        let environment: [String: String]
        let secrets: [String: String]
        let workDirectory: WorkDirectory
    }

    let url: StorageURL
    let options: PluginStorageOptions
    let locator: PluginLocator

    /// Checks the options; throws ``StorageErrorKind/configuration``. Does no input or output.
    init(url: StorageURL, options: PluginStorageOptions) throws(StorageError) {
        self.url = url
        self.options = options
        locator = try PluginLocator(
            name: url.scheme,
            command: options.command,
            directories: options.directories,
            searchPath: options.environment["PATH"] ?? ""
        )
        if let sha256 = options.sha256, ProgramFile.bytes(ofDigest: sha256) == nil {
            throw StorageError(.configuration, "\(pinSetting) must be 64 hexadecimal digits")
        }
    }

    private var pinSetting: String { "storage_plugins.\(locator.name).sha256" }

    /// Removes what a klingd that was killed left.
    func sweep() { WorkDirectory.sweep(options.workDirectory, of: locator.name) }

    func launch() throws(StorageError) -> Launch {
        let found = try locator.locate()
        try ProgramFile.check(found.path, sha256: options.sha256, setting: pinSetting)
        return Launch(
            executable: found.path,
            shadowed: found.shadowed,
            environment: PluginEnvironment.filtered(options.environment, named: options.environmentNames),
            secrets: try options.secrets(),
            workDirectory: try WorkDirectory.make(in: options.workDirectory, for: locator.name)
        )
    }

    /// The params of `initialize`.
    func initialization(_ launch: Launch) -> JSONObject {
        let secrets = launch.secrets.sorted { $0.key < $1.key }
        return [
            "protocol": .string(PluginDescription.protocolName),
            "versions": .array(PluginErrors.versions.map(JSONValue.integer)),
            "host": ["name": "klingd", "version": .string(options.hostVersion)],
            "url": .string(url.description),
            "config": .object(options.config),
            "secrets": .object(JSONObject(secrets.map { .init(name: $0.key, value: .string($0.value)) })),
            "work_directory": .string(launch.workDirectory.path.string),
        ]
    }
}
