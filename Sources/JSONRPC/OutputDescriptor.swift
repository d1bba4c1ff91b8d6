#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A descriptor that is written to without ever blocking the thread on a reader that lags.
///
/// O_NONBLOCK cannot simply be set: the flag lives in the open file description, which the parent shares. So a pipe or
/// terminal is opened anew where the system allows it, a socket is told per call, and what remains is written in
/// pieces that POLLOUT promises room for.
struct OutputDescriptor {
    enum Outcome: Equatable {
        case wrote(Int)
        case wouldBlock
        case closed
    }

    private enum Mode {
        case nonBlocking
        case socket
        /// POSIX: after POLLOUT a pipe takes PIPE_BUF bytes at once.
        case pieces
        /// A regular file never blocks for long.
        case whole
    }

    let descriptor: Int32
    private let mode: Mode

    init(_ descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            self.init(descriptor, .pieces)
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: self.init(descriptor, .whole)
        case S_IFSOCK: self.init(descriptor, .socket)
        default:
            let own = open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
            if own >= 0 {
                close(descriptor)
                self.init(own, .nonBlocking)
            } else {
                self.init(descriptor, .pieces)
            }
        }
    }

    private init(_ descriptor: Int32, _ mode: Mode) {
        self.descriptor = descriptor
        self.mode = mode
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        while true {
            let written: Int
            switch mode {
            case .nonBlocking, .whole: written = systemWrite(descriptor, bytes.baseAddress, bytes.count)
            case .socket: written = send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT))
            case .pieces:
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                guard poll(&ready, 1, 0) > 0 else { return .wouldBlock }
                written = systemWrite(descriptor, bytes.baseAddress, min(bytes.count, Int(PIPE_BUF)))
            }
            if written >= 0 { return .wrote(written) }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK: return .wouldBlock
            default: return .closed
            }
        }
    }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Glibc)
        Glibc.write(descriptor, bytes, count)
    #elseif canImport(Musl)
        Musl.write(descriptor, bytes, count)
    #else
        Darwin.write(descriptor, bytes, count)
    #endif
}
