import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that is there under its name once it is complete, and not before; until then, what had the name before stays.
final class OutputFile {
    /// Absolute.
    let path: String
    /// The paths of its folder: as it was given, and without links. A name reached by either is the same.
    let folders: [String]

    private let temporary: String
    private let file: FileDescriptor
    private var isOver = false

    private static let mode = FilePermissions(rawValue: 0o640)

    /// Begins it beside its place. `path` is absolute, and what has that name already must be a file.
    init(_ path: String) throws(CommandFailure) {
        let given = FilePath(path)
        guard let name = given.lastComponent, name.kind == .regular, !path.hasSuffix("/") else {
            throw Self.failure(path, "names no file")
        }
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            throw Self.failure(path, "is there and is no file; '-' writes to stdout")
        }
        let folder = given.removingLastComponent().string
        guard let resolved = realpath(folder, nil) else { throw Self.failure(folder, String(cString: strerror(errno))) }
        defer { free(resolved) }
        self.path = path
        folders = [folder, String(cString: resolved)]
        let random = String(UInt64.random(in: 0 ... .max), radix: 36)
        temporary = given.removingLastComponent().appending(".klingd-\(random).part").string
        do {
            let options: FileDescriptor.OpenOptions = [.create, .exclusiveCreate, .noFollow, .closeOnExec]
            file = try FileDescriptor.open(temporary, .writeOnly, options: options, permissions: Self.mode)
        } catch {
            throw Self.failure(folder, "\(error)")
        }
    }

    deinit {
        guard !isOver else { return }
        try? file.close()
        unlink(temporary)
    }

    /// Adds to its end.
    func write(_ text: String) throws(CommandFailure) {
        do { try file.writeAll(text.utf8) } catch { throw Self.failure(path, "\(error)") }
    }

    /// Gives it its name. To be called once, at the end.
    func publish() throws(CommandFailure) {
        do {
            try file.close()
        } catch {
            isOver = true
            unlink(temporary)
            throw Self.failure(path, "\(error)")
        }
        isOver = true
        guard rename(temporary, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            throw Self.failure(path, reason)
        }
    }

    private static func failure(_ path: String, _ reason: String) -> CommandFailure {
        CommandFailure(message: "\(path) cannot be written: \(reason)", exitCode: CommandFailure.failed)
    }
}
