import CJansson

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Bounds on what is accepted as a JSON text.
package struct JSONLimits: Sendable {
    /// Containers inside one another; `[` alone is 1.
    package var depth: Int
    /// Length of the text in bytes.
    package var bytes: Int

    package init(depth: Int = 128, bytes: Int = 16 << 20) {
        self.depth = depth
        self.bytes = bytes
    }
}

/// Why a text was not taken as JSON, and where: the place is how far reading came, so that what could not be taken
/// lies at it or ends just before it.
package struct JSONParseError: Error, Equatable, Sendable {
    /// Tells "this is not JSON" from "this is JSON that we do not take".
    package enum Cause: Equatable, Sendable {
        /// The text is not JSON (RFC 8259), or not UTF-8.
        case syntax
        /// An object has two members of one name: which of them counts would be a guess.
        case duplicateMember
        /// Deeper than ``JSONLimits/depth``.
        case depth
        /// An integer beyond Int64 or a real beyond Double.
        case numberRange
        /// Longer than ``JSONLimits/bytes``.
        case size
        /// A member's name contains U+0000.
        case nulInName

        package var isLimit: Bool { self != .syntax }
    }

    package var cause: Cause
    package var message: String
    /// From 1.
    package var line: Int
    /// From 1, in Unicode scalars.
    package var column: Int
    /// From 0, in bytes.
    package var offset: Int
}

extension JSONValue {
    /// Parses one JSON text that fills `bytes`, surrounding white space allowed.
    ///
    /// Jansson does the parsing; its values are copied out and freed before this returns, so that none of them is
    /// ever shared between threads (`style.md` 5.1).
    package static func parse(
        _ bytes: UnsafeRawBufferPointer,
        limits: JSONLimits = JSONLimits()
    ) throws(JSONParseError) -> JSONValue {
        guard bytes.count <= limits.bytes else {
            throw JSONParseError(
                cause: .size,
                message: "longer than \(limits.bytes) bytes",
                line: 1,
                column: 1,
                offset: limits.bytes
            )
        }
        guard let start = bytes.baseAddress, !bytes.isEmpty else {
            throw JSONParseError(cause: .syntax, message: "empty text", line: 1, column: 1, offset: 0)
        }
        // Jansson stops at a NUL that follows a number and would take "123\0" for 123.
        if let nul = memchr(start, 0, bytes.count) {
            throw JSONParseError(.syntax, "NUL byte", at: start.distance(to: nul), in: bytes)
        }
        _ = seeded
        var error = json_error_t()
        let flags = Int(JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL)
        guard let root = json_loadb(start.assumingMemoryBound(to: CChar.self), bytes.count, flags, &error) else {
            throw JSONParseError(error, limits: limits, in: bytes)
        }
        let document = JanssonDocument(root: root)
        guard let value = JSONValue(copying: document.root, depthLeft: limits.depth) else {
            throw JSONParseError(tooDeep: limits, in: bytes)
        }
        return value
    }

    package static func parse(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONParseError) -> JSONValue {
        // Array.withUnsafeBytes rethrows untyped: the outcome is carried out as a value.
        try bytes.withUnsafeBytes { buffer in
            Result { () throws(JSONParseError) in try parse(buffer, limits: limits) }
        }.get()
    }

    package static func parse(_ text: String, limits: JSONLimits = JSONLimits()) throws(JSONParseError) -> JSONValue {
        try parse(Array(text.utf8), limits: limits)
    }

    /// Copies a Jansson value; `nil` when it nests deeper than `depthLeft`.
    private init?(copying value: UnsafeMutablePointer<json_t>, depthLeft: Int) {
        switch value.pointee.type {
        case JSON_OBJECT:
            guard depthLeft > 0 else { return nil }
            var object = JSONObject()
            var iterator = json_object_iter(value)
            while let current = iterator {
                guard let name = json_object_iter_key(current), let member = json_object_iter_value(current),
                    let copy = JSONValue(copying: member, depthLeft: depthLeft - 1)
                else { return nil }
                object.append(String(copying: name, count: json_object_iter_key_len(current)), copy)
                iterator = json_object_iter_next(value, current)
            }
            self = .object(object)
        case JSON_ARRAY:
            guard depthLeft > 0 else { return nil }
            let count = json_array_size(value)
            var elements: [JSONValue] = []
            elements.reserveCapacity(count)
            for index in 0..<count {
                guard let element = json_array_get(value, index),
                    let copy = JSONValue(copying: element, depthLeft: depthLeft - 1)
                else { return nil }
                elements.append(copy)
            }
            self = .array(elements)
        case JSON_STRING:
            guard let characters = json_string_value(value) else { return nil }
            self = .string(String(copying: characters, count: json_string_length(value)))
        case JSON_INTEGER: self = .integer(Int64(json_integer_value(value)))
        case JSON_REAL: self = .real(json_real_value(value))
        case JSON_TRUE: self = .bool(true)
        case JSON_FALSE: self = .bool(false)
        default: self = .null
        }
    }
}

/// Owns a parsed Jansson document for the length of one synchronous function.
private struct JanssonDocument: ~Copyable {
    let root: UnsafeMutablePointer<json_t>

    deinit { json_decref(root) }
}

/// Seeds Jansson's hash tables once, before the first parse; a lazily initialised global is safe on any thread.
private let seeded: Void = json_object_seed(0)

extension String {
    /// Copies bytes that Jansson has already found to be UTF-8.
    fileprivate init(copying start: UnsafePointer<CChar>, count: Int) {
        self = start.withMemoryRebound(to: UInt8.self, capacity: count) {
            String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
        }
    }
}

extension JSONParseError {
    /// Places an error by its byte offset.
    fileprivate init(_ cause: Cause, _ message: String, at offset: Int, in bytes: UnsafeRawBufferPointer) {
        let before = bytes.prefix(offset)
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        self.init(
            cause: cause,
            message: message,
            line: before.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 },
            // Every byte but a UTF-8 continuation byte begins a scalar.
            column: before[lineStart...].reduce(1) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 },
            offset: offset
        )
    }

    fileprivate init(tooDeep limits: JSONLimits, in bytes: UnsafeRawBufferPointer) {
        let offset = JSONScanner.offset(deeperThan: limits.depth, in: bytes) ?? 0
        self.init(.depth, "nested deeper than \(limits.depth)", at: offset, in: bytes)
    }

    fileprivate init(_ error: json_error_t, limits: JSONLimits, in bytes: UnsafeRawBufferPointer) {
        // Jansson keeps the error's code in the last byte of its text (jansson.h, json_error_code).
        let (code, text) = withUnsafeBytes(of: error.text) { buffer in
            let end = buffer.firstIndex(of: 0) ?? buffer.count - 1
            return (UInt32(buffer[buffer.count - 1]), String(decoding: buffer[..<end], as: UTF8.self))
        }
        let cause: Cause
        switch code {
        case json_error_stack_overflow.rawValue:
            self.init(tooDeep: limits, in: bytes)
            return
        case json_error_duplicate_key.rawValue: cause = .duplicateMember
        case json_error_numeric_overflow.rawValue: cause = .numberRange
        case json_error_null_byte_in_key.rawValue: cause = .nulInName
        default: cause = .syntax
        }
        self.init(cause, text, at: min(max(Int(error.position), 0), bytes.count), in: bytes)
    }
}
