import JSON

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Takes the values of secrets out of what a plugin writes, before it is logged or told.
///
/// Known are the values as they are, as JSON and URLs spell them, and the lines of those that have several. Values of
/// less than 4 bytes can't be told from ordinary text and stay.
struct SecretRedactor: Sendable {
    private struct Pattern {
        var bytes: [UInt8]
        var replacement: [UInt8]
    }

    private let patterns: [Pattern]
    /// Of the longest value in bytes: who cuts a line before it is redacted must keep so much more.
    let longest: Int

    init(_ secrets: [String: String] = [:]) {
        var patterns: [Pattern] = []
        for (name, value) in secrets.sorted(by: { $0.key < $1.key }) {
            let replacement = Array("[secret \(name)]".utf8)
            let lines = value.split(whereSeparator: \.isNewline).map(String.init).filter { $0.utf8.count >= 8 }
            let forms = [value, Self.asJSON(value), Self.asURL(value)] + lines
            for form in Set(forms) where form.utf8.count >= 4 {
                patterns.append(Pattern(bytes: Array(form.utf8), replacement: replacement))
            }
        }
        // A value may hold another: the longest goes first.
        self.patterns = patterns.sorted { $0.bytes.count > $1.bytes.count }
        longest = self.patterns.first?.bytes.count ?? 0
    }

    func redact(_ text: String) -> String {
        patterns.isEmpty ? text : String(decoding: redact(Array(text.utf8)), as: UTF8.self)
    }

    func redact(_ bytes: [UInt8]) -> [UInt8] {
        patterns.reduce(bytes) { Self.replace($1, in: $0) }
    }

    private static func replace(_ pattern: Pattern, in bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var copiedTo = 0
        bytes.withUnsafeBytes { text in
            while let start = find(pattern.bytes, in: text, from: copiedTo) {
                result += text[copiedTo..<start]
                result += pattern.replacement
                copiedTo = start + pattern.bytes.count
            }
        }
        return copiedTo == 0 ? bytes : result + bytes[copiedTo...]
    }

    private static func find(_ pattern: [UInt8], in text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = text.baseAddress else { return nil }
        var position = start
        while position + pattern.count <= text.count {
            let room = text.count - pattern.count - position + 1
            guard let found = memchr(base + position, Int32(pattern[0]), room) else { return nil }
            position = base.distance(to: found)
            if memcmp(base + position, pattern, pattern.count) == 0 { return position }
            position += 1
        }
        return nil
    }

    private static func asJSON(_ value: String) -> String {
        String(decoding: JSONValue.string(value).serialized.dropFirst().dropLast(), as: UTF8.self)
    }

    /// Every byte that RFC 3986 does not call unreserved is encoded.
    private static func asURL(_ value: String) -> String {
        value.utf8.map { byte in
            let character = Character(Unicode.Scalar(byte))
            if character.isASCII, character.isLetter || character.isNumber || "-._~".contains(character) {
                return String(character)
            }
            return (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}
