package import Storage
import SystemPackage

/// The `config` and `credentials` files that AWS's tools share. The second holds secrets; no description shows anything
/// of either.
package struct AWSSharedFiles: Sendable {
    /// In bytes. A file that is larger is none of these.
    static let sizeLimit = 1 << 20

    struct File: Sendable {
        var path: String
        var content: INIFile
    }

    /// `nil` when there is none, as for the other.
    let config: File?
    let credentials: File?

    /// Takes the files' texts, `nil` for one that is not there.
    package init(
        config: (path: String, text: String)?,
        credentials: (path: String, text: String)?
    ) throws(StorageError) {
        func parse(_ file: (path: String, text: String)?) throws(StorageError) -> File? {
            guard let file else { return nil }
            return File(path: file.path, content: try INIFile(file.text, path: file.path))
        }
        self.config = try parse(config)
        self.credentials = try parse(credentials)
    }

    /// Reads the files that the environment names: AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, or those in `~/.aws`.
    /// One that is not there, or no regular file, counts as empty. Blocks for two small reads.
    package static func read(environment: [String: String]) throws(StorageError) -> AWSSharedFiles {
        let paths = paths(environment)
        return try AWSSharedFiles(config: content(of: paths.config), credentials: content(of: paths.credentials))
    }

    /// Where the files are looked for; `nil` without a HOME.
    static func paths(_ environment: [String: String]) -> (config: String?, credentials: String?) {
        func path(_ variable: String, _ name: String) -> String? {
            let home = environment.setting("HOME")?.value
            guard let path = environment.setting(variable)?.value else { return home.map { "\($0)/.aws/\(name)" } }
            return path.expandingHome(home)
        }
        return (path("AWS_CONFIG_FILE", "config"), path("AWS_SHARED_CREDENTIALS_FILE", "credentials"))
    }

    private static func content(of path: String?) throws(StorageError) -> (path: String, text: String)? {
        guard let path else { return nil }
        let bytes: [UInt8]?
        do {
            // Without O_NONBLOCK, opening a named pipe would wait for somebody to write into it.
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.nonBlocking, .closeOnExec])
            bytes = try file.closeAfter {
                let status = try file.stat()
                guard status.type == .regular else { return nil }
                return try content(of: file)
            }
        } catch Errno.noSuchFileOrDirectory, Errno.notDirectory {
            return nil
        } catch {
            throw StorageError(.configuration, "\(path) can't be read: \(error)")
        }
        guard let bytes else { return nil }
        guard bytes.count <= sizeLimit, let text = String(validating: bytes, as: UTF8.self) else {
            throw StorageError(.configuration, "\(path) must be a text in UTF-8 of at most 1 MiB")
        }
        return (path, text)
    }

    /// At most one byte more than a file may have.
    private static func content(of file: FileDescriptor) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: sizeLimit + 1) { buffer, count in
            while count < buffer.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
                let got = try file.read(into: rest)
                guard got > 0 else { return }
                count += got
            }
        }
    }
}

extension AWSSharedFiles: CustomStringConvertible, CustomReflectable {
    package var description: String {
        [config, credentials].compactMap { $0?.path }.joined(separator: ", ")
    }

    package var customMirror: Mirror { Mirror(self, children: ["files": description]) }
}

extension [String: String] {
    /// A variable with its name as the origin; one that is set to nothing counts as not set.
    func setting(_ name: String) -> ConfiguredValue<String>? {
        guard let value = self[name], !value.isEmpty else { return nil }
        return ConfiguredValue(value, origin: name)
    }
}

extension String {
    /// With the home folder in the place of a `~` that stands for it.
    func expandingHome(_ home: String?) -> String {
        guard let home, self == "~" || hasPrefix("~/") else { return self }
        return home + dropFirst()
    }
}
