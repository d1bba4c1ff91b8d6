import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Lines for people and shells, written at once and whole, whatever stands at the other end.
enum Console {
    private static let failure = Mutex<String?>(nil)

    /// Why something could not be written to stdout; `nil` when all was. A script that reads the paths of paid images
    /// must not take their absence for success.
    static var lostOutput: String? { failure.withLock { $0 } }

    static func output(_ line: String) {
        guard let reason = write(line + "\n", to: 1) else { return }
        failure.withLock { $0 = $0 ?? reason }
    }

    /// Nobody is left to tell if this fails.
    static func error(_ line: String) { _ = write(line + "\n", to: 2) }

    /// Text to stderr as it is: the line of a progress may be drawn again.
    static func progress(_ text: String) {
        if !text.isEmpty { _ = write(text, to: 2) }
    }

    /// - Returns: Why it could not be written whole.
    private static func write(_ text: String, to descriptor: Int32) -> String? {
        var text = text
        return text.withUTF8 { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = writeOnce(UnsafeBufferPointer(rebasing: rest), to: descriptor)
                switch (count, errno) {
                case (1..., _): rest = rest.dropFirst(count)
                case (..<0, EINTR): continue
                case (..<0, EAGAIN):
                    // Whoever shares the pipe has made it non-blocking.
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&waiting, 1, -1)
                case (..<0, let error): return String(cString: strerror(error))
                default: return "nothing more is taken"
                }
            }
            return nil
        }
    }

    private static func writeOnce(_ bytes: UnsafeBufferPointer<UInt8>, to descriptor: Int32) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #else
            Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }
}
