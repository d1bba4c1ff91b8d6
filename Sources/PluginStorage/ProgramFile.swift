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

/// Whether a program may be started.
enum ProgramFile {
    /// What can't be found out throws.
    static func exists(_ path: FilePath) throws(StorageError) -> Bool {
        var status = stat()
        if path.withPlatformString({ stat($0, &status) }) == 0 { return true }
        guard errno != ENOENT, errno != ENOTDIR else { return false }
        throw refusal(path, "can't be looked at (\(Errno(rawValue: errno)))")
    }

    /// Throws ``StorageErrorKind/configuration`` unless `path` is a regular file that we may execute, that not everybody
    /// may write to or replace, and whose content has the digest `sha256` when one is given.
    static func check(_ path: FilePath, sha256: String?, setting: String) throws(StorageError) {
        let descriptor = path.withPlatformString { open($0, O_RDONLY | O_NONBLOCK | O_CLOEXEC) }
        guard descriptor >= 0 else {
            // A program need not be readable to be executed, but a digest can't be had then, nor its mode trusted.
            throw refusal(path, "can't be opened (\(Errno(rawValue: errno))): make it readable for klingd's user")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw refusal(path, "is not a regular file")
        }
        guard path.withPlatformString({ access($0, X_OK) }) == 0 else {
            throw refusal(path, "is not executable: chmod +x it")
        }
        guard status.st_mode & S_IWOTH == 0 else {
            throw refusal(path, "may be written by everybody, and so is not started: chmod o-w it")
        }
        for folder in folders(of: path) {
            guard folder.withPlatformString({ stat($0, &status) }) == 0 else { continue }
            guard status.st_mode & S_IWOTH == 0 else {
                let shown = Excerpt.line(folder.string)
                throw refusal(path, "lies in '\(shown)', which everybody may write to, and so is not started: move it")
            }
        }
        if let sha256 { try compare(descriptor, with: sha256, path, setting) }
    }

    /// Where the name lies and, when that is a link, where the file lies.
    private static func folders(of path: FilePath) -> [FilePath] {
        var folders = [path.removingLastComponent()]
        if let resolved = path.withPlatformString({ realpath($0, nil) }) {
            defer { free(resolved) }
            folders.append(FilePath(platformString: resolved).removingLastComponent())
        }
        return folders
    }

    private static func compare(
        _ descriptor: Int32,
        with sha256: String,
        _ path: FilePath,
        _ setting: String
    ) throws(StorageError) {
        var hash = SHA256()
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &block, block.count)
            if count == 0 { break }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw refusal(path, "can't be read (\(Errno(rawValue: errno)))")
            }
            hash.update(data: block[..<count])
        }
        let digest = hash.finalize()
        // Digests compare in constant time.
        guard digest == bytes(ofDigest: sha256) ?? [] else {
            let found = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            throw refusal(
                path,
                "is not the program that \(setting) names (its SHA-256 is \(found)): "
                    + "correct the setting if the program was changed on purpose"
            )
        }
    }

    /// The bytes of 64 hexadecimal digits; `nil` when the text is something else.
    static func bytes(ofDigest text: String) -> [UInt8]? {
        guard text.utf8.count == 64 else { return nil }
        var bytes: [UInt8] = []
        var rest = Substring(text)
        while !rest.isEmpty {
            guard rest.prefix(2).allSatisfy(\.isHexDigit), let byte = UInt8(rest.prefix(2), radix: 16) else {
                return nil
            }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    private static func refusal(_ path: FilePath, _ reason: String) -> StorageError {
        StorageError(.configuration, "the plugin '\(Excerpt.line(path.string))' \(reason)")
    }
}
