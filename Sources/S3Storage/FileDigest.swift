import Crypto
import HTTPTransport
import Storage
import SystemPackage

/// What a file that is to be sent, or a part of it, holds.
struct FileDigest: Sendable {
    /// 64 lowercase hexadecimal digits.
    let sha256: String
    /// 16 bytes, as Content-MD5 has it.
    let md5: [UInt8]

    /// Of no bytes at all.
    static let md5OfNothing = Array(Insecure.MD5.hash(data: [UInt8]()))

    /// Of the whole file. Throws ``StorageErrorKind/source`` when the file is not what the request says.
    init(of request: PutRequest) throws(StorageError) {
        // One byte more than announced would be one too many.
        let (digest, size) = try Self.read(request, from: 0, upTo: request.size + 1)
        guard size == request.size else {
            throw Self.refusal(request, "has another length than \(request.size) bytes")
        }
        guard digest.sha256 == request.sha256 else {
            throw Self.refusal(request, "has the SHA-256 \(digest.sha256) instead of \(request.sha256)")
        }
        self = digest
    }

    /// Of a part of the file; throws as the other does.
    init(of slice: FileSlice, in request: PutRequest) throws(StorageError) {
        let (digest, size) = try Self.read(request, from: slice.offset, upTo: slice.length)
        guard size == slice.length else { throw Self.refusal(request, "has become shorter") }
        self = digest
    }

    private init(sha256: String, md5: [UInt8]) {
        self.sha256 = sha256
        self.md5 = md5
    }

    private static func read(
        _ request: PutRequest,
        from offset: Int64,
        upTo limit: Int64
    ) throws(StorageError) -> (FileDigest, size: Int64) {
        var sha256 = SHA256()
        var md5 = Insecure.MD5()
        var size: Int64 = 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        do {
            // Without waiting for the other end of what turns out to be a FIFO.
            let file = try FileDescriptor.open(request.source, .readOnly, options: [.closeOnExec, .nonBlocking])
            defer { try? file.close() }
            while size < limit {
                let room = UnsafeMutableRawBufferPointer(
                    rebasing: buffer.prefix(Int(min(limit - size, Int64(buffer.count))))
                )
                let count = try file.read(fromAbsoluteOffset: offset + size, into: room)
                if count == 0 { break }
                let part = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                sha256.update(bufferPointer: part)
                md5.update(bufferPointer: part)
                size += Int64(count)
            }
        } catch {
            throw refusal(request, "can't be read (\(error))")
        }
        return (FileDigest(sha256: sha256.finalize().hexadecimal, md5: Array(md5.finalize())), size)
    }

    private static func refusal(_ request: PutRequest, _ reason: String) -> StorageError {
        StorageError(
            .source,
            "the file \(request.source) to be stored \(reason): fetch it again",
            isRetryable: true,
            key: request.key
        )
    }
}

extension Sequence<UInt8> {
    /// In lower case.
    var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] }, as: UTF8.self)
    }

    /// RFC 4648 section 4.
    var base64: String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        var bits = 0
        var count = 0
        for byte in self {
            bits = (bits << 8 | Int(byte)) & 0xFFFF
            count += 8
            while count >= 6 {
                count -= 6
                text.append(digits[bits >> count & 63])
            }
        }
        if count > 0 { text.append(digits[bits << (6 - count) & 63]) }
        while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) }
        return String(decoding: text, as: UTF8.self)
    }
}
