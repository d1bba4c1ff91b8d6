#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// klingd's own folder: private to its user, with a spool for this process's content on its way and a salt that outlives
/// processes.
///
/// Several processes may share it. Each has a folder of its own in the spool and holds a lock in it for its life, so that
/// what a killed one has left is told from what is in use.
struct StateDirectory {
    /// Where this process keeps content on its way.
    let spool: String
    /// Secret random bytes, the same in every process with this folder.
    let salt: [UInt8]

    private static let saltSize = 32
    private static let lockName = "lock"

    /// Makes what is missing and removes what dead processes have left.
    init(_ path: String) throws(CommandFailure) {
        let parent = path + "/spool"
        try Self.makeParents(of: path)
        try Self.makePrivate(path)
        // Processes that start at once take turns: none sweeps a folder that its owner has yet to lock, or reads half a
        // salt.
        guard let turn = Self.lock(in: path, waits: true) else { throw Self.failure("cannot be locked", path) }
        defer { close(turn) }
        salt = try Self.salt(path)
        try Self.makePrivate(parent)
        for name in Self.names(in: parent) { Self.sweep(parent + "/" + name) }
        spool = parent + "/" + Self.hex(Self.randomBytes(16))
        try Self.makePrivate(spool)
        // Never closed: held as long as the process lives, however it ends.
        guard Self.lock(in: spool, waits: false) != nil else { throw Self.failure("cannot be locked", spool) }
    }

    /// Takes back this process's part of the spool, at its end.
    func removeSpool() {
        Self.remove(spool)
    }

    // MARK: Folders

    private static func makeParents(of path: String) throws(CommandFailure) {
        var position = path.startIndex
        while let slash = path[position...].dropFirst().firstIndex(of: "/") {
            // As the XDG Base Directory Specification has it.
            let parent = String(path[..<slash])
            if mkdir(parent, 0o700) < 0, errno != EEXIST, case let error = errno, access(parent, F_OK) < 0 {
                errno = error
                throw failure("cannot be made", parent)
            }
            position = slash
        }
    }

    /// Makes the folder, or makes an existing one of ours private.
    private static func makePrivate(_ path: String) throws(CommandFailure) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("cannot be made", path) }
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard folder >= 0 else { throw failure("cannot be opened as a folder (links are not followed)", path) }
        defer { close(folder) }
        var status = stat()
        guard fstat(folder, &status) == 0 else { throw failure("cannot be looked at", path) }
        guard status.st_uid == geteuid() else { throw refusal("belongs to another user", path) }
        // Such as /tmp: to make it private would take it from the others.
        guard status.st_mode & S_ISVTX == 0 else { throw refusal("is shared by several users", path) }
        guard status.st_mode & 0o777 == 0o700 || fchmod(folder, 0o700) == 0 else {
            throw failure("cannot be made private", path)
        }
    }

    /// Removes the folder of a process that is dead: its lock is free.
    private static func sweep(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return }
        guard let lock = lock(in: path, waits: false) else { return }
        defer { close(lock) }
        remove(path)
    }

    /// Removes a folder of plain files.
    private static func remove(_ path: String) {
        for name in names(in: path) { unlink(path + "/" + name) }
        rmdir(path)
    }

    private static func names(in path: String) -> [String] {
        guard let entries = opendir(path) else { return [] }
        defer { closedir(entries) }
        var names: [String] = []
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// An exclusive lock on the folder's lock file, until the descriptor is closed; `nil`, with `errno` telling why, when
    /// there is none to have.
    private static func lock(in path: String, waits: Bool) -> Int32? {
        let descriptor = open(path + "/" + lockName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        while flock(descriptor, waits ? LOCK_EX : LOCK_EX | LOCK_NB) != 0 {
            guard errno == EINTR else {
                let reason = errno
                close(descriptor)
                errno = reason
                return nil
            }
        }
        return descriptor
    }

    // MARK: Salt

    /// The salt that is kept, or a new one. To be called with the lock of the folder.
    private static func salt(_ directory: String) throws(CommandFailure) -> [UInt8] {
        let path = directory + "/salt"
        let kept = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        if kept >= 0 {
            defer { close(kept) }
            var bytes = [UInt8](repeating: 0, count: saltSize)
            let count = read(kept, &bytes, saltSize)
            guard count >= 0 else { throw failure("cannot be read", path) }
            if count == saltSize { return bytes }
            // Its writer was killed half-way, so nobody has used it.
            unlink(path)
        } else if errno != ENOENT {
            throw failure("cannot be opened", path)
        }
        let bytes = randomBytes(saltSize)
        let new = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard new >= 0 else { throw failure("cannot be made", path) }
        defer { close(new) }
        guard write(new, bytes, saltSize) == saltSize, fsync(new) == 0 else { throw failure("cannot be written", path) }
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return bytes }
        defer { close(folder) }
        // Not every file system can; the file is there all the same.
        fsync(folder)
        return bytes
    }

    private static func randomBytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0 ... .max) }
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 0xF, radix: 16) }.joined()
    }

    // MARK: Failures

    private static func failure(_ what: String, _ path: String) -> CommandFailure {
        refusal("\(what): \(String(cString: strerror(errno)))", path)
    }

    private static func refusal(_ what: String, _ path: String) -> CommandFailure {
        CommandFailure(message: "\(path) \(what); give another folder by --state", exitCode: CommandFailure.failed)
    }
}
