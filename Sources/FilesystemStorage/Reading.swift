import Storage
import SystemPackage

extension ObjectTree {
    /// Copies an object to a new file elsewhere on the machine. On an error, and when the object is absent, no file is left.
    func get(_ key: ObjectKey, to path: FilePath) throws(StorageError) -> ObjectState {
        guard let (folder, name) = try existingFolder(of: key), try status(of: name, in: folder, key) != nil else {
            return .absent
        }
        let source = try attempt("read", key) { () throws(Errno) in try folder.file(name) }
        let size = try copy(source, to: try target(path, key), at: path, key)
        return .present(ObjectSummary(key: key, size: size))
    }

    private func target(_ path: FilePath, _ key: ObjectKey) throws(StorageError) -> OpenFile {
        do { return try OpenFile.creating(path) } catch { throw targetError(error, path, key) }
    }

    /// Takes the file away again when it fails.
    private func copy(
        _ source: borrowing OpenFile,
        to target: consuming OpenFile,
        at path: FilePath,
        _ key: ObjectKey
    ) throws(StorageError) -> Int64 {
        let content: OpenFile.Content
        do throws(StorageError) {
            content = try source.read(upTo: .max, failure: { StorageError($0, "read", in: url, key: key) }) {
                bytes throws(StorageError) in
                do throws(Errno) { try target.write(bytes) } catch { throw targetError(error, path, key) }
            }
        } catch {
            OpenFile.remove(path)
            throw error
        }
        do throws(Errno) {
            try target.close()
        } catch {
            OpenFile.remove(path)
            throw targetError(error, path, key)
        }
        return content.size
    }

    private func targetError(_ error: Errno, _ path: FilePath, _ key: ObjectKey) -> StorageError {
        StorageError(
            error == .noSpace || error == .diskQuotaExceeded ? .full : .unavailable,
            "can't write \(path) with the content of \(place(of: key)) (\(error)): see that its folder can be written",
            isRetryable: true,
            key: key
        )
    }
}
