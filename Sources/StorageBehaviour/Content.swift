import Crypto
import SystemPackage

/// What an object holds: a pattern, so that it needs no memory of its size.
struct Content: Sendable, Hashable {
    /// In bytes.
    let size: Int64
    /// 64 lowercase hexadecimal digits.
    let sha256: String
    private let block: [UInt8]

    private static let blockSize = 256 * 1024
    /// A prime, so that no two pages of the content are alike.
    private static let periodSize = 1_021

    /// Content that no other seed has.
    init(size: Int, random: inout SplitMix64) {
        self.size = Int64(size)
        var period: [UInt8] = []
        period.reserveCapacity(Self.periodSize + 8)
        while period.count < min(size, Self.periodSize) {
            withUnsafeBytes(of: random.next()) { period.append(contentsOf: $0) }
        }
        period = Array(period.prefix(Self.periodSize))
        var block: [UInt8] = []
        while block.count < min(size, Self.blockSize) { block += period }
        self.block = Array(block.prefix(min(size, Self.blockSize)))
        var hash = SHA256()
        Self.forEachPart(size, self.block) { hash.update(bufferPointer: $0) }
        sha256 = Self.hexadecimal(hash.finalize())
    }

    /// Writes it, or `count` bytes of it or of what would follow, to a new file.
    func write(to path: FilePath, count: Int64? = nil) throws {
        let file = try FileDescriptor.open(
            path,
            .writeOnly,
            options: [.create, .exclusiveCreate, .closeOnExec],
            permissions: .ownerReadWrite
        )
        try file.closeAfter {
            try Self.forEachPart(Int(count ?? size), block) { _ = try file.writeAll($0) }
        }
    }

    /// The size and the SHA-256 of a file.
    static func measure(_ path: FilePath) throws -> (size: Int64, sha256: String) {
        let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
        return try file.closeAfter {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: blockSize, alignment: 16)
            defer { buffer.deallocate() }
            var hash = SHA256()
            var size: Int64 = 0
            while case let count = try file.read(into: buffer), count > 0 {
                hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                size += Int64(count)
            }
            return (size, hexadecimal(hash.finalize()))
        }
    }

    static func sha256(of bytes: [UInt8]) -> String { hexadecimal(SHA256.hash(data: bytes)) }

    private static func forEachPart(
        _ size: Int,
        _ block: [UInt8],
        _ body: (UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        try block.withUnsafeBytes { block in
            var rest = size
            while rest > 0, !block.isEmpty {
                let count = min(rest, block.count)
                try body(UnsafeRawBufferPointer(rebasing: block[..<count]))
                rest -= count
            }
        }
    }

    private static func hexadecimal(_ digest: SHA256.Digest) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
