#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An open file that is locked by its bytes.
///
/// The locks belong to the open file, not to the process (F_OFD_SETLK): the system frees them when the process ends,
/// however it ends; closing the same file elsewhere in the process does not; and another descriptor of the same process
/// finds them held like one of another process would.
final class FileLock: Sendable {
    enum Kind {
        /// Any number may hold it.
        case shared
        case exclusive
    }

    private let descriptor: Int32

    /// Opens the file, made 0600 if it is not there; `nil`, with `errno` telling why, when it cannot be.
    init?(_ path: String) {
        descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        // Whatever the mask of the process has made of it.
        fchmod(descriptor, 0o600)
    }

    deinit {
        // One that could not be opened is not closed: `errno` would no longer tell why.
        if descriptor >= 0 { close(descriptor) }
    }

    /// Takes the lock on one byte of the file, or on all of it, without waiting; a lock of this same open file is
    /// replaced. False when another holds it.
    func take(_ kind: Kind, byte: Int64? = nil) -> Bool {
        set(kind == .shared ? F_RDLCK : F_WRLCK, byte: byte)
    }

    func free(byte: Int64) { _ = set(F_UNLCK, byte: byte) }

    /// Whether the file has lost its name: who locks it then has locked nothing that others can see.
    var isUnlinked: Bool {
        var status = stat()
        return fstat(descriptor, &status) != 0 || status.st_nlink == 0
    }

    /// Adds a line at the end of the file, in one piece. It outlives this process, though not a fall of the machine.
    func append(line: String) -> Bool {
        // Begins with a line break, so that what a write cut short has left behind does not run into it.
        var text = "\n" + line + "\n"
        return text.withUTF8 { bytes in
            guard lseek(descriptor, 0, SEEK_END) >= 0 else { return false }
            return write(descriptor, bytes.baseAddress, bytes.count) == bytes.count
        }
    }

    private func set(_ type: Int32, byte: Int64?) -> Bool {
        var lock = Self.description(type, byte: byte)
        while fcntl(descriptor, Self.setCommand, &lock) != 0 {
            guard errno == EINTR else { return false }
        }
        return true
    }

    /// Whether somebody holds an exclusive lock on the file. What cannot be looked at counts as held: only what is
    /// certain may count against an owner.
    static func isHeld(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return errno != ENOENT }
        defer { close(descriptor) }
        var lock = description(F_WRLCK, byte: nil)
        guard fcntl(descriptor, getCommand, &lock) == 0 else { return true }
        return Int32(lock.l_type) != F_UNLCK
    }

    private static func description(_ type: Int32, byte: Int64?) -> flock {
        var lock = flock()
        lock.l_type = Int16(type)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = off_t(byte ?? 0)
        // 0 is as far as the file may ever reach.
        lock.l_len = byte == nil ? 0 : 1
        return lock
    }

    // F_OFD_GETLK and F_OFD_SETLK; the headers show them only to those who ask for extensions.
    #if canImport(Darwin)
        private static let getCommand: Int32 = 92
        private static let setCommand: Int32 = 90
    #else
        private static let getCommand: Int32 = 36
        private static let setCommand: Int32 = 37
    #endif
}
