#if canImport(Glibc)
    import CPidfd
    import Glibc
#elseif canImport(Musl)
    import CPidfd
    import Musl
#else
    import Darwin
#endif

/// The process that started this one.
///
/// A client that dies closes its end of stdin, unless another process has inherited it: then only the death of the
/// client tells that nobody asks any more.
enum ParentProcess {
    /// A descriptor that is readable once the parent has ended, without waking this process before.
    ///
    /// - Returns: `nil` when there is nothing to watch: whoever detaches a process from its starter (setsid with a second
    ///   fork, a service manager) wants it to outlive that. Also on Linux before 5.3.
    static func watch() -> Int32? {
        let parent = getppid()
        // 0 is a parent outside of this container.
        guard parent > 1, let descriptor = descriptor(of: parent) else { return nil }
        // It may have ended before it was watched, and its number may be another's by now.
        guard getppid() == parent else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    #if canImport(Darwin)
        /// A queue of kqueue(2) can be polled like any other descriptor; it is not inherited by children.
        private static func descriptor(of process: pid_t) -> Int32? {
            let queue = kqueue()
            guard queue >= 0 else { return nil }
            var event = kevent(
                ident: UInt(process),
                filter: Int16(EVFILT_PROC),
                flags: UInt16(EV_ADD),
                fflags: NOTE_EXIT,
                data: 0,
                udata: nil
            )
            guard kevent(queue, &event, 1, nil, 0, nil) == 0 else {
                close(queue)
                return nil
            }
            return queue
        }
    #else
        private static func descriptor(of process: pid_t) -> Int32? {
            let descriptor = cpidfd_open(process)
            return descriptor >= 0 ? descriptor : nil
        }
    #endif
}
