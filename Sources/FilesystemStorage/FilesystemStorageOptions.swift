package import SystemPackage

/// How files are stored; the defaults suit a folder in a home directory.
package struct FilesystemStorageOptions: Sendable, Hashable {
    /// What happens when other content lies under a key already.
    package enum Collision: Sendable, Hashable {
        /// It stays, and the put fails with ``StorageErrorKind/conflict``.
        case keep
        /// It is replaced, atomically.
        case overwrite
    }

    package var collision: Collision
    /// The permissions of stored files, as `chmod` takes them. Folders get the same with the matching right to search.
    package var fileMode: UInt16
    /// In bytes: a put that would leave less than this free fails with ``StorageErrorKind/full``. `nil` for what suits the
    /// file system: 64 MiB, but no more than a 32nd of it.
    package var minimumFreeBytes: Int64?
    /// Folders that lie below the root but are not the storage's, such as klingd's state: nothing is stored there,
    /// nothing listed. Absolute, and beginning with the root as its URL spells it; others don't matter.
    package var reservedFolders: [FilePath]

    package init(
        collision: Collision = .keep,
        fileMode: UInt16 = 0o640,
        minimumFreeBytes: Int64? = nil,
        reservedFolders: [FilePath] = []
    ) {
        self.collision = collision
        self.fileMode = fileMode
        self.minimumFreeBytes = minimumFreeBytes
        self.reservedFolders = reservedFolders
    }

    /// What is to stay free of a file system that holds so many bytes.
    func floor(ofFileSystemWith total: Int64) -> Int64 {
        minimumFreeBytes ?? min(64 << 20, total / 32)
    }

    /// Who may read a file may search its folder.
    var directoryMode: UInt16 { 0o700 | fileMode | (fileMode & 0o444) >> 2 }
}
