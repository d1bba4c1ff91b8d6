#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What `klingd doctor` looks at that does not depend on the settings.
enum Machine {
    static func findings(_ environment: Environment) -> [Finding] {
        [.ok("klingd", "\(Klingd.version) on \(platform)"), openFiles]
    }

    private static var platform: String {
        var name = utsname()
        guard uname(&name) == 0 else { return "an unknown system" }
        return "\(text(&name.sysname)) \(text(&name.release)) \(text(&name.machine))"
    }

    private static func text<Field>(_ field: inout Field) -> String {
        withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// Each create and each download has a connection of its own.
    private static let fewFiles: UInt64 = 256

    private static var openFiles: Finding {
        var limit = rlimit()
        #if canImport(Glibc)
            let result = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #else
            let result = getrlimit(RLIMIT_NOFILE, &limit)
        #endif
        let what = "open files"
        guard result == 0 else { return .warning(what, "the limit is not told", "see ulimit -n") }
        let seen = "\(limit.rlim_cur) are allowed"
        return limit.rlim_cur < fewFiles
            ? .warning(what, seen, "raise the limit to \(fewFiles) or more: ulimit -n \(fewFiles)") : .ok(what, seen)
    }

    /// Bytes that a user may still write where `path` lies.
    static func freeBytes(_ path: String) -> Int64? {
        var info = statvfs()
        guard statvfs(path, &info) == 0 else { return nil }
        return Int64(clamping: UInt64(info.f_bavail) * UInt64(info.f_frsize))
    }

    /// What a folder is like that is to be klingd's own.
    enum Folder: Equatable {
        case absent, isPrivate
        /// Others may read it, until klingd makes it private at its next start.
        case open(mode: String)
        /// It cannot be klingd's.
        case unfit(String)
    }

    static func folder(_ path: String) -> Folder {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            return errno == ENOENT ? .absent : .unfit(String(cString: strerror(errno)))
        }
        if status.st_mode & S_IFMT != S_IFDIR { return .unfit("it is no folder, or a link to one") }
        if status.st_uid != geteuid() { return .unfit("it belongs to another user") }
        if status.st_mode & S_ISVTX != 0 { return .unfit("it is shared by several users") }
        if access(path, W_OK | X_OK) != 0 {
            return .unfit("it cannot be written to: \(String(cString: strerror(errno)))")
        }
        let mode = status.st_mode & 0o777
        return mode & 0o077 == 0 ? .isPrivate : .open(mode: String(mode, radix: 8))
    }

    /// Why nothing can be made in `folder`; `nil` when something can, as far as that shows.
    static func refusal(in folder: String) -> String? {
        access(folder, W_OK | X_OK) == 0 ? nil : String(cString: strerror(errno))
    }

    /// The nearest folder at or above `path` that is there.
    static func existing(above path: String) -> String {
        var path = Substring(path)
        while path.count > 1, access(String(path), F_OK) != 0 {
            path = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
        }
        return path.isEmpty ? "/" : String(path)
    }

    /// Names of the storage plugins in these folders, the first of a name first.
    static func plugins(in folders: [String]) -> [String] {
        var found: [String] = []
        for folder in folders where folder.hasPrefix("/") {
            guard let entries = opendir(folder) else { continue }
            defer { closedir(entries) }
            while let entry = readdir(entries) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                guard name.hasPrefix("klingd-storage-"), !name.contains("."), access(folder + "/" + name, X_OK) == 0
                else { continue }
                let plugin = String(name.dropFirst("klingd-storage-".count))
                if !found.contains(plugin) { found.append(plugin) }
            }
        }
        return found.sorted()
    }
}
