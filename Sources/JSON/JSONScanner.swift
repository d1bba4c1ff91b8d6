/// Finds things in a JSON text by its lexical form alone: for texts that are JSON but beyond our limits, and for what
/// parsing does not keep.
///
/// A text with a duplicate member or a number out of range cannot be parsed, yet the caller that sent it still waits
/// for an answer under its id; and a number's spelling is gone once it is a double.
package enum JSONScanner {
    /// The values of the top-level members called `name`, in their order, as slices of `bytes`.
    ///
    /// Expects a text that is JSON in form; on any other it returns what it saw up to the break.
    package static func topLevelMembers(
        named name: String,
        in bytes: UnsafeRawBufferPointer
    ) -> [Slice<UnsafeRawBufferPointer>] {
        var found: [Slice<UnsafeRawBufferPointer>] = []
        var position = skipWhiteSpace(0, in: bytes)
        guard position < bytes.count, bytes[position] == UInt8(ascii: "{") else { return [] }
        position += 1
        while true {
            let nameStart = skipWhiteSpace(position, in: bytes)
            guard let nameEnd = endOfValue(from: nameStart, in: bytes) else { return found }
            let colon = skipWhiteSpace(nameEnd, in: bytes)
            guard colon < bytes.count, bytes[colon] == UInt8(ascii: ":") else { return found }
            let valueStart = skipWhiteSpace(colon + 1, in: bytes)
            guard let valueEnd = endOfValue(from: valueStart, in: bytes) else { return found }
            let written = UnsafeRawBufferPointer(rebasing: bytes[nameStart..<nameEnd])
            if let read = try? JSONValue.parse(written), read == .string(name) {
                found.append(bytes[valueStart..<valueEnd])
            }
            position = skipWhiteSpace(valueEnd, in: bytes)
            guard position < bytes.count, bytes[position] == UInt8(ascii: ",") else { return found }
            position += 1
        }
    }

    /// The elements of a top-level array, in their order, as slices of `bytes`.
    ///
    /// Expects a text that is JSON in form; on any other it returns what it saw up to the break.
    package static func topLevelElements(in bytes: UnsafeRawBufferPointer) -> [Slice<UnsafeRawBufferPointer>] {
        var found: [Slice<UnsafeRawBufferPointer>] = []
        var position = skipWhiteSpace(0, in: bytes)
        guard position < bytes.count, bytes[position] == UInt8(ascii: "[") else { return [] }
        repeat {
            let start = skipWhiteSpace(position + 1, in: bytes)
            guard let end = endOfValue(from: start, in: bytes) else { return found }
            found.append(bytes[start..<end])
            position = skipWhiteSpace(end, in: bytes)
        } while position < bytes.count && bytes[position] == UInt8(ascii: ",")
        return found
    }

    /// Whether `bytes` are a number as RFC 8259 section 6 spells it, of any size.
    package static func isNumber(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes[...]
        func skip(_ characters: Unicode.Scalar...) -> Bool {
            guard let first = rest.first, characters.contains(Unicode.Scalar(first)) else { return false }
            rest = rest.dropFirst()
            return true
        }
        func skipDigits() -> Bool {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest[digits.endIndex...]
            return !digits.isEmpty
        }
        _ = skip("-")
        guard skip("0") || skipDigits() else { return false }
        if skip("."), !skipDigits() { return false }
        if skip("e", "E") {
            _ = skip("+", "-")
            guard skipDigits() else { return false }
        }
        return rest.isEmpty
    }

    /// The offset of the first bracket that opens a container deeper than `depth`.
    static func offset(deeperThan depth: Int, in bytes: UnsafeRawBufferPointer) -> Int? {
        var open = 0
        var position = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                guard let end = endOfString(from: position, in: bytes) else { return nil }
                position = end
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                open += 1
                if open > depth { return position }
            case UInt8(ascii: "}"), UInt8(ascii: "]"): open -= 1
            default: break
            }
            position += 1
        }
        return nil
    }

    private static func skipWhiteSpace(_ start: Int, in bytes: UnsafeRawBufferPointer) -> Int {
        var position = start
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
        return position
    }

    private static func endOfString(from start: Int, in bytes: UnsafeRawBufferPointer) -> Int? {
        var position = start + 1
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""): return position + 1
            case UInt8(ascii: "\\"): position += 2
            default: position += 1
            }
        }
        return nil
    }

    private static func endOfValue(from start: Int, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard start < bytes.count else { return nil }
        switch bytes[start] {
        case UInt8(ascii: "\""): return endOfString(from: start, in: bytes)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            var open = 0
            var position = start
            while position < bytes.count {
                switch bytes[position] {
                case UInt8(ascii: "\""):
                    guard let end = endOfString(from: position, in: bytes) else { return nil }
                    position = end
                    continue
                case UInt8(ascii: "{"), UInt8(ascii: "["): open += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): open -= 1
                default: break
                }
                position += 1
                if open == 0 { return position }
            }
            return nil
        default:
            let delimiters = Array(",]}: \t\r\n".utf8)
            let end = bytes[start...].firstIndex { delimiters.contains($0) } ?? bytes.count
            return end > start ? end : nil
        }
    }
}
