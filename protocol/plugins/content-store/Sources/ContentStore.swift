import Storage
import StoragePlugin
import SystemPackage

/// Keeps objects in a folder by what is in them, as git-annex does: the same bytes are stored once, under however many
/// keys.
///
/// `content://localhost/srv/images` is the folder `/srv/images`. In it each content is a file `objects/ab/cd/SHA256`,
/// and each key a symbolic link `keys/KEY` to its content; both can be read without this program.
struct ContentStore: StorageBackend {
    static let capabilities = StorageCapabilities(exclusiveCreate: true, get: true)

    let url: StorageURL
    var capabilities: StorageCapabilities { Self.capabilities }
    private let root: String
    /// In bytes.
    private let largest: Int64?

    init(_ start: PluginStart) throws(StorageError) {
        guard start.url.host == "localhost" else {
            throw StorageError(.configuration, "write content://localhost/FOLDER, with the path of a folder")
        }
        url = start.url
        root = start.url.path
        largest = try start.config.integer("largest_bytes")
    }

    func prepare() throws(StorageError) {
        // The folder itself is never made: it may be a disk that is not plugged in.
        guard try Files.size(of: root) != nil else {
            throw StorageError(.configuration, "there is no folder \(root): make it, or correct the URL")
        }
        for name in ["objects", "keys", "parts"] { try Files.makeFolder("\(root)/\(name)") }
        // What a killed process left behind. A part that is being written is younger than a day.
        for name in try Files.names(in: "\(root)/parts") { try Files.removeOld("\(root)/parts/\(name)") }
    }

    func put(_ request: PutRequest) async throws(StorageError) -> StoredObject {
        if let largest, request.size > largest {
            throw StorageError(.full, "\(request.size) bytes are more than 'largest_bytes' in config allows")
        }
        let part = "\(root)/parts/\(UInt64.random(in: 0...UInt64.max))"
        defer { Files.discard(part) }
        let copied = try await Files.copy(request.source.string, to: part, trouble: .source)
        guard copied.size == request.size, copied.sha256 == request.sha256 else {
            throw StorageError(.source, "the image is not of the size and SHA-256 that were announced")
        }
        // Locked, so that no other process removes the content before the key refers to it.
        let wasThere = try Files.locked("\(root)/lock") { () throws(StorageError) in
            let content = content(request.sha256)
            // Over what may be there: these bytes are known to be right and durable, those may be damaged.
            try Files.makeFolders(above: content, below: root)
            try Files.rename(part, to: content)
            return try link(request.key, to: request.sha256)
        }
        let uri = url.appending(request.key).description
        return StoredObject(key: request.key, uri: uri, size: request.size, wasThere: wasThere)
    }

    func head(_ key: ObjectKey) throws(StorageError) -> ObjectState {
        guard let sha256 = try digest(at: path(key)), let size = try Files.size(of: content(sha256)) else {
            // Without its folder nothing is known of a key.
            _ = try Files.names(in: "\(root)/keys")
            return .absent
        }
        // Not with the digest in the name, which says what was stored and not what lies there: klingd reads it back.
        return .present(ObjectSummary(key: key, size: size))
    }

    func get(_ key: ObjectKey, to path: FilePath) async throws(StorageError) -> ObjectState {
        let state = try head(key)
        guard case .present = state, let sha256 = try digest(at: self.path(key)) else { return state }
        do throws(StorageError) {
            guard try await Files.copy(content(sha256), to: path.string).sha256 == sha256 else {
                throw StorageError(.unavailable, "\(content(sha256)) is damaged: restore it")
            }
        } catch {
            Files.discard(path.string)
            throw error
        }
        return state
    }

    func delete(_ key: ObjectKey) throws(StorageError) {
        try Files.locked("\(root)/lock") { () throws(StorageError) in
            guard let sha256 = try digest(at: path(key)) else { return }
            try Files.remove(path(key))
            var others = Walk()
            try walk("", &others)
            for (other, _) in others.found where try digest(at: path(other)) == sha256 { return }
            try Files.remove(content(sha256))
        }
    }

    func list(prefix: String, after cursor: String?, limit: Int) throws(StorageError) -> ObjectPage {
        var page = Walk(prefix: prefix, after: cursor ?? "", limit: limit + 1)
        try walk("", &page)
        let objects = page.found.prefix(limit).map { ObjectSummary(key: $0.key, size: $0.size) }
        return ObjectPage(objects: objects, next: page.found.count > limit ? objects.last?.key.description : nil)
    }

    private func content(_ sha256: String) -> String {
        "\(root)/objects/\(sha256.prefix(2))/\(sha256.dropFirst(2).prefix(2))/\(sha256)"
    }

    private func path(_ key: ObjectKey) -> String { "\(root)/keys/\(key)" }

    /// The digest in the name of the content that a key refers to.
    private func digest(at path: String) throws(StorageError) -> String? {
        try Files.target(of: path).flatMap { $0.split(separator: "/").last.map(String.init) }
    }

    /// Whether the key referred to this content already.
    private func link(_ key: ObjectKey, to sha256: String) throws(StorageError) -> Bool {
        try Files.makeFolders(above: path(key), below: root)
        let up = String(repeating: "../", count: key.segments.count)
        if try Files.link(path(key), to: up + content(sha256).dropFirst(root.count + 1)) { return false }
        guard try digest(at: path(key)) == sha256 else {
            throw StorageError(.conflict, "other content lies under \(url.appending(key)) and is kept", key: key)
        }
        return true
    }

    private struct Walk {
        var prefix = ""
        var after = ""
        var limit = Int.max
        var found: [(key: ObjectKey, size: Int64)] = []
    }

    /// Finds keys in the order of their bytes, reading only those folders that can matter.
    private func walk(_ folder: String, _ walk: inout Walk) throws(StorageError) {
        var entries: [(path: String, isKey: Bool)] = []
        for name in try Files.names(in: "\(root)/keys/\(folder)") {
            let isKey = try Files.target(of: "\(root)/keys/\(folder)\(name)") != nil
            entries.append((folder + name + (isKey ? "" : "/"), isKey))
        }
        for (path, isKey) in entries.sorted(by: { $0.path < $1.path }) where walk.found.count < walk.limit {
            if !isKey {
                guard path.hasPrefix(walk.prefix) || walk.prefix.hasPrefix(path) else { continue }
                if path > walk.after || walk.after.hasPrefix(path) { try self.walk(path, &walk) }
            } else if path.hasPrefix(walk.prefix), path > walk.after, let key = try? ObjectKey(path) {
                if let size = try Files.size(of: self.path(key)) { walk.found.append((key, size)) }
            }
        }
    }
}
