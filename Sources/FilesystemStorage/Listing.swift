import Storage
import SystemPackage

extension ObjectTree {
    /// Goes through the tree in the order of the keys, past everything that can't be on the page.
    func list(prefix: String, after cursor: String?, limit: Int) throws(StorageError) -> ObjectPage {
        let limit = max(1, limit)
        var walk = Walk(isReserved: { self.isReserved($0) }, prefix: prefix, cursor: cursor, wanted: limit + 1)
        try attempt("list") { () throws(Errno) in try walk.visit(root, below: "") }
        // One more than asked for tells whether there is a further page.
        let objects = Array(walk.objects.prefix(limit))
        return ObjectPage(
            objects: objects,
            next: walk.objects.count > limit ? objects.last?.key.description : nil
        )
    }
}

private struct Walk {
    let isReserved: (String) -> Bool
    let prefix: String
    let cursor: String?
    let wanted: Int
    var objects: [ObjectSummary] = []

    /// `path` is empty, or the beginning of keys that leads here, with its slash.
    mutating func visit(_ directory: Directory, below path: String) throws(Errno) {
        // A folder sorts by its name with the slash, as the keys in it do: "a.png" comes before "a/b.png".
        var entries: [(path: String, name: String, status: FileStatus)] = []
        for name in try directory.names() where (try? ObjectKey(path + name)) != nil {
            // Names are gone between two calls, and folders may be closed to us: neither spoils the rest.
            guard mayHold(path + name), !isReserved(path + name), let status = try directory.status(of: name) else {
                continue
            }
            switch status.kind {
            case .file: entries.append((path + name, name, status))
            case .directory: entries.append((path + name + "/", name, status))
            case .other: continue
            }
        }
        entries.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        for entry in entries {
            if objects.count == wanted { return }
            if entry.status.kind == .directory {
                try visitFolder(entry.name, in: directory, below: entry.path)
            } else if isListed(entry.path), let key = try? ObjectKey(entry.path) {
                objects.append(ObjectSummary(key: key, size: entry.status.size))
            }
        }
    }

    private mutating func visitFolder(_ name: String, in directory: Directory, below path: String) throws(Errno) {
        // Every key below lies before the cursor, unless the cursor itself is below.
        if let cursor, path.utf8.lexicographicallyPrecedes(cursor.utf8), !cursor.utf8.starts(with: path.utf8) { return }
        let folder: Directory
        do {
            folder = try directory.directory(name)
        } catch {
            if [.noSuchFileOrDirectory, .permissionDenied, .notDirectory].contains(error) { return }
            throw error
        }
        try visit(folder, below: path)
    }

    /// Whether the key, or one below it, can begin with the prefix.
    private func mayHold(_ path: String) -> Bool {
        path.utf8.starts(with: prefix.utf8) || prefix.utf8.starts(with: path.utf8)
    }

    private func isListed(_ path: String) -> Bool {
        guard path.utf8.starts(with: prefix.utf8) else { return false }
        guard let cursor else { return true }
        return cursor.utf8.lexicographicallyPrecedes(path.utf8)
    }
}
