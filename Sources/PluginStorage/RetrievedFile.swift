import Crypto
import Storage
import SystemPackage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The file that a plugin made for `get`, on its way to who asked for it.
///
/// It is copied and not moved: the plugin may still hold it open, and the target may lie on another file system.
struct RetrievedFile {
    enum Failure: Error {
        /// What the plugin did wrong: the rest of a sentence that begins with its name.
        case plugin(String)
        /// What klingd could not do.
        case own(StorageError)
    }

    let path: FilePath

    /// Copies the content to the new file `target` and removes the plugin's file; on an error there is no `target`.
    func move(to target: FilePath, expecting summary: ObjectSummary) throws(Failure) {
        defer { _ = path.withPlatformString { unlink($0) } }
        let source = path.withPlatformString { open($0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
        guard source >= 0 else {
            let reason = errno == ELOOP ? "is a link" : "can't be opened (\(Errno(rawValue: errno)))"
            throw .plugin("answered 'get', but the file at 'path' \(reason)")
        }
        defer { close(source) }
        var status = stat()
        guard fstat(source, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .plugin("answered 'get', but what lies at 'path' is not a regular file")
        }
        let copy = target.withPlatformString {
            open($0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        guard copy >= 0 else { throw .own(Self.failure("make", target, errno)) }
        defer { close(copy) }
        do throws(Failure) {
            try Self.copy(source, to: copy, target, expecting: summary)
        } catch {
            _ = target.withPlatformString { unlink($0) }
            throw error
        }
    }

    /// A new name in klingd's own folder.
    static func comparisonPath(beside file: FilePath) -> FilePath {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return file.removingLastComponent().appending(".klingd-compare-\(digits).part")
    }

    /// That it is not there is fine.
    static func remove(_ path: FilePath) { _ = path.withPlatformString { unlink($0) } }

    /// Of a file of klingd's own, in hexadecimal.
    static func sha256(of path: FilePath) throws(StorageError) -> String {
        let file = path.withPlatformString { open($0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
        guard file >= 0 else { throw failure("read", path, errno) }
        defer { close(file) }
        var hash = SHA256()
        var block = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(file, &block, block.count)
            if count == 0 { return hexadecimal(hash.finalize()) }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw failure("read", path, errno)
            }
            hash.update(data: block[..<count])
        }
    }

    private static func hexadecimal(_ digest: SHA256.Digest) -> String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func copy(
        _ source: Int32,
        to copy: Int32,
        _ target: FilePath,
        expecting summary: ObjectSummary
    ) throws(Failure) {
        var hash = SHA256()
        var size: Int64 = 0
        var block = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(source, &block, block.count)
            if count == 0 { break }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw .own(failure("read the plugin's file for", target, errno))
            }
            hash.update(data: block[..<count])
            size += Int64(count)
            guard size <= summary.size else { break }
            try write(block[..<count], to: copy, target)
        }
        guard size == summary.size else {
            let found = size > summary.size ? "more" : "\(size)"
            throw .plugin("answered 'get' with a size of \(summary.size) bytes, but the file at 'path' has \(found)")
        }
        let digest = hexadecimal(hash.finalize())
        if let sha256 = summary.sha256, sha256 != digest {
            throw .plugin("answered 'get' with the sha256 \(sha256), but the file at 'path' has \(digest)")
        }
    }

    private static func write(_ bytes: ArraySlice<UInt8>, to copy: Int32, _ target: FilePath) throws(Failure) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { buffer in
                #if canImport(Darwin)
                    Darwin.write(copy, buffer.baseAddress, buffer.count)
                #elseif canImport(Musl)
                    Musl.write(copy, buffer.baseAddress, buffer.count)
                #else
                    Glibc.write(copy, buffer.baseAddress, buffer.count)
                #endif
            }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw .own(failure("write", target, errno))
            }
            rest = rest.dropFirst(count)
        }
    }

    private static func failure(_ action: String, _ path: FilePath, _ code: Int32) -> StorageError {
        let error = Errno(rawValue: code)
        let kind: StorageErrorKind = error == .noSpace ? .full : .unavailable
        return StorageError(kind, "can't \(action) '\(Excerpt.line(path.string))' (\(error))", isRetryable: true)
    }
}
