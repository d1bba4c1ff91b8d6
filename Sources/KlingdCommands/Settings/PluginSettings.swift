import ArgumentParser
import Logging
import PluginStorage
import Storage
import SystemPackage

/// The flags of every command that works with a storage.
struct StorageOptions: ParsableArguments {
    @Option(help: "Configuration file (default: klingd/config.json in your configuration folder, if it is there).")
    var config: String?

    @Option(
        name: .customLong("plugin-directory"),
        help: ArgumentHelp("Folder with storage plugins, before PATH; can be repeated.", valueName: "folder")
    )
    var pluginDirectories: [String] = []
}

/// Which storage plugins there may be and what they are started with.
struct PluginSettings {
    var configuration: ConfigurationFile
    /// Absolute.
    var directories: [String]

    /// - Throws: ``CommandFailure`` when the folders are none.
    init(_ sources: SettingSources) throws(CommandFailure) {
        configuration = sources.file
        directories = try sources.pluginDirectories().value
    }

    /// What the plugin `name` is started with.
    func options(for name: String, _ backends: StorageBackends) -> PluginStorageOptions {
        let known = configuration.plugins[name] ?? ConfigurationFile.Plugin()
        let environment = backends.environment
        var options = PluginStorageOptions(
            command: known.command.map { FilePath($0) },
            sha256: known.sha256,
            directories: directories.map { FilePath($0) },
            config: known.config,
            secrets: { () throws(StorageError) in try Self.secrets(of: name, known.secrets, environment) },
            environment: environment.variables,
            environmentNames: known.environment,
            workDirectory: FilePath(backends.stateDirectory + "/plugins"),
            hostVersion: Klingd.version,
            logger: backends.log
        )
        if let silence = known.silence { options.times.silence = silence }
        return options
    }

    private static func secrets(
        of plugin: String,
        _ secrets: [String: ConfigurationFile.Secret],
        _ environment: Environment
    ) throws(StorageError) -> [String: String] {
        var values: [String: String] = [:]
        for (name, secret) in secrets {
            switch secret.read(environment) {
            case .success(let value): values[name] = value
            case .failure(let failure):
                throw StorageError(.configuration, "storage_plugins.\(plugin).secrets.\(name): \(failure.reason)")
            }
        }
        return values
    }
}
