extension String {
    /// The text as a message quotes it: cut at 80 Unicode scalars, since a client may give megabytes.
    var excerpt: String {
        let limit = 80
        let scalars = unicodeScalars
        guard let end = scalars.index(scalars.startIndex, offsetBy: limit, limitedBy: scalars.endIndex),
            end < scalars.endIndex
        else { return self }
        return String(self[..<end]) + "…"
    }
}
