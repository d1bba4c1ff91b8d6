import HTTPTransport
package import Storage
package import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension S3Storage {
    package func get(_ key: ObjectKey, to path: FilePath) async throws(StorageError) -> ObjectState {
        let file = try LocalFile(new: path)
        let answer: HTTPResponse
        do throws(StorageError) {
            answer = try await client.fetch(
                S3Request(method: .get, key: key.description),
                accepts: { $0 == 404 },
                begin: { try file.empty() },
                into: { try file.write($0) }
            )
        } catch {
            file.remove()
            throw error
        }
        guard answer.status != 404 else {
            file.remove()
            return try await absent()
        }
        return .present(Self.summary(key, size: file.size, answer.headers))
    }
}

/// A local file that an object is written to, by one task.
private final class LocalFile: Sendable {
    private let path: FilePath
    private let descriptor: FileDescriptor

    init(new path: FilePath) throws(StorageError) {
        self.path = path
        do {
            descriptor = try FileDescriptor.open(
                path,
                .writeOnly,
                options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: .ownerReadWrite
            )
        } catch {
            throw StorageError(.unavailable, "the file \(path) can't be made (\(error))", isRetryable: true)
        }
    }

    deinit { try? descriptor.close() }

    /// In bytes; 0 when it can't be told.
    var size: Int64 { (try? descriptor.seek(offset: 0, from: .end)) ?? 0 }

    func write(_ bytes: [UInt8]) throws { try descriptor.writeAll(bytes) }

    func empty() throws {
        try descriptor.resize(to: 0)
        try descriptor.seek(offset: 0, from: .start)
    }

    /// That it is not there is fine.
    func remove() { _ = path.withPlatformString { unlink($0) } }
}
