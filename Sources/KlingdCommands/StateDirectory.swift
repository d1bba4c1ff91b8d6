#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// klingd's own folder: made private to its user, with a spool for content on its way.
struct StateDirectory {
    let path: String
    var spool: String { path + "/spool" }

    /// Makes what is missing.
    init(_ path: String) throws(CommandFailure) {
        self.path = path
        try Self.make(path)
        try Self.make(path + "/spool")
    }

    private static func make(_ path: String) throws(CommandFailure) {
        var position = path.startIndex
        while let slash = path[position...].dropFirst().firstIndex(of: "/") {
            _ = mkdir(String(path[..<slash]), 0o755)
            position = slash
        }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            let reason = String(cString: strerror(errno))
            throw CommandFailure(
                message: "the folder \(path) cannot be made: \(reason); give another by --state",
                exitCode: CommandFailure.failed
            )
        }
    }
}
