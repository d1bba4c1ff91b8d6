/// Text from outside as HTML shows it, whatever it holds: it can neither become markup nor reorder what stands around it.
///
/// Controls, which HTML cannot hold, and the directional formatting characters, with which a text shows other than it
/// is (Unicode Technical Report 36, section 2.8), are shown as their numbers. Line breaks and tabs stay, and so do the
/// marks and joiners that Arabic, Hebrew and emoji need.
enum HTMLText {
    /// Between tags.
    static func content(_ text: some StringProtocol) -> String {
        escaped(text) { "<span class=\"control\">\($0)</span>" }
    }

    /// Between the double quotes of an attribute.
    static func attribute(_ text: some StringProtocol) -> String {
        escaped(text) { $0 }
    }

    private static func escaped(_ text: some StringProtocol, control: (String) -> String) -> String {
        if text.utf8.allSatisfy(isPlain) { return String(text) }
        var html = ""
        html.reserveCapacity(text.utf8.count + 16)
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "&": html += "&amp;"
            case "<": html += "&lt;"
            case ">": html += "&gt;"
            case "\"": html += "&quot;"
            case "'": html += "&#39;"
            case "\n", "\t": html.unicodeScalars.append(scalar)
            // A line break of another system.
            case "\r" where rest.first == "\n": break
            default:
                if isControl(scalar) {
                    let digits = String(scalar.value, radix: 16, uppercase: true)
                    html += control("U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits)
                } else {
                    html.unicodeScalars.append(scalar)
                }
            }
        }
        return html
    }

    /// Whether a byte stands for a character that is shown as it is: most texts, paths and hashes, are made of these.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "'"): false
        case UInt8(ascii: "\n"), UInt8(ascii: "\t"), 0x20...0x7E: true
        default: false
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // Embeddings, overrides, isolates; separators of lines and paragraphs.
        case 0x202A...0x202E, 0x2066...0x2069, 0x2028, 0x2029: true
        default: scalar.properties.generalCategory == .control || scalar.properties.isNoncharacterCodePoint
        }
    }
}
