package import JSON
import Storage

/// An object that travels as `params` or `result`: it reads and writes itself, and ignores members it does not know.
package protocol WireObject: Sendable, Equatable {
    init(from members: inout JSONMembers) throws(JSONDecodingError)
    var json: JSONObject { get }
}

extension WireObject {
    /// Reads a `params` or `result`; the error's pointer tells the member that is wrong.
    package init(_ object: JSONObject) throws(JSONDecodingError) {
        var members = JSONMembers(object)
        try self.init(from: &members)
    }

    /// Reads a value that should be an object.
    package init(_ value: JSONValue, at pointer: JSONPointer = .root) throws(JSONDecodingError) {
        guard let object = value.objectValue else {
            throw JSONDecodingError("an object must stand here, not \(value.kindName)", at: pointer)
        }
        var members = JSONMembers(object, at: pointer)
        try self.init(from: &members)
    }
}

/// `{}`, for methods that take or tell nothing.
package struct EmptyObject: WireObject {
    package init() {}
    package init(from members: inout JSONMembers) {}
    package var json: JSONObject { [:] }
}

extension JSONMembers {
    /// The value, or an error at the object that should have had the member.
    func required<Value>(_ name: String, _ value: Value?) throws(JSONDecodingError) -> Value {
        guard let value else { throw JSONDecodingError("'\(name)' is missing", at: pointer) }
        return value
    }

    mutating func requiredString(_ name: String) throws(JSONDecodingError) -> String {
        try required(name, try string(name))
    }

    mutating func requiredObject<Object: WireObject>(_ name: String) throws(JSONDecodingError) -> Object {
        try Object(.object(try required(name, try object(name))), at: pointer.member(name))
    }

    mutating func key(_ name: String = "key") throws(JSONDecodingError) -> ObjectKey {
        let text = try requiredString(name)
        do {
            return try ObjectKey(text)
        } catch {
            throw JSONDecodingError(error.message, at: pointer.member(name))
        }
    }

    mutating func absolutePath(_ name: String) throws(JSONDecodingError) -> String {
        let path = try requiredString(name)
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw JSONDecodingError("'\(name)' must be an absolute path", at: pointer.member(name))
        }
        return path
    }

    mutating func size(_ name: String = "size") throws(JSONDecodingError) -> Int64 {
        try required(name, try integer(name, in: 0...Int64.max))
    }

    /// A SHA-256 as 64 lowercase hexadecimal digits.
    mutating func digest(_ name: String = "sha256") throws(JSONDecodingError) -> String? {
        guard let digest = try string(name) else { return nil }
        guard digest.utf8.count == 64, digest.utf8.allSatisfy(isLowercaseHexadecimalDigit) else {
            throw JSONDecodingError("'\(name)' must be 64 lowercase hexadecimal digits", at: pointer.member(name))
        }
        return digest
    }

    mutating func strings(_ name: String) throws(JSONDecodingError) -> [String]? {
        guard let elements = try array(name) else { return nil }
        var strings: [String] = []
        for (index, element) in elements.enumerated() {
            guard let string = element.stringValue else {
                throw JSONDecodingError(
                    "'\(name)' must hold strings, not \(element.kindName)",
                    at: pointer.member(name).element(index)
                )
            }
            strings.append(string)
        }
        return strings
    }

    mutating func integers(_ name: String) throws(JSONDecodingError) -> [Int64]? {
        guard let elements = try array(name) else { return nil }
        var integers: [Int64] = []
        for (index, element) in elements.enumerated() {
            guard let integer = element.integerValue else {
                throw JSONDecodingError(
                    "'\(name)' must hold integers, not \(element.kindName)",
                    at: pointer.member(name).element(index)
                )
            }
            integers.append(integer)
        }
        return integers
    }

    mutating func stringsByName(_ name: String) throws(JSONDecodingError) -> [String: String]? {
        guard let object = try object(name) else { return nil }
        var strings: [String: String] = [:]
        for member in object.members {
            guard let string = member.value.stringValue else {
                throw JSONDecodingError(
                    "'\(member.name)' must be a string, not \(member.value.kindName)",
                    at: pointer.member(name).member(member.name)
                )
            }
            strings[member.name] = string
        }
        return strings
    }
}

private func isLowercaseHexadecimalDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
}

extension JSONObject {
    /// In alphabetical order, so that the same values are written alike.
    init(_ strings: [String: String]) {
        self.init(strings.sorted { $0.key < $1.key }.map { Member(name: $0.key, value: .string($0.value)) })
    }
}

extension JSONValue {
    init(_ strings: [String]) { self = .array(strings.map(JSONValue.string)) }
    init(_ integers: [Int64]) { self = .array(integers.map(JSONValue.integer)) }
}
