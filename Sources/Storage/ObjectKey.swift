/// The name of an object below the root of a storage, such as `2026-11-23/0199c0de-0.png`.
///
/// Only names that mean the same everywhere can be made: on every file system (case kept, no Unicode
/// normalisation at work), in every object store, in a shell and in a URL. So a key is made of segments joined by
/// `/`, each of ASCII letters, digits and `-_.!()`, 1 to 255 bytes long and not beginning with a dot (hidden
/// files are for the storage's own use); the whole is at most 1,024 bytes.
public struct ObjectKey: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The longest key that every object store takes, in bytes.
    public static let maximumLength = 1024
    /// The longest file name that common file systems take, in bytes.
    public static let maximumSegmentLength = 255

    /// The whole name.
    public let description: String

    /// Throws ``StorageErrorKind/configuration`` with the reason when `text` is no such name.
    public init(_ text: some StringProtocol) throws(StorageError) {
        if let reason = Self.reasonToRefuse(text) {
            throw StorageError(.configuration, "'\(Self.printable(text))' can't be the name of an object: \(reason)")
        }
        description = String(text)
    }

    /// The parts between the slashes, at least one.
    public var segments: [Substring] { description.split(separator: "/") }

    /// The last segment: the file's name.
    public var name: Substring {
        description[(description.lastIndex(of: "/").map(description.index(after:)) ?? description.startIndex)...]
    }

    /// This key below another: `a/b` below `c` is `c/a/b`. Throws when that becomes too long.
    public func placed(below parent: ObjectKey?) throws(StorageError) -> ObjectKey {
        guard let parent else { return self }
        return try ObjectKey("\(parent)/\(self)")
    }

    /// By bytes, the order in which every storage lists.
    public static func < (left: ObjectKey, right: ObjectKey) -> Bool {
        left.description.utf8.lexicographicallyPrecedes(right.description.utf8)
    }

    private static func reasonToRefuse(_ text: some StringProtocol) -> String? {
        if text.isEmpty { return "it is empty" }
        if text.utf8.count > maximumLength { return "it is longer than \(maximumLength) bytes" }
        for segment in text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let first = segment.first else { return "it begins or ends with '/' or has '//' in it" }
            if first == UInt8(ascii: ".") { return "a part of it begins with '.'" }
            if segment.count > maximumSegmentLength {
                return "a part of it is longer than \(maximumSegmentLength) bytes"
            }
            if !segment.allSatisfy(isAllowed) {
                return "only letters a-z and A-Z, digits, '/' and -_.!() may be in it"
            }
        }
        return nil
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: "!"), UInt8(ascii: "("), UInt8(ascii: ")"):
            true
        default: false
        }
    }

    // A hostile name must not reach a terminal or a log as it is.
    private static func printable(_ text: some StringProtocol) -> String {
        text.unicodeScalars.prefix(80).map { $0.escaped(asASCII: true) }.joined()
    }
}
