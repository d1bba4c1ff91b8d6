/// What proves to the provider who asks. No description of it shows anything of the key.
package struct Credentials: Sendable {
    private let key: String

    /// An API key that is sent as it is (RFC 6750 section 2.1); `nil` when it is empty or cannot stand in a header.
    ///
    /// White space around it is dropped: files and commands that keep a key end it with a line break.
    package init?(bearerKey: String) {
        let key = bearerKey.drop(while: \.isWhitespace)
        let end = key.lastIndex { !$0.isWhitespace }.map { key.index(after: $0) } ?? key.startIndex
        guard end > key.startIndex, key[..<end].utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        self.key = String(key[..<end])
    }

    /// The value of the `Authorization` header field.
    var authorization: String { "Bearer \(key)" }

    /// The bytes of an answer without the key, should the provider repeat it in what it says.
    func removed(from answer: [UInt8]) -> [UInt8] {
        // A shorter key is none of the provider's, and would be found where it does not stand.
        guard key.utf8.count >= 8 else { return answer }
        return answer.replacing(Array(key.utf8), with: Array("[key]".utf8))
    }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "bearer key" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
