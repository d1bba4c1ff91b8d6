import Storage

/// How a page names the files of images: relative to itself when they lie in its folder or below, so that both can be
/// moved together; else by `file` URLs.
struct ImageLink {
    private let folders: [StorageURL]

    /// - Parameter folders: Absolute paths of the folder in which the page lies; none for a page that lies nowhere.
    init(folders: [String]) {
        self.folders = folders.compactMap { try? StorageURL(path: $0) }
    }

    /// The URL of the file of an absolute path; `nil` for a path that no URL can name.
    func url(of path: String) -> String? {
        guard let file = try? StorageURL(path: path), !file.segments.isEmpty else { return nil }
        for folder in folders {
            guard let below = folder.segments(to: file), !below.isEmpty else { continue }
            // The last parts of what is percent-encoded already.
            return file.description.split(separator: "/").suffix(below.count).joined(separator: "/")
        }
        return file.description
    }
}
