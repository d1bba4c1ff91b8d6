/// Base64 with the standard alphabet (RFC 4648 section 4).
enum Base64 {
    /// Decodes what tools print: line breaks and other white space are passed over, padding may be left out.
    ///
    /// Returns `nil` when anything else is not of the alphabet, or when the last group is incomplete.
    static func decode(_ text: Substring) -> [UInt8]? {
        var text = text
        return text.withUTF8 { decode($0) }
    }

    private static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3 + 3)
        let values = values
        var group: UInt32 = 0
        var digits = 0
        var padding = 0
        for character in text {
            let value = values[Int(character)]
            if value < 64 {
                guard padding == 0 else { return nil }
                group = group << 6 | UInt32(value)
                digits += 1
                guard digits == 4 else { continue }
                bytes.append(UInt8(truncatingIfNeeded: group >> 16))
                bytes.append(UInt8(truncatingIfNeeded: group >> 8))
                bytes.append(UInt8(truncatingIfNeeded: group))
                digits = 0
            } else if value == paddingMark {
                padding += 1
            } else if value != whiteSpaceMark {
                return nil
            }
        }
        guard padding == 0 || digits > 0 && digits + padding == 4 else { return nil }
        // The bits that the last digit has too many must be zero, or two texts would mean the same bytes.
        switch digits {
        case 0: return bytes
        case 2 where group & 0xF == 0: bytes.append(UInt8(truncatingIfNeeded: group >> 4))
        case 3 where group & 0x3 == 0:
            bytes.append(UInt8(truncatingIfNeeded: group >> 10))
            bytes.append(UInt8(truncatingIfNeeded: group >> 2))
        default: return nil
        }
        return bytes
    }

    /// On one line, with padding.
    static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { text in
            var end = 0
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let left = min(3, bytes.count - start)
                var group = UInt32(bytes[start]) << 16
                if left > 1 { group |= UInt32(bytes[start + 1]) << 8 }
                if left > 2 { group |= UInt32(bytes[start + 2]) }
                for digit in 0..<4 {
                    text[end] = digit <= left ? alphabet[Int(group >> UInt32(18 - 6 * digit) & 63)] : UInt8(ascii: "=")
                    end += 1
                }
            }
            return end
        }
    }

    private static let paddingMark: UInt8 = 64
    private static let whiteSpaceMark: UInt8 = 65
    private static let foreignMark: UInt8 = 66

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The value of every byte as a digit, or one of the marks.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: foreignMark, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        values[Int(UInt8(ascii: "="))] = paddingMark
        for character in [0x20, 0x09, 0x0A, 0x0D] { values[character] = whiteSpaceMark }
        return values
    }()
}
