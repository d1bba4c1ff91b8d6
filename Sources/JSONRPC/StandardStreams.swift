#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The process's stdin and stdout, taken for the protocol alone.
package struct StandardStreams {
    /// Private copies; `nil` when the process was started without that descriptor.
    package let input: Int32?
    package let output: Int32?

    /// Puts something where 0, 1 or 2 is missing, so that no file that is opened later takes that number and what is
    /// meant for a person. Reading it finds the end, writing to it fails.
    package static func fill() {
        for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number is the missing one.
            _ = open("/dev/null", O_RDONLY)
        }
    }

    /// Keeps copies of 0 and 1 and puts /dev/null and stderr in their places: a stray `print`, in our code, in a
    /// library's or in a child process, can then neither reach the client nor eat its input. SIGPIPE is ignored, so
    /// that a reader that went away is an error of `write`.
    ///
    /// To be called once, before anything else opens a descriptor. The flags of the originals are left alone: they are
    /// shared with the process that started us.
    package static func take() -> StandardStreams {
        signal(SIGPIPE, SIG_IGN)
        let input = fcntl(0, F_DUPFD_CLOEXEC, 3)
        let output = fcntl(1, F_DUPFD_CLOEXEC, 3)
        let null = open("/dev/null", O_RDWR)
        if null >= 0 {
            if fcntl(2, F_GETFD) < 0 { dup2(null, 2) }
            dup2(null, 0)
            if null > 2 { close(null) }
        }
        dup2(2, 1)
        return StandardStreams(input: input >= 0 ? input : nil, output: output >= 0 ? output : nil)
    }
}
