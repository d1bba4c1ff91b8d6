/// What one request goes out with. No description of it shows anything of its secrets.
struct Login: Sendable {
    private let token: String
    /// The token, and whatever it was made from.
    private let secrets: [[UInt8]]
    private let placeholder: [UInt8]

    /// - Parameters:
    ///   - token: What stands behind `Bearer`.
    ///   - secrets: What no answer may show, the longer before what is part of it.
    ///   - placeholder: What is shown in their place.
    init(token: String, secrets: [String], placeholder: String) {
        self.token = token
        // A shorter one is none of the provider's, and would be found where it does not stand.
        self.secrets = secrets.filter { $0.utf8.count >= 8 }.map { Array($0.utf8) }
        self.placeholder = Array(placeholder.utf8)
    }

    /// The value of the `Authorization` header field.
    var authorization: String { "Bearer \(token)" }

    /// The bytes of an answer without the secrets, should the provider repeat them in what it says.
    func removed(from answer: [UInt8]) -> [UInt8] {
        secrets.reduce(answer) { $0.replacingEach($1, with: placeholder) }
    }

    func isSame(as other: Login) -> Bool { token == other.token }
}

extension Login: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    var description: String { "login" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

extension [UInt8] {
    /// By hand, since an answer with a list can have megabytes, and the algorithm of the library takes a second for
    /// them.
    fileprivate func replacingEach(_ old: [UInt8], with new: [UInt8]) -> [UInt8] {
        guard let first = old.first, count >= old.count else { return self }
        var result: [UInt8] = []
        var copied = startIndex
        withUnsafeBufferPointer { bytes in
            var position = 0
            while position + old.count <= bytes.count {
                guard bytes[position] == first, old.elementsEqual(bytes[position..<position + old.count]) else {
                    position += 1
                    continue
                }
                result += bytes[copied..<position]
                result += new
                position += old.count
                copied = position
            }
        }
        return copied == startIndex ? self : result + self[copied...]
    }
}
