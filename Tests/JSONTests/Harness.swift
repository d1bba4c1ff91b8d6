import JSON

/// How a text was refused, or `nil` when it was taken.
func failure(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) -> JSONParseError? {
    do throws(JSONParseError) {
        _ = try JSONValue.parse(bytes, limits: limits)
        return nil
    } catch {
        return error
    }
}

func failure(_ text: String, limits: JSONLimits = JSONLimits()) -> JSONParseError? {
    failure(Array(text.utf8), limits: limits)
}

/// `depth` arrays inside one another.
func nested(_ depth: Int, around inner: String = "") -> String {
    String(repeating: "[", count: depth) + inner + String(repeating: "]", count: depth)
}

/// A generator whose sequence is fixed by its seed (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension JSONValue {
    /// Any value that JSON can hold, at most `depth` containers deep.
    static func random(depth: Int, using generator: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &generator) {
        case 0: return .null
        case 1: return .bool(.random(using: &generator))
        case 2:
            // Shifted, so that small numbers are as frequent as large ones.
            return .integer(Int64(bitPattern: generator.next()) >> Int64.random(in: 0..<64, using: &generator))
        case 3:
            let value = Double(bitPattern: generator.next())
            return .real(value.isFinite ? value : Double.random(in: -1e6...1e6, using: &generator))
        case 4: return .string(.random(using: &generator))
        case 5:
            let count = Int.random(in: 0...4, using: &generator)
            return .array((0..<count).map { _ in random(depth: depth - 1, using: &generator) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                // U+0000 has no place in a name.
                let name = String.random(using: &generator).unicodeScalars.filter { $0 != "\0" }
                object[String(String.UnicodeScalarView(name))] = random(depth: depth - 1, using: &generator)
            }
            return .object(object)
        }
    }
}

extension String {
    /// Text of every kind: controls, what JSON escapes, ASCII, what combines, and all planes of Unicode.
    static func random(using generator: inout SeededGenerator) -> String {
        let special: [Unicode.Scalar] = [
            "\"", "\\", "/", "\0", "\n", "\r", "\t", "\u{8}", "\u{C}", "\u{7F}", "\u{85}", "\u{2028}", "\u{FEFF}",
            "\u{301}", "e", "\u{E9}", "\u{212B}", "\u{C5}",
        ]
        var scalars = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: scalars.append(Unicode.Scalar(UInt8.random(in: 0..<0x80, using: &generator)))
            case 1: scalars.append(special.randomElement(using: &generator) ?? "?")
            default:
                let code = UInt32.random(in: 0...0x10FFFF, using: &generator)
                scalars.append(Unicode.Scalar(code) ?? "\u{FFFD}")
            }
        }
        return String(scalars)
    }
}
