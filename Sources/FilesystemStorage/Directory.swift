import SystemPackage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// An open directory. Every operation takes one name in it, never a path, and follows no symbolic link: so nothing
/// outside the directory can be reached, whatever others do to the tree meanwhile.
///
/// Linux offers the same confinement for whole paths (`openat2`), but only as a raw system call, which Swift can't
/// make; going down name by name is as strict and works everywhere.
final class Directory: Sendable {
    private let descriptor: Int32

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        try? FileSystemCalls.close(descriptor)
    }

    /// Opens a directory by its path, in which symbolic links are followed: the root is what its owner says it is.
    static func root(at path: FilePath) throws(Errno) -> Directory {
        Directory(descriptor: try FileSystemCalls.openRoot(path))
    }

    /// Like ``root(at:)``, but makes what is missing of the path, durably.
    static func makingRoot(at path: FilePath, mode: mode_t) throws(Errno) -> Directory {
        do {
            return try root(at: path)
        } catch {
            guard error == .noSuchFileOrDirectory, let name = path.lastComponent?.string else { throw error }
            let parent = try makingRoot(at: path.removingLastComponent(), mode: mode)
            try parent.makeDirectory(name, mode: mode)
            try parent.synchronise()
            // The last part may be a link that leads nowhere: then this fails as the first attempt did.
            return try root(at: path)
        }
    }

    func directory(_ name: String) throws(Errno) -> Directory {
        Directory(descriptor: try FileSystemCalls.openDirectory(descriptor, name))
    }

    /// Makes a directory; that it exists is fine.
    func makeDirectory(_ name: String, mode: mode_t) throws(Errno) {
        do {
            try FileSystemCalls.makeDirectory(descriptor, name, mode: mode)
        } catch {
            guard error == .fileExists else { throw error }
        }
    }

    func file(_ name: String) throws(Errno) -> OpenFile {
        OpenFile(descriptor: try FileSystemCalls.openForReading(descriptor, name))
    }

    /// A new, empty file that only its owner can read.
    func createFile(_ name: String) throws(Errno) -> OpenFile {
        OpenFile(descriptor: try FileSystemCalls.createFile(descriptor, name))
    }

    /// `nil` when there is nothing of that name.
    func status(of name: String) throws(Errno) -> FileStatus? {
        do {
            return try FileSystemCalls.status(descriptor, name)
        } catch {
            guard error == .noSuchFileOrDirectory else { throw error }
            return nil
        }
    }

    /// Gives a file a second name in another directory; fails if that name exists.
    func link(_ name: String, to target: Directory, as newName: String) throws(Errno) {
        try FileSystemCalls.link(descriptor, name, target.descriptor, newName)
    }

    /// Moves a file to another directory, over one of that name.
    func rename(_ name: String, to target: Directory, as newName: String) throws(Errno) {
        try FileSystemCalls.rename(descriptor, name, target.descriptor, newName)
    }

    /// Removes a file; that it is not there is fine.
    func remove(_ name: String) throws(Errno) {
        do {
            try FileSystemCalls.unlink(descriptor, name)
        } catch {
            guard error == .noSuchFileOrDirectory else { throw error }
        }
    }

    func names() throws(Errno) -> [String] { try FileSystemCalls.names(descriptor) }

    /// Makes the names in this directory durable.
    func synchronise() throws(Errno) { try FileSystemCalls.synchronise(descriptor) }

    /// How much the file system holds, and what of that can still be written. In bytes.
    func space() throws(Errno) -> (total: Int64, free: Int64) { try FileSystemCalls.space(descriptor) }

    func setMode(_ mode: mode_t) throws(Errno) { try FileSystemCalls.setMode(descriptor, mode) }
}
