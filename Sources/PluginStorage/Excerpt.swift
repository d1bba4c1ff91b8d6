/// What a plugin wrote, as messages and logs may show it: nothing in it reaches a terminal as a control.
enum Excerpt {
    /// The first bytes in quotes, everything but printable ASCII escaped.
    static func quoted(_ bytes: some Collection<UInt8>, limit: Int = 200) -> String {
        var text = "\""
        for byte in bytes.prefix(limit) {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += "\\" + String(Unicode.Scalar(byte))
            case UInt8(ascii: "\n"): text += "\\n"
            case UInt8(ascii: "\r"): text += "\\r"
            case UInt8(ascii: "\t"): text += "\\t"
            case 0x20..<0x7F: text += String(Unicode.Scalar(byte))
            default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return text + "\"" + (bytes.count > limit ? " …" : "")
    }

    /// One line for people: controls and line separators escaped, cut after `limit` Unicode scalars.
    static func line(_ text: String, limit: Int = 1000) -> String {
        var line = ""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            guard index < limit else { return line + "…" }
            switch scalar.properties.generalCategory {
            case .control where scalar == "\t": line += " "
            case .control, .format, .lineSeparator, .paragraphSeparator:
                line += "\\u{\(String(scalar.value, radix: 16))}"
            default: line.unicodeScalars.append(scalar)
            }
        }
        return line
    }
}
