#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Which file systems cannot hold a ledger: SQLite's locks and its shared memory need every process to be on the
/// machine that has the disk.
package enum FileSystemKind {
    /// The name of the network file system that `folder` lies on; `nil` when it lies on this machine, or when the
    /// system does not tell.
    package static func network(of folder: String) -> String? {
        #if canImport(Darwin)
            var info = statfs()
            guard statfs(folder, &info) == 0 else { return nil }
            let name = withUnsafeBytes(of: &info.f_fstypename) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
        #else
            guard let status = Files.status(folder + "/."), let table = Files.content(of: "/proc/self/mountinfo"),
                let path = realpath(folder, nil)
            else { return nil }
            defer { free(path) }
            let mounts = String(decoding: table, as: UTF8.self)
            guard let name = name(device: UInt64(status.st_dev), path: String(cString: path), mounts: mounts) else {
                return nil
            }
        #endif
        return isNetwork(name) ? name : nil
    }

    /// Whether a file system of that name has its disk elsewhere, or may have. FUSE is taken for local unless its
    /// program is known: most of what is mounted so is.
    package static func isNetwork(_ name: String) -> Bool {
        [
            "nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "coda", "ncpfs", "ceph", "9p", "lustre", "gfs",
            "gfs2", "ocfs2", "gpfs", "beegfs", "afpfs", "webdav", "ftp", "acfs", "fuse.sshfs", "fuse.glusterfs",
            "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.davfs",
        ].contains(name)
    }

    /// The name of the file system that a folder lies on, from the mounts as Linux shows them
    /// (`proc_pid_mountinfo(5)`).
    ///
    /// By its device; where that is none of the table's, as with subvolumes of Btrfs, by the longest mount point above
    /// it. Of several mounts in one place the last one is on top.
    package static func name(device: UInt64, path: String, mounts: String) -> String? {
        let major = (device >> 8) & 0xFFF | (device >> 32) & ~0xFFF
        let minor = device & 0xFF | (device >> 12) & ~0xFF
        var nearest: (length: Int, name: String)?
        var sameDevice: String?
        for line in mounts.split(separator: "\n") {
            // 36 35 98:0 /root /mount/point options optional… - type source options
            let fields = line.split(separator: " ")
            guard fields.count > 5, let dash = fields.lastIndex(of: "-"), dash + 1 < fields.count else { continue }
            let name = String(fields[dash + 1])
            if fields[2] == "\(major):\(minor)" { sameDevice = name }
            let point = unescaped(fields[4])
            let isAbove = point == "/" || path == point || path.hasPrefix(point + "/")
            if isAbove, point.utf8.count >= nearest?.length ?? 0 { nearest = (point.utf8.count, name) }
        }
        return sameDevice ?? nearest?.name
    }

    /// White space and backslashes in a path are written as octal numbers, "\040".
    private static func unescaped(_ text: Substring) -> String {
        guard text.contains("\\") else { return String(text) }
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"),
                let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
            else {
                bytes.append(byte)
                continue
            }
            bytes.append(code)
            rest = rest.dropFirst(3)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
