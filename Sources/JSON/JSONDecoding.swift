/// A place in a JSON document (RFC 6901).
package struct JSONPointer: Sendable, Hashable, CustomStringConvertible {
    /// As written: "" is the whole document, "/a/0" the first element of member "a".
    package private(set) var description: String

    package static let root = JSONPointer(description: "")

    package func member(_ name: String) -> JSONPointer {
        var escaped = ""
        for character in name.unicodeScalars {
            switch character {
            case "~": escaped += "~0"
            case "/": escaped += "~1"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return JSONPointer(description: description + "/" + escaped)
    }

    package func element(_ index: Int) -> JSONPointer { JSONPointer(description: "\(description)/\(index)") }
}

/// A value that is JSON but not what was asked for.
package struct JSONDecodingError: Error, Equatable, Sendable {
    package var pointer: JSONPointer
    /// A full sentence without its final stop, for the person who wrote the JSON.
    package var message: String

    package init(_ message: String, at pointer: JSONPointer) {
        self.pointer = pointer
        self.message = message
    }
}

/// Takes the members out of an object one by one, typed.
///
/// A member that is null counts as not given: languages without a notion of absence send it so.
package struct JSONMembers {
    private let object: JSONObject
    package let pointer: JSONPointer
    private var known: [String] = []

    package init(_ object: JSONObject, at pointer: JSONPointer = .root) {
        self.object = object
        self.pointer = pointer
    }

    /// The member's value as it is, or `nil` when absent or null.
    package mutating func value(_ name: String) -> JSONValue? {
        known.append(name)
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    package mutating func string(_ name: String) throws(JSONDecodingError) -> String? {
        try take(name, "a string") { $0.stringValue }
    }

    package mutating func bool(_ name: String) throws(JSONDecodingError) -> Bool? {
        try take(name, "true or false") { $0.boolValue }
    }

    package mutating func integer(_ name: String) throws(JSONDecodingError) -> Int64? {
        try take(name, "an integer") { $0.integerValue }
    }

    package mutating func integer(
        _ name: String,
        in range: ClosedRange<Int64>
    ) throws(JSONDecodingError) -> Int64? {
        guard let value = try integer(name) else { return nil }
        guard range.contains(value) else {
            throw JSONDecodingError(
                "'\(name)' must be from \(range.lowerBound) to \(range.upperBound), not \(value)",
                at: pointer.member(name)
            )
        }
        return value
    }

    package mutating func number(_ name: String) throws(JSONDecodingError) -> Double? {
        try take(name, "a number") { $0.numberValue }
    }

    package mutating func array(_ name: String) throws(JSONDecodingError) -> [JSONValue]? {
        try take(name, "an array") { $0.arrayValue }
    }

    package mutating func object(_ name: String) throws(JSONDecodingError) -> JSONObject? {
        try take(name, "an object") { $0.objectValue }
    }

    /// Refuses any member that was not asked for.
    package func finish() throws(JSONDecodingError) {
        try object.refuseMembers(otherThan: known, at: pointer)
    }

    private mutating func take<Value>(
        _ name: String,
        _ expected: String,
        _ read: (JSONValue) -> Value?
    ) throws(JSONDecodingError) -> Value? {
        guard let value = value(name) else { return nil }
        guard let typed = read(value) else {
            throw JSONDecodingError("'\(name)' must be \(expected), not \(value.kindName)", at: pointer.member(name))
        }
        return typed
    }
}

extension JSONObject {
    /// Refuses any member that is none of `known`, with the nearest name that is.
    package func refuseMembers(
        otherThan known: [String],
        at pointer: JSONPointer = .root
    ) throws(JSONDecodingError) {
        guard let unknown = members.first(where: { !known.contains($0.name) }) else { return }
        let hint = Spelling.nearest(to: unknown.name, among: known).map { ", did you mean '\($0)'?" } ?? ""
        throw JSONDecodingError("unknown parameter '\(unknown.name)'\(hint)", at: pointer.member(unknown.name))
    }
}
