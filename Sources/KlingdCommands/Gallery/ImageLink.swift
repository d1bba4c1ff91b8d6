import Storage

/// How a page names the file of an image.
enum ImageLink {
    /// The URL of a file: relative to the page when it lies in one of `folders` or below, so that both can be moved
    /// together; else a `file` URL.
    ///
    /// - Parameters:
    ///   - path: Absolute.
    ///   - folders: Absolute paths of the folder in which the page lies; none for a page that lies nowhere.
    /// - Returns: `nil` for a path that no URL can name.
    static func url(of path: String, from folders: [String]) -> String? {
        guard let file = try? StorageURL(path: path), !file.segments.isEmpty else { return nil }
        for folder in folders {
            guard let folder = try? StorageURL(path: folder), let below = folder.segments(to: file), !below.isEmpty
            else { continue }
            // The last parts of what is percent-encoded already.
            return file.description.split(separator: "/").suffix(below.count).joined(separator: "/")
        }
        return file.description
    }
}
