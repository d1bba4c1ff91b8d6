import GenerationTasks

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One file for each owner, which its process keeps locked: a free lock is a dead process.
struct OwnerFiles: Sendable {
    let folder: String

    func path(of owner: OwnerID) -> String { folder + "/" + Self.fileName(of: owner) }

    /// Makes the owner's file and locks it.
    func lock(_ owner: OwnerID) throws(LedgerError) -> FileLock {
        let path = path(of: owner)
        // Who sweeps holds the lock for a moment; a hundred moments are another process of that name.
        for _ in 0..<100 {
            guard let lock = FileLock(path) else { throw .failed(Files.reason("cannot be made", path)) }
            if lock.take(.exclusive), !lock.isUnlinked { return lock }
            usleep(1000)
        }
        throw .failed("\(path) is locked by another process; every process needs an owner id of its own")
    }

    /// A line of the owner's file for an attempt whose last byte was about to go out.
    static func note(of id: TaskID, attempt: Int) -> String { "\(id) \(attempt)" }

    /// What an owner whose process has ended has noted; `nil` when that cannot be told.
    func notes(of owner: OwnerID) -> Set<String>? {
        guard let content = Files.content(of: path(of: owner)) else { return nil }
        // What is not ended by a line break was not written whole, so its byte was kept back.
        let lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
        return Set(lines.map { String(decoding: $0, as: UTF8.self) })
    }

    func isHeld(_ owner: OwnerID) -> Bool { FileLock.isHeld(path(of: owner)) }

    /// Removes the file of an owner whose process has ended, and of no other.
    func removeIfFree(_ owner: OwnerID) { removeIfFree(path(of: owner)) }

    /// Removes what ended processes have left.
    func sweep() {
        for name in Files.names(in: folder) { removeIfFree(folder + "/" + name) }
    }

    private func removeIfFree(_ path: String) {
        guard !FileLock.isHeld(path), Files.status(path) != nil, let lock = FileLock(path) else { return }
        // Unlinked under its lock, so that an owner that is just being made notices (``lock(_:)``).
        if lock.take(.exclusive), !lock.isUnlinked { unlink(path) }
    }

    /// An owner's id is a UUID; whatever else it may be stays inside the folder.
    private static func fileName(of owner: OwnerID) -> String {
        var name = ""
        for byte in owner.description.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                name.unicodeScalars.append(Unicode.Scalar(byte))
            default: name += "%" + String(byte, radix: 16)
            }
        }
        return name
    }
}
