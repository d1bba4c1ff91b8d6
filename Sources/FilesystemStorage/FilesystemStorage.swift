package import Storage
import Synchronization
package import SystemPackage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Keeps objects as files below one folder.
///
/// Promises (s3-facts.md 2.3): a key shows either nothing or a complete, verified file; when ``put(_:)`` returns, the
/// file survives a loss of power; nothing outside the root is ever read or written through a key.
package final class FilesystemStorage: StorageBackend {
    /// The folder in the root for files on their way; hidden, so that no key leads into it.
    package static let spoolName = ".klingd-spool"

    package let url: StorageURL
    package let spoolDirectory: FilePath?
    package let capabilities: StorageCapabilities

    private let path: FilePath
    private let options: FilesystemStorageOptions
    private let tree = Mutex<ObjectTree?>(nil)
    private let isSwept = Mutex(false)
    // Calls for one key share a lane, so writers of one process never race each other.
    private let objectLanes = (0..<4).map { _ in BlockingLane() }
    private let treeLane = BlockingLane()

    /// Does no input or output. Throws ``StorageErrorKind/configuration`` for a URL that is not a `file` URL.
    package init(url: StorageURL, options: FilesystemStorageOptions = .init()) throws(StorageError) {
        guard url.scheme == "file" else {
            throw StorageError(.configuration, "'\(url)' is not a folder: give a URL that begins with file:///")
        }
        self.url = url
        self.options = options
        path = FilePath(url.path)
        spoolDirectory = path.appending(Self.spoolName)
        // No digest: to tell it, every look-up would have to read the whole file.
        capabilities = StorageCapabilities(exclusiveCreate: options.collision == .keep, get: true)
    }

    package func prepare() async throws(StorageError) {
        try await treeLane.run { () throws(StorageError) in try self.prepareTree() }
    }

    @discardableResult
    package func put(_ request: PutRequest) async throws(StorageError) -> StoredObject {
        try await onLane(of: request.key) { tree throws(StorageError) in
            let wasThere = try tree.put(request)
            return StoredObject(
                key: request.key,
                uri: self.url.appending(request.key).description,
                path: self.path.appending(request.key.description).string,
                size: request.size,
                wasThere: wasThere
            )
        }
    }

    package func head(_ key: ObjectKey) async throws(StorageError) -> ObjectState {
        try await onLane(of: key) { tree throws(StorageError) in try tree.head(key) }
    }

    package func delete(_ key: ObjectKey) async throws(StorageError) {
        try await onLane(of: key) { tree throws(StorageError) in try tree.delete(key) }
    }

    package func list(prefix: String, after cursor: String?, limit: Int) async throws(StorageError) -> ObjectPage {
        try await treeLane.run { () throws(StorageError) in
            try self.withTree { tree throws(StorageError) in
                try tree.list(prefix: prefix, after: cursor, limit: limit)
            }
        }
    }

    package func get(_ key: ObjectKey, to path: FilePath) async throws(StorageError) -> ObjectState {
        try await onLane(of: key) { tree throws(StorageError) in try tree.get(key, to: path) }
    }

    private func onLane<Value: Sendable>(
        of key: ObjectKey,
        _ work: @Sendable (ObjectTree) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let lane = objectLanes[Int(UInt(bitPattern: key.hashValue) % UInt(objectLanes.count))]
        return try await lane.run { () throws(StorageError) in try self.withTree(work) }
    }

    private func prepareTree() throws(StorageError) {
        let root: Directory
        do {
            root = try Directory.makingRoot(at: path, mode: mode_t(options.directoryMode))
        } catch {
            throw StorageError(error, "open or make the folder", in: url)
        }
        let prepared = ObjectTree(root: root, url: url, path: path, options: options)
        try prepared.prepare()
        tree.withLock { $0 = prepared }
        // Reading the whole tree once in a process is enough.
        let isFirst = isSwept.withLock { isSwept in
            defer { isSwept = true }
            return !isSwept
        }
        if isFirst { prepared.sweep() }
    }

    /// Opens the root when it is not open, but never makes it: a folder that has gone may be a disk that is not
    /// plugged in, and files written in its stead would be hidden as soon as it is.
    private func withTree<Value>(
        _ work: (ObjectTree) throws(StorageError) -> Value
    ) throws(StorageError) -> Value {
        let opened: ObjectTree
        if let tree = tree.withLock({ $0 }) {
            opened = tree
        } else {
            do {
                let root = try Directory.root(at: path)
                opened = ObjectTree(root: root, url: url, path: path, options: options)
            } catch {
                throw StorageError(error, "open the folder", in: url)
            }
            tree.withLock { $0 = opened }
        }
        do {
            return try work(opened)
        } catch {
            // The open descriptor may belong to a folder that was removed or a disk that went away.
            if error.kind == .unavailable { tree.withLock { $0 = nil } }
            throw error
        }
    }
}
