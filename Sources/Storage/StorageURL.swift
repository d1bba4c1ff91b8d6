/// The URL of a storage or of an object in one: `file:///home/u/Pictures`, `s3://bucket/prefix`, `NAME://…`.
///
/// Only what a storage needs of RFC 3986: a scheme, a host, a path. A query, a fragment, or a user with a password
/// is refused: options belong into the configuration, and secrets never into a URL. An absolute path is taken as a
/// `file` URL. Empty segments and a slash at the end mean nothing and are dropped; `.` and `..` are refused.
public struct StorageURL: Sendable, Hashable, CustomStringConvertible {
    /// In lowercase.
    public let scheme: String
    /// A bucket, or whatever a plugin takes it for; empty in a `file` URL.
    public let host: String
    /// The parts of the path, percent-decoded.
    public let segments: [String]

    /// Throws ``StorageErrorKind/configuration`` with the reason.
    public init(_ text: String) throws(StorageError) {
        if text.utf8.first == UInt8(ascii: "/") {
            try self.init(path: text)
            return
        }
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), Self.isScheme(text[..<colon]) else {
            throw Self.refusal(text, "it must look like file:///home/me/Pictures or s3://bucket/prefix")
        }
        let scheme = text[..<colon].lowercased()
        let rest = text[text.index(after: colon)...]
        guard rest.hasPrefix("//") else { throw Self.refusal(text, "'//' must follow '\(scheme):'") }
        let authorityAndPath = rest.dropFirst(2)
        // The message must not repeat the text: what stands before '@' may be a password.
        if authorityAndPath.contains("@") {
            throw StorageError(
                .configuration,
                "a storage URL must not hold '@': write %40 in a path, and put keys into the environment"
            )
        }
        if authorityAndPath.contains(where: { $0 == "?" || $0 == "#" }) {
            throw StorageError(
                .configuration,
                "a storage URL has no query and no fragment: write %3F or %23 in a path, and put options into the configuration"
            )
        }
        let slash = authorityAndPath.firstIndex(of: "/") ?? authorityAndPath.endIndex
        var host = String(authorityAndPath[..<slash])
        guard host.utf8.allSatisfy(Self.isAllowedInHost) else {
            throw Self.refusal(text, "its host may hold only letters, digits and .-_:")
        }
        if scheme == "file" {
            guard host.isEmpty || host.lowercased() == "localhost" else {
                throw Self.refusal(text, "a file URL names a folder of this machine and begins with file:///")
            }
            guard slash != authorityAndPath.endIndex else { throw Self.refusal(text, "it has no path") }
            host = ""
        } else if host.isEmpty {
            throw Self.refusal(text, "a name must follow '\(scheme)://'")
        }
        var segments: [String] = []
        for encoded in authorityAndPath[slash...].split(separator: "/") {
            guard let segment = PercentEncoding.decode(encoded) else {
                throw Self.refusal(text, "its percent-encoding is broken or not UTF-8")
            }
            segments.append(segment)
        }
        try self.init(scheme: scheme, host: host, segments: segments, asGiven: text)
    }

    /// The `file` URL of an absolute path; throws ``StorageErrorKind/configuration`` with the reason.
    public init(path: String) throws(StorageError) {
        guard path.utf8.first == UInt8(ascii: "/") else {
            throw Self.refusal(path, "the path of a storage must be absolute")
        }
        try self.init(
            scheme: "file",
            host: "",
            segments: path.split(separator: "/").map(String.init),
            asGiven: path
        )
    }

    private init(scheme: String, host: String, segments: [String], asGiven text: String) throws(StorageError) {
        for segment in segments {
            if segment == "." || segment == ".." { throw Self.refusal(text, "'.' and '..' must not be in its path") }
            if segment.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "/") }) {
                throw Self.refusal(text, "an encoded slash or a control character must not be in its path")
            }
        }
        self.scheme = scheme
        self.host = host
        self.segments = segments
    }

    private init(scheme: String, host: String, checkedSegments: [String]) {
        self.scheme = scheme
        self.host = host
        segments = checkedSegments
    }

    /// The absolute path, decoded; `/` for the root.
    public var path: String { "/" + segments.joined(separator: "/") }

    /// In one spelling, percent-encoded, without a slash at the end (but for the root of a file system).
    public var description: String {
        guard !segments.isEmpty else { return scheme == "file" ? "file:///" : "\(scheme)://\(host)" }
        return "\(scheme)://\(host)/" + segments.map(PercentEncoding.encode).joined(separator: "/")
    }

    /// The URL of an object below this one.
    public func appending(_ key: ObjectKey) -> StorageURL {
        StorageURL(scheme: scheme, host: host, checkedSegments: segments + key.segments.map(String.init))
    }

    /// What leads from this URL to `other`; empty when both are the same, `nil` when `other` is not below this.
    public func segments(to other: StorageURL) -> ArraySlice<String>? {
        guard scheme == other.scheme, host == other.host, other.segments.starts(with: segments) else { return nil }
        return other.segments.dropFirst(segments.count)
    }

    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first | 0x20) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
    }

    private static func isAllowedInHost(_ byte: UInt8) -> Bool {
        PercentEncoding.isUnreserved(byte) && byte != UInt8(ascii: "~") || byte == UInt8(ascii: ":")
    }

    private static func refusal(_ text: String, _ reason: String) -> StorageError {
        let shown = text.unicodeScalars.prefix(200).map { $0.escaped(asASCII: false) }.joined()
        return StorageError(.configuration, "'\(shown)' can't be a storage: \(reason)")
    }
}
