import Crypto
import SystemPackage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// An open file, closed at the latest when it goes out of scope.
struct OpenFile: ~Copyable {
    /// Length and digest of what was read.
    struct Content: Equatable {
        /// In bytes.
        var size: Int64
        /// 64 lowercase hexadecimal digits.
        var sha256: String
    }

    private let descriptor: Int32

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        try? FileSystemCalls.close(descriptor)
    }

    /// A file somewhere else on the machine; the path's last part must not be a symbolic link.
    static func reading(_ path: FilePath) throws(Errno) -> OpenFile {
        OpenFile(descriptor: try FileSystemCalls.openForReading(path))
    }

    /// A new, empty file somewhere else on the machine, that only its owner can read.
    static func creating(_ path: FilePath) throws(Errno) -> OpenFile {
        OpenFile(descriptor: try FileSystemCalls.createFile(path))
    }

    /// Removes a file somewhere else on the machine, as far as that is possible.
    static func remove(_ path: FilePath) {
        try? FileSystemCalls.unlink(path)
    }

    func status() throws(Errno) -> FileStatus { try FileSystemCalls.status(descriptor) }

    func setMode(_ mode: mode_t) throws(Errno) { try FileSystemCalls.setMode(descriptor, mode) }

    func allocate(_ size: Int64) throws(Errno) { try FileSystemCalls.allocate(descriptor, size) }

    func write(_ bytes: UnsafeRawBufferPointer) throws(Errno) { try FileSystemCalls.write(descriptor, bytes) }

    /// To be called once at most: see ``FileSystemCalls/synchronise(_:)``.
    func synchronise() throws(Errno) { try FileSystemCalls.synchronise(descriptor) }

    /// Closes and reports what a network file system finds out only then.
    consuming func close() throws(Errno) {
        let descriptor = descriptor
        discard self
        try FileSystemCalls.close(descriptor)
    }

    /// Reads from here to the end, but little more than `limit` bytes, and hands on each part.
    func read<Failure: Error>(
        upTo limit: Int64,
        failure: (Errno) -> Failure,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) -> Content {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)
        defer { buffer.deallocate() }
        var hash = SHA256()
        var size: Int64 = 0
        while size <= limit {
            let count: Int
            do { count = try FileSystemCalls.read(descriptor, into: buffer) } catch { throw failure(error) }
            if count == 0 { break }
            let part = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            hash.update(bufferPointer: part)
            size += Int64(count)
            try body(part)
        }
        return Content(size: size, sha256: Self.hexadecimal(hash.finalize()))
    }

    private static func hexadecimal(_ digest: SHA256.Digest) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
