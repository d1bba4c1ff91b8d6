import Storage
import SystemPackage

extension StorageError {
    /// What an error of the system means for a storage, and what its owner can do.
    init(_ error: Errno, _ action: String, in url: StorageURL, key: ObjectKey? = nil) {
        let place = (key.map(url.appending) ?? url).description
        let failure = "can't \(action) \(place) (\(error))"
        switch error {
        case .noSpace, .diskQuotaExceeded:
            self.init(.full, "\(failure): free some space, it goes on by itself", isRetryable: true, key: key)
        case .fileTooLarge:
            self.init(
                .full,
                "\(failure): the file system or a limit of the process allows no file of that size",
                key: key
            )
        case .permissionDenied, .notPermitted:
            self.init(.denied, "\(failure): give the user that klingd runs as the right to write there", key: key)
        case .readOnlyFileSystem:
            self.init(.denied, "\(failure): mount it writable or choose another storage", key: key)
        case .tooManySymbolicLinkLevels, .notDirectory, .isDirectory:
            self.init(
                .denied,
                "\(failure): what lies there is not what klingd made; below its root it follows no symbolic link",
                key: key
            )
        case .fileNameTooLong, .invalidArgument:
            self.init(.configuration, "\(failure): the file system can't hold that name", key: key)
        default:
            self.init(
                .unavailable,
                "\(failure): see that the folder is there and its disk is connected and sound",
                isRetryable: true,
                key: key
            )
        }
    }
}
