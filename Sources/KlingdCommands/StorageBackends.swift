import FilesystemStorage
import Logging
import PluginStorage
import S3Storage
import Storage
import SystemPackage

/// The storage backends that klingd has, set up as the process is.
struct StorageBackends {
    /// klingd's own folder. It may lie in a storage, and is neither listed nor written to as such.
    var stateDirectory: String
    var plugins: PluginSettings
    var environment: Environment
    var log: Logger

    /// A factory for each scheme, and one for plugins.
    var registry: StorageRegistry {
        var options = FilesystemStorageOptions()
        options.reservedFolders = [FilePath(stateDirectory)]
        return StorageRegistry(
            [
                "file": { [options] (url) throws(StorageError) in try FilesystemStorage(url: url, options: options) },
                "s3": { [environment, log] (url) throws(StorageError) in
                    try S3Storage(url: url, environment: environment, log: log)
                },
            ],
            plugin: { [self] (url) throws(StorageError) in
                try PluginStorage(url: url, options: plugins.options(for: url.scheme, self))
            }
        )
    }

    /// A backend of the same kind that points at something that can't be reached, to see what it says then; `nil` where
    /// klingd knows of no such thing.
    func unreachable(like url: StorageURL) -> (any StorageBackend)? {
        switch url.scheme {
        case "file":
            guard let elsewhere = try? StorageURL(path: url.path + ".klingd-unreachable") else { return nil }
            // Not made by anybody: a folder that has gone is what an unplugged disk looks like.
            return try? registry.makeBackend(for: elsewhere)
        case "s3":
            var elsewhere = self
            // Nobody may listen on port 1 without being root, and nobody does.
            elsewhere.environment = Environment(
                environment.variables.merging([
                    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
                ]) { $1 }
            )
            return try? elsewhere.registry.makeBackend(for: url)
        default: return nil
        }
    }
}

extension StorageBackends {
    /// As the settings of a command have it.
    init(_ settings: Settings, _ environment: Environment, _ log: Logger) {
        self.init(
            stateDirectory: settings.stateDirectory,
            plugins: settings.plugins,
            environment: environment,
            log: log
        )
    }
}
