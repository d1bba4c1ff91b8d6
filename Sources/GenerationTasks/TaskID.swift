/// klingd's own id of a task: a UUID version 7 (RFC 9562 section 5.7), made before anything is sent.
///
/// Ordered by time of creation and, with 74 random bits, unguessable.
package struct TaskID: Sendable, Hashable, CustomStringConvertible {
    /// 36 characters, lower case.
    package let description: String

    /// Reads an id as a client gave it; `nil` when it has not the form of one.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let dashes = [8, 13, 18, 23]
        let isWellFormed =
            bytes.count == 36
            && bytes.enumerated().allSatisfy { index, byte in
                dashes.contains(index) ? byte == UInt8(ascii: "-") : Self.isHexDigit(byte)
            }
        guard isWellFormed else { return nil }
        description = text.lowercased()
    }

    /// Makes an id; `random` must be cryptographically strong outside of tests.
    package init(at time: Timestamp, random: inout some RandomNumberGenerator) {
        let milliseconds = UInt64(clamping: time.milliseconds) & 0xFFFF_FFFF_FFFF
        let high = milliseconds << 16 | 0x7000 | random.next() & 0x0FFF
        let low = 0x8000_0000_0000_0000 | random.next() & 0x3FFF_FFFF_FFFF_FFFF
        var text: [UInt8] = []
        for (word, dashes) in [(high, [8, 12]), (low, [0, 4])] {
            for digit in 0..<16 {
                if dashes.contains(digit) { text.append(UInt8(ascii: "-")) }
                text.append(Self.hexDigits[Int(word >> UInt64(60 - 4 * digit) & 0xF)])
            }
        }
        description = String(decoding: text, as: UTF8.self)
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
