import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Socket options that tie a request to the life of this process.
enum SingleUseConnection {
    /// Sets the options on each new connection, before its request.
    ///
    /// Without them the kernel goes on sending for a process that was killed, for up to a quarter of an hour, and a
    /// request believed dead could still arrive and be paid. With a linger time of 0, the end of the process resets
    /// the connection; `silence` bounds how long unacknowledged bytes are tried again.
    static func initializer(silence: Duration) -> @Sendable (any Channel) -> EventLoopFuture<Void> {
        { channel in
            guard let socket = channel as? any SocketOptionProvider else {
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            let lingering = socket.setSoLinger(linger(l_onoff: 1, l_linger: 0))
            #if os(Linux)
                let milliseconds = UInt32(clamping: silence.components.seconds * 1000)
                let bounded = socket.unsafeSetSocketOption(
                    level: .tcp,
                    name: .init(rawValue: TCP_USER_TIMEOUT),
                    value: milliseconds
                )
                return lingering.and(bounded).map { _ in }
            #else
                return lingering
            #endif
        }
    }
}
