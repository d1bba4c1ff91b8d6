import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A part of a local file, to be sent as a body.
package struct FileSlice: Sendable, Hashable {
    package var path: String
    /// In bytes.
    package var offset: Int64
    /// In bytes; the file must reach so far.
    package var length: Int64

    package init(path: String, offset: Int64 = 0, length: Int64) {
        self.path = path
        self.offset = offset
        self.length = length
    }
}

/// The body of a request, read from a file no faster than the connection takes it.
///
/// It reads on the thread that asks for the next piece: what is sent has been written or hashed a moment ago, so it is
/// in the system's cache.
struct FileBody: AsyncSequence, Sendable {
    /// In bytes: a few at a time keep an upload's memory small however large the file.
    private static let pieceLength = 64 << 10

    private let file: OpenFile
    private let slice: FileSlice
    private let eventLoop: any EventLoop

    /// Opens the file, so that one that is gone is found before a connection is made.
    init(_ slice: FileSlice, eventLoop: any EventLoop) throws(HTTPTransportError) {
        guard let file = OpenFile(slice.path) else {
            throw Self.failure(slice, String(cString: strerror(errno)))
        }
        self.file = file
        self.slice = slice
        self.eventLoop = eventLoop
    }

    func makeAsyncIterator() -> Iterator { Iterator(file: file, slice: slice, eventLoop: eventLoop) }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate let file: OpenFile
        fileprivate let slice: FileSlice
        fileprivate let eventLoop: any EventLoop
        private var position: Int64 = 0

        fileprivate init(file: OpenFile, slice: FileSlice, eventLoop: any EventLoop) {
            self.file = file
            self.slice = slice
            self.eventLoop = eventLoop
        }

        mutating func next() async throws -> ByteBuffer? {
            let wanted = Int(Swift.min(slice.length - position, Int64(FileBody.pieceLength)))
            guard wanted > 0 else { return nil }
            // The client says that it wants no more for now once the loop has seen what it was given. A loop that does not
            // get to run would otherwise be given the whole file.
            if position > 0 { try await eventLoop.submit {}.get() }
            var buffer = ByteBufferAllocator().buffer(capacity: wanted)
            let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { bytes in
                file.read(UnsafeMutableRawBufferPointer(rebasing: bytes[..<wanted]), at: slice.offset + position)
            }
            guard count > 0 else { throw FileBody.failure(slice, "it ends after \(position) of \(slice.length) bytes") }
            position += Int64(count)
            return buffer
        }
    }

    private static func failure(_ slice: FileSlice, _ reason: String) -> HTTPTransportError {
        HTTPTransportError(.sourceFailed, "the file \(slice.path) can't be sent: \(reason)")
    }

    fileprivate final class OpenFile: Sendable {
        private let descriptor: Int32

        init?(_ path: String) {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            if descriptor < 0 { return nil }
        }

        deinit { close(descriptor) }

        /// 0 at the end of the file, and when it can't be read.
        func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
            while true {
                let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
                if count >= 0 { return count }
                if errno != EINTR { return 0 }
            }
        }
    }
}
