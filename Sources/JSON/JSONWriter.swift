/// Writes JSON text straight into memory, without a tree of values in between.
///
/// Commas are placed by the writer; balancing begin and end is the caller's part. Raw memory rather than `[UInt8]`:
/// measured at half the time of appending (`speed-facts.md`). The text never contains a raw line break, so it can be
/// framed by lines.
package struct JSONWriter: ~Copyable {
    private var start: UnsafeMutableRawPointer
    private var capacity: Int
    /// Bytes written so far.
    package private(set) var count = 0
    private var needsComma = false

    package init(capacity: Int = 1024) {
        self.capacity = max(capacity, 64)
        start = .allocate(byteCount: self.capacity, alignment: 1)
    }

    deinit { start.deallocate() }

    /// What was written, valid within `body`.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(start: start, count: count))
    }

    package var bytes: [UInt8] { withBytes { Array($0) } }

    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    /// Writes a member's name that needs no escaping; the value is to follow.
    package mutating func name(_ name: StaticString) {
        separate()
        reserve(name.utf8CodeUnitCount + 3)
        byte(UInt8(ascii: "\""))
        (start + count).copyMemory(from: name.utf8Start, byteCount: name.utf8CodeUnitCount)
        count += name.utf8CodeUnitCount
        byte(UInt8(ascii: "\""))
        byte(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func name(_ name: String) {
        string(name)
        append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func null() { literal("null") }
    package mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

    package mutating func integer(_ value: Int64) {
        separate()
        reserve(20)
        var digits = (0 as UInt64, 0 as UInt64, 0 as UInt64)
        withUnsafeMutableBytes(of: &digits) { buffer in
            var magnitude = value.magnitude
            var position = buffer.count
            repeat {
                position -= 1
                buffer[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10)
                magnitude /= 10
            } while magnitude > 0
            if value < 0 {
                position -= 1
                buffer[position] = UInt8(ascii: "-")
            }
            let text = UnsafeRawBufferPointer(rebasing: buffer[position...])
            if let source = text.baseAddress { (start + count).copyMemory(from: source, byteCount: text.count) }
            count += text.count
        }
        needsComma = true
    }

    /// The shortest text that reads back as the same double, alike on every platform. JSON has no infinity and no NaN:
    /// they become null.
    package mutating func real(_ value: Double) {
        guard value.isFinite else { return null() }
        literal(value.description)
    }

    package mutating func string(_ value: String) {
        separate()
        append(UInt8(ascii: "\""))
        var value = value
        value.withUTF8 { escape(UnsafeRawBufferPointer($0)) }
        append(UInt8(ascii: "\""))
        needsComma = true
    }

    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .integer(let value): integer(value)
        case .real(let value): real(value)
        case .string(let value): string(value)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let object):
            beginObject()
            for member in object.members {
                name(member.name)
                self.value(member.value)
            }
            endObject()
        }
    }

    /// Adds a value that is JSON text already.
    package mutating func raw(_ text: UnsafeRawBufferPointer) {
        separate()
        append(contentsOf: text)
        needsComma = true
    }

    /// Ends a line; what follows begins a new text.
    package mutating func newline() {
        append(UInt8(ascii: "\n"))
        needsComma = false
    }

    /// A place to which one can go back.
    package struct Mark {
        fileprivate let count: Int
        fileprivate let needsComma: Bool
    }

    package var mark: Mark { Mark(count: count, needsComma: needsComma) }

    /// Takes back what was written after `mark`, which must be of this text and not forgotten since.
    package mutating func goBack(to mark: Mark) {
        count = mark.count
        needsComma = mark.needsComma
    }

    /// Forgets the first `bytes` bytes; memory beyond what is usual for one block of answers is given back.
    package mutating func removeFirst(_ bytes: Int) {
        let left = count - bytes
        if capacity > 1 << 20, left < capacity / 4 {
            capacity = max(left, 64 << 10)
            let smaller = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 1)
            smaller.copyMemory(from: start + bytes, byteCount: left)
            start.deallocate()
            start = smaller
        } else {
            start.copyMemory(from: start + bytes, byteCount: left)
        }
        count = left
    }

    private mutating func escape(_ text: UnsafeRawBufferPointer) {
        var plainFrom = 0
        for index in text.indices {
            let byte = text[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            append(contentsOf: UnsafeRawBufferPointer(rebasing: text[plainFrom..<index]))
            plainFrom = index + 1
            append(UInt8(ascii: "\\"))
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
            case 0x0A: append(UInt8(ascii: "n"))
            case 0x0D: append(UInt8(ascii: "r"))
            case 0x09: append(UInt8(ascii: "t"))
            case 0x08: append(UInt8(ascii: "b"))
            case 0x0C: append(UInt8(ascii: "f"))
            default:
                for character in ["u", "0", "0"] as [Unicode.Scalar] { append(UInt8(ascii: character)) }
                append(hexDigit(byte >> 4))
                append(hexDigit(byte & 0xF))
            }
        }
        append(contentsOf: UnsafeRawBufferPointer(rebasing: text[plainFrom...]))
    }

    private func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        append(bracket)
        needsComma = true
    }

    private mutating func literal(_ text: String) {
        separate()
        var text = text
        text.withUTF8 { append(contentsOf: UnsafeRawBufferPointer($0)) }
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { append(UInt8(ascii: ",")) }
    }

    private mutating func append(_ byte: UInt8) {
        reserve(1)
        self.byte(byte)
    }

    private mutating func append(contentsOf text: UnsafeRawBufferPointer) {
        guard let source = text.baseAddress else { return }
        reserve(text.count)
        (start + count).copyMemory(from: source, byteCount: text.count)
        count += text.count
    }

    /// Stores a byte for which room was reserved.
    private mutating func byte(_ byte: UInt8) {
        start.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    private mutating func reserve(_ more: Int) {
        guard count + more > capacity else { return }
        capacity = max(capacity * 2, count + more)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 1)
        larger.copyMemory(from: start, byteCount: count)
        start.deallocate()
        start = larger
    }
}

extension JSONValue {
    /// The value as JSON text in UTF-8, on one line.
    package var serialized: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }
}

extension JSONValue: CustomStringConvertible {
    package var description: String { String(decoding: serialized, as: UTF8.self) }
}
