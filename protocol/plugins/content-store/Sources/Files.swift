import Crypto
import Storage
import StoragePlugin

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The system's calls for files, with klingd's errors. Paths are absolute.
enum Files {
    /// Copies `source` to a new file and makes it durable. `trouble` is the kind of error when `source` can't be read.
    static func copy(
        _ source: String,
        to path: String,
        trouble: StorageErrorKind = .unavailable
    ) async throws(StorageError) -> (size: Int64, sha256: String) {
        let from = open(source, O_RDONLY | O_CLOEXEC)
        guard from >= 0 else { throw StorageError(trouble, "\(source) can't be read: \(reason)", isRetryable: true) }
        defer { close(from) }
        let to = try check(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640), path)
        defer { close(to) }
        var (size, hash, block) = (Int64(0), SHA256(), [UInt8](repeating: 0, count: 256 << 10))
        while true {
            let count = read(from, &block, block.count)
            guard count >= 0 else {
                throw StorageError(trouble, "\(source) can't be read: \(reason)", isRetryable: true)
            }
            guard count > 0 else { break }
            guard !Task.isCancelled else { throw StorageError(.unavailable, "cancelled", isRetryable: true) }
            hash.update(data: block[..<count])
            var written = 0
            while written < count {
                let more = block[written..<count].withUnsafeBytes { write(to, $0.baseAddress, $0.count) }
                written += try check(more, path)
            }
            size += Int64(count)
            await PluginReports.progress(bytes: size)
        }
        try check(fsync(to), path)
        let digits = hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return (size, digits.joined())
    }

    /// In bytes, following links; `nil` when there is nothing.
    static func size(of path: String) throws(StorageError) -> Int64? {
        var status = stat()
        guard stat(path, &status) != 0 else { return Int64(status.st_size) }
        guard errno == ENOENT || errno == ENOTDIR else { throw failure(path) }
        return nil
    }

    /// Where a symbolic link leads; `nil` when there is none.
    static func target(of path: String) throws(StorageError) -> String? {
        var bytes = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &bytes, bytes.count)
        guard count < 0 else { return String(decoding: bytes[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self) }
        guard errno == ENOENT || errno == ENOTDIR || errno == EINVAL else { throw failure(path) }
        return nil
    }

    /// Makes a symbolic link durably; `false` when something is there already.
    static func link(_ path: String, to target: String) throws(StorageError) -> Bool {
        let isNew = symlink(target, path) == 0
        guard isNew || errno == EEXIST else { throw failure(path) }
        // Whoever made what is there may have been killed before it was durable.
        try sync(folderOf(path))
        return isNew
    }

    static func rename(_ path: String, to new: String) throws(StorageError) {
        try check(renamed(path, new), new)
        try sync(folderOf(new))
    }

    static func remove(_ path: String) throws(StorageError) {
        if unlink(path) != 0, errno != ENOENT { throw failure(path) }
        try sync(folderOf(path))
    }

    /// Removes what nobody will miss.
    static func discard(_ path: String) { unlink(path) }

    static func removeOld(_ path: String) throws(StorageError) {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        #if canImport(Darwin)
            let changed = status.st_mtimespec.tv_sec
        #else
            let changed = status.st_mtim.tv_sec
        #endif
        if changed < time(nil) - 86_400 { try remove(path) }
    }

    static func makeFolder(_ path: String) throws(StorageError) {
        guard mkdir(path, 0o750) != 0 else { return try sync(folderOf(path)) }
        guard errno == EEXIST else { throw failure(path) }
    }

    /// Makes the folders that lead to `path`, as far as they lie below `root`.
    static func makeFolders(above path: String, below root: String) throws(StorageError) {
        var folder = root
        for name in path.dropFirst(root.count).split(separator: "/").dropLast() {
            folder += "/\(name)"
            try makeFolder(folder)
        }
    }

    /// What lies in a folder, but for hidden files.
    static func names(in path: String) throws(StorageError) -> [String] {
        guard let stream = opendir(path) else { throw failure(path) }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        guard errno == 0 else { throw failure(path) }
        return names
    }

    /// Keeps all other processes, and other calls of this one, out meanwhile.
    static func locked<Value>(
        _ path: String,
        _ work: () throws(StorageError) -> Value
    ) throws(StorageError) -> Value {
        let lock = try check(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640), path)
        defer { close(lock) }
        try check(flock(lock, LOCK_EX), path)
        return try work()
    }

    private static func sync(_ folder: String) throws(StorageError) {
        let descriptor = try check(open(folder, O_RDONLY | O_CLOEXEC), folder)
        defer { close(descriptor) }
        try check(fsync(descriptor), folder)
    }

    private static func folderOf(_ path: String) -> String {
        path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
    }

    @discardableResult
    private static func check<Number: SignedInteger>(_ result: Number, _ path: String) throws(StorageError) -> Number {
        guard result >= 0 else { throw failure(path) }
        return result
    }

    private static var reason: String { String(cString: strerror(errno)) }

    private static func failure(_ path: String) -> StorageError {
        switch errno {
        case ENOSPC, EDQUOT, EFBIG:
            StorageError(.full, "\(path): \(reason); make room", isRetryable: true)
        case EACCES, EPERM, EROFS, ENOTDIR, EISDIR:
            StorageError(.denied, "\(path): \(reason); check what lies there and who may write to it")
        default:
            StorageError(.unavailable, "\(path): \(reason)", isRetryable: true)
        }
    }
}

/// The system's `rename`, which the method of that name hides.
private func renamed(_ path: String, _ new: String) -> Int32 { rename(path, new) }
