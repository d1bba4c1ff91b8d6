import Storage
import SystemPackage

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Clears what killed processes left behind. What can't be cleared is left for the next time: it does no harm.
extension ObjectTree {
    /// No put takes as long, so the writer of an older part is dead. In seconds.
    private static let partLifetime = 3_600
    /// A root may be a folder with everything its user has; klingd's own files are then found in part.
    private static let mostEntries = 10_000

    func sweep() {
        var remaining = Self.mostEntries
        sweepParts(in: root, path: "", now: time(nil), remaining: &remaining)
        if let spool = try? root.directory(FilesystemStorage.spoolName) { sweepPublished(in: spool) }
    }

    private func sweepParts(in directory: Directory, path: String, now: time_t, remaining: inout Int) {
        guard let names = try? directory.names() else { return }
        for name in names {
            remaining -= 1
            guard remaining > 0 else { return }
            if PartName.matches(name) {
                guard let status = try? directory.status(of: name), status.kind == .file,
                    Int64(now) - status.modifiedAt > Self.partLifetime
                else { continue }
                try? directory.remove(name)
            } else if (try? ObjectKey(path + name)) != nil, !isReserved(path + name),
                let child = try? directory.directory(name)
            {
                sweepParts(in: child, path: path + name + "/", now: now, remaining: &remaining)
            }
        }
    }

    /// A spooled file with a second name was published just before its process was killed. Were the name reused and
    /// written to, the stored image would change.
    private func sweepPublished(in spool: Directory) {
        for name in (try? spool.names()) ?? [] {
            guard let status = try? spool.status(of: name), status.kind == .file, status.linkCount > 1 else { continue }
            try? spool.remove(name)
        }
    }
}
