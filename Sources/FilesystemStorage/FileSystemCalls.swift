// The system calls that are needed, each with its error as a value. What differs between systems is in this file.

import SystemPackage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What the file system says of a file, without following a symbolic link.
struct FileStatus {
    enum Kind { case file, directory, other }

    let kind: Kind
    /// In bytes.
    let size: Int64
    /// The permission bits alone.
    let mode: mode_t
    /// How many names the file has.
    let linkCount: Int
    /// Seconds since 1970-01-01T00:00:00Z.
    let modifiedAt: Int64

    fileprivate init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            default: .other
            }
        size = Int64(status.st_size)
        mode = status.st_mode & 0o7777
        linkCount = Int(status.st_nlink)
        #if canImport(Darwin)
            modifiedAt = Int64(status.st_mtimespec.tv_sec)
        #else
            modifiedAt = Int64(status.st_mtim.tv_sec)
        #endif
    }
}

enum FileSystemCalls {
    static func openRoot(_ path: FilePath) throws(Errno) -> Int32 {
        try retrying { path.withPlatformString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) } }
    }

    static func openDirectory(_ parent: Int32, _ name: String) throws(Errno) -> Int32 {
        try retrying { openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
    }

    /// Does not wait for the other end when the name turns out to be a FIFO.
    static func openForReading(_ parent: Int32, _ name: String) throws(Errno) -> Int32 {
        try retrying { openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
    }

    static func openForReading(_ path: FilePath) throws(Errno) -> Int32 {
        try retrying { path.withPlatformString { open($0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) } }
    }

    static func createFile(_ parent: Int32, _ name: String) throws(Errno) -> Int32 {
        try retrying { openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600) }
    }

    static func createFile(_ path: FilePath) throws(Errno) -> Int32 {
        try retrying {
            path.withPlatformString { open($0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600) }
        }
    }

    static func makeDirectory(_ parent: Int32, _ name: String, mode: mode_t) throws(Errno) {
        try checking { mkdirat(parent, name, mode) }
    }

    static func status(_ parent: Int32, _ name: String) throws(Errno) -> FileStatus {
        var status = stat()
        try checking { fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) }
        return FileStatus(status)
    }

    static func status(_ descriptor: Int32) throws(Errno) -> FileStatus {
        var status = stat()
        try checking { fstat(descriptor, &status) }
        return FileStatus(status)
    }

    /// Sets the permissions of a file of our own, where the file system has any: FAT refuses what it can't keep.
    static func setMode(_ descriptor: Int32, _ mode: mode_t) throws(Errno) {
        do {
            try checking { fchmod(descriptor, mode) }
        } catch {
            guard error == .notPermitted || error == .notSupported else { throw error }
        }
    }

    /// How much a file system holds, and what of that an ordinary user can still write. In bytes.
    static func space(_ descriptor: Int32) throws(Errno) -> (total: Int64, free: Int64) {
        var status = statvfs()
        try checking { fstatvfs(descriptor, &status) }
        func bytes(_ blocks: UInt64) -> Int64 {
            let (bytes, overflow) = blocks.multipliedReportingOverflow(by: UInt64(status.f_frsize))
            return overflow ? .max : Int64(clamping: bytes)
        }
        return (bytes(UInt64(status.f_blocks)), bytes(UInt64(status.f_bavail)))
    }

    /// Makes sure that there is space for so many bytes, where the file system can tell beforehand.
    static func allocate(_ descriptor: Int32, _ size: Int64) throws(Errno) {
        #if !canImport(Darwin)
            guard size > 0 else { return }
            let error = Errno(rawValue: posix_fallocate(descriptor, 0, off_t(size)))
            guard [Errno(rawValue: 0), .notSupportedOnSocket, .notSupported, .invalidArgument].contains(error) else {
                throw error
            }
        #endif
    }

    static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        #if canImport(Darwin)
            try retrying { Darwin.read(descriptor, buffer.baseAddress, buffer.count) }
        #elseif canImport(Musl)
            try retrying { Musl.read(descriptor, buffer.baseAddress, buffer.count) }
        #else
            try retrying { Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
        #endif
    }

    static func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) throws(Errno) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            #if canImport(Darwin)
                let count = try retrying { Darwin.write(descriptor, part.baseAddress, part.count) }
            #elseif canImport(Musl)
                let count = try retrying { Musl.write(descriptor, part.baseAddress, part.count) }
            #else
                let count = try retrying { Glibc.write(descriptor, part.baseAddress, part.count) }
            #endif
            rest = rest.dropFirst(count)
        }
    }

    /// Makes what was written durable. After an error the data may be lost although a second call would succeed
    /// (the kernel reports a failed write-back once), so nobody may call this twice on one file.
    static func synchronise(_ descriptor: Int32) throws(Errno) {
        #if canImport(Darwin)
            // fsync leaves the data in the drive's own cache there.
            if fcntl(descriptor, F_FULLFSYNC) == 0 { return }
        #endif
        try checking { fsync(descriptor) }
    }

    /// The descriptor is closed whatever comes back; an error means that data may be lost.
    static func close(_ descriptor: Int32) throws(Errno) {
        #if canImport(Darwin)
            let result = Darwin.close(descriptor)
        #elseif canImport(Musl)
            let result = Musl.close(descriptor)
        #else
            let result = Glibc.close(descriptor)
        #endif
        guard result == 0 || errno == EINTR else { throw Errno(rawValue: errno) }
    }

    /// Gives a file a second name; fails if that exists.
    static func link(_ from: Int32, _ name: String, _ to: Int32, _ newName: String) throws(Errno) {
        try checking { linkat(from, name, to, newName, 0) }
    }

    /// Moves a file, over one that exists.
    static func rename(_ from: Int32, _ name: String, _ to: Int32, _ newName: String) throws(Errno) {
        try checking { renameat(from, name, to, newName) }
    }

    static func unlink(_ path: FilePath) throws(Errno) {
        try checking { path.withPlatformString { unlinkat(AT_FDCWD, $0, 0) } }
    }

    static func unlink(_ parent: Int32, _ name: String) throws(Errno) {
        try checking { unlinkat(parent, name, 0) }
    }

    /// The names in a directory but for `.` and `..`, in no order; those that are not UTF-8 are left out, as no
    /// name of ours is among them.
    static func names(_ directory: Int32) throws(Errno) -> [String] {
        // The stream closes its descriptor and moves its offset, hence one of its own.
        let descriptor = try openDirectory(directory, ".")
        guard let stream = fdopendir(descriptor) else {
            let error = Errno(rawValue: errno)
            try close(descriptor)
            throw error
        }
        defer { closedir(stream) }
        guard let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) else { throw .noFunction }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let start = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self)
            guard let name = String(validatingCString: start), name != ".", name != ".." else { continue }
            names.append(name)
        }
        guard errno == 0 else { throw Errno(rawValue: errno) }
        return names
    }

    private static func checking(_ call: () -> Int32) throws(Errno) {
        _ = try retrying(call)
    }

    private static func retrying<Result: SignedInteger>(_ call: () -> Result) throws(Errno) -> Result {
        while true {
            let result = call()
            if result != -1 { return result }
            let error = Errno(rawValue: errno)
            if error != .interrupted { throw error }
        }
    }
}
