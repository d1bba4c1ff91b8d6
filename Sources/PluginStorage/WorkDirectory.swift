import Storage
import SystemPackage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The private folder of one plugin process; it is there as long as the process is.
///
/// It is locked while it is used, so that the folders of a klingd that was killed are known, and removed by the next.
struct WorkDirectory: Sendable {
    let path: FilePath
    /// Open on the folder, and holds its lock.
    private let descriptor: Int32

    /// Makes a new, empty folder in `parent`, which is made too when it is missing.
    static func make(in parent: FilePath, for name: String) throws(StorageError) -> WorkDirectory {
        try makeParent(parent)
        // A sweep may take a folder that is not locked yet: then it is made once more.
        for _ in 0..<10 {
            var template = Array(parent.appending("\(name)-XXXXXX").string.utf8CString)
            guard mkdtemp(&template) != nil else { throw failure("make a folder in", parent, errno) }
            let descriptor = lock(AT_FDCWD, template)
            var status = stat()
            if let descriptor, stat(template, &status) == 0 {
                let path = FilePath(String(decoding: template.map(UInt8.init(bitPattern:)).dropLast(), as: UTF8.self))
                return WorkDirectory(path: path, descriptor: descriptor)
            }
            if let descriptor { close(descriptor) }
        }
        throw failure("lock a folder in", parent, EAGAIN)
    }

    /// Removes the folder and what is in it, without following a link; what resists is left.
    func remove() {
        path.withPlatformString { Self.removeTree(AT_FDCWD, $0, depth: 0) }
        close(descriptor)
    }

    /// Removes the folders that nobody uses any more.
    static func sweep(_ parent: FilePath, of name: String) {
        let folder = parent.withPlatformString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard folder >= 0 else { return }
        defer { close(folder) }
        let prefix = "\(name)-".utf8.map(CChar.init(bitPattern:))
        for entry in names(in: folder) where entry.starts(with: prefix) {
            guard let descriptor = lock(folder, entry) else { continue }
            removeTree(folder, entry, depth: 0)
            close(descriptor)
        }
    }

    /// `nil` when it is no folder or another holds the lock.
    private static func lock(_ parent: Int32, _ name: [CChar]) -> Int32? {
        let descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    private static func makeParent(_ path: FilePath) throws(StorageError) {
        var status = stat()
        if path.withPlatformString({ mkdir($0, 0o700) }) != 0, errno == ENOENT {
            let above = path.removingLastComponent()
            guard above != path else { throw failure("make", path, ENOENT) }
            try makeParent(above)
            _ = path.withPlatformString { mkdir($0, 0o700) }
        }
        guard path.withPlatformString({ stat($0, &status) }) == 0 else { throw failure("make", path, errno) }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw failure("make", path, ENOTDIR) }
    }

    private static func removeTree(_ parent: Int32, _ name: UnsafePointer<CChar>, depth: Int) {
        guard unlinkat(parent, name, 0) != 0 else { return }
        let descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        // A plugin may nest folders as deep as it likes; our descriptors are not there for it.
        if depth < 200 {
            for entry in names(in: descriptor) { removeTree(descriptor, entry, depth: depth + 1) }
        }
        close(descriptor)
        _ = unlinkat(parent, name, Int32(AT_REMOVEDIR))
    }

    /// Each with its NUL, without `.` and `..`.
    private static func names(in folder: Int32) -> [[CChar]] {
        // The stream takes its descriptor over.
        let copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { return [] }
        guard let stream = fdopendir(copy) else {
            close(copy)
            return []
        }
        defer { closedir(stream) }
        var names: [[CChar]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
            }
            if name != [46, 0], name != [46, 46, 0] { names.append(name) }
        }
        return names
    }

    private static func failure(_ action: String, _ path: FilePath, _ code: Int32) -> StorageError {
        let error = Errno(rawValue: code)
        let kind: StorageErrorKind = error == .noSpace ? .full : .configuration
        return StorageError(
            kind,
            "can't \(action) '\(Excerpt.line(path.string))' for the work of storage plugins (\(error)): "
                + "klingd's --state folder must be writable",
            isRetryable: kind == .full
        )
    }
}
