import Storage
import Synchronization
import SystemPackage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The files below an open root, by key. Every call blocks.
final class ObjectTree: Sendable {
    let root: Directory
    let url: StorageURL
    let path: FilePath
    let options: FilesystemStorageOptions
    /// Relative to the root, each with a slash at the end.
    private let reservedPaths: [String]
    /// Folders whose own names are known to be durable, by path below the root.
    private let durableFolders = Mutex<Set<String>>([])

    init(root: Directory, url: StorageURL, path: FilePath, options: FilesystemStorageOptions) {
        self.root = root
        self.url = url
        self.path = path
        self.options = options
        reservedPaths = options.reservedFolders.filter { $0 != path && $0.starts(with: path) }.map { folder in
            folder.components.dropFirst(path.components.count).map { "\($0.string)/" }.joined()
        }
    }

    /// Whether a folder, by its path below the root, or one above it is not the storage's.
    func isReserved(_ path: some StringProtocol) -> Bool {
        reservedPaths.contains { "\(path)/".hasPrefix($0) }
    }

    /// Makes the spool folder, and finds out by trying whether the root can be written.
    func prepare() throws(StorageError) {
        try attempt("write in the folder") { () throws(Errno) in
            try root.makeDirectory(FilesystemStorage.spoolName, mode: 0o700)
            try root.directory(FilesystemStorage.spoolName).setMode(0o700)
            let probe = PartName.random(for: "klingd-probe")
            try root.createFile(probe).close()
            try root.remove(probe)
        }
    }

    func head(_ key: ObjectKey) throws(StorageError) -> ObjectState {
        guard let (folder, name) = try existingFolder(of: key),
            let status = try status(of: name, in: folder, key)
        else { return .absent }
        return .present(ObjectSummary(key: key, size: status.size))
    }

    func delete(_ key: ObjectKey) throws(StorageError) {
        guard let (folder, name) = try existingFolder(of: key),
            try status(of: name, in: folder, key) != nil
        else { return }
        try attempt("delete", key) { () throws(Errno) in
            try folder.remove(name)
            try folder.synchronise()
        }
    }

    /// The status of an object; `nil` when there is none. What is neither a file nor a folder is nothing of ours,
    /// and nobody can say what reading or replacing it would do.
    func status(of name: String, in folder: Directory, _ key: ObjectKey) throws(StorageError) -> FileStatus? {
        let status = try attempt("look at", key) { () throws(Errno) in try folder.status(of: name) }
        switch status?.kind {
        case .file: return status
        case .directory, nil: return nil
        case .other:
            throw StorageError(
                .denied,
                "\(place(of: key)) is a symbolic link or a device, which klingd neither follows nor replaces: remove it",
                key: key
            )
        }
    }

    /// The folder of an object and its name in there, made durably as far as missing.
    func madeFolder(of key: ObjectKey) throws(StorageError) -> (folder: Directory, name: String) {
        guard !isReserved(key.description) else {
            throw StorageError(
                .denied,
                "\(place(of: key)) is in a folder for klingd's own use: choose another",
                key: key
            )
        }
        return try attempt("make the folder of", key) { () throws(Errno) in
            var folder = root
            var path = ""
            for segment in key.segments.dropLast() {
                path += "/\(segment)"
                folder = try madeFolder(String(segment), in: folder, path: path)
            }
            return (folder, String(key.name))
        }
    }

    func attempt<Value: ~Copyable>(
        _ action: String,
        _ key: ObjectKey? = nil,
        _ work: () throws(Errno) -> Value
    ) throws(StorageError) -> Value {
        do {
            return try work()
        } catch {
            throw StorageError(error, action, in: url, key: key)
        }
    }

    func place(of key: ObjectKey) -> String { url.appending(key).description }

    /// `nil` when a folder on the way does not exist.
    func existingFolder(of key: ObjectKey) throws(StorageError) -> (folder: Directory, name: String)? {
        guard !isReserved(key.description) else { return nil }
        return try attempt("look for", key) { () throws(Errno) in
            var folder = root
            for segment in key.segments.dropLast() {
                guard let child = try searchedFolder(String(segment), in: folder) else { return nil }
                folder = child
            }
            return (folder, String(key.name))
        }
    }

    private func madeFolder(_ name: String, in parent: Directory, path: String) throws(Errno) -> Directory {
        let isDurable = durableFolders.withLock { $0.contains(path) }
        if let folder = try existingFolder(name, in: parent) {
            // Another process may have made it, and been killed before it was durable.
            if !isDurable { try parent.synchronise() }
            rememberDurable(path)
            return folder
        }
        try parent.makeDirectory(name, mode: mode_t(options.directoryMode))
        try parent.synchronise()
        rememberDurable(path)
        return try parent.directory(name)
    }

    private func existingFolder(_ name: String, in parent: Directory) throws(Errno) -> Directory? {
        do {
            return try parent.directory(name)
        } catch {
            guard error == .noSuchFileOrDirectory else { throw error }
            return nil
        }
    }

    /// A file where a folder would be counts as none: below it there is no object either.
    private func searchedFolder(_ name: String, in parent: Directory) throws(Errno) -> Directory? {
        do {
            return try existingFolder(name, in: parent)
        } catch {
            guard error == .notDirectory, try parent.status(of: name)?.kind == .file else { throw error }
            return nil
        }
    }

    private func rememberDurable(_ path: String) {
        durableFolders.withLock { folders in
            // Days and projects are few; whoever has more pays a call now and then, not memory.
            if folders.count >= 1_000 { folders.removeAll() }
            folders.insert(path)
        }
    }
}
