import JSON
public import Storage

/// The members of `storage_plugins.NAME.config` in klingd's configuration file.
public struct PluginConfiguration: Sendable, Hashable {
    /// What a member may be.
    public enum Value: Sendable, Hashable {
        case string(String)
        case integer(Int64)
        /// Written with a fraction or an exponent.
        case real(Double)
        case bool(Bool)
    }

    /// By name.
    public var values: [String: Value]

    /// Members as they would be configured, for tests of a plugin.
    public init(_ values: [String: Value] = [:]) {
        self.values = values
    }

    /// The member, or `nil` when it is not set. Throws ``StorageErrorKind/configuration`` when it is something else.
    public func string(_ name: String) throws(StorageError) -> String? {
        guard let value = values[name] else { return nil }
        guard case .string(let string) = value else { throw Self.refusal(name, "a string") }
        return string
    }

    /// The member as a whole number; otherwise as ``string(_:)``.
    public func integer(_ name: String) throws(StorageError) -> Int64? {
        guard let value = values[name] else { return nil }
        guard case .integer(let integer) = value else { throw Self.refusal(name, "a whole number") }
        return integer
    }

    /// The member as a number, with a fraction or without; otherwise as ``string(_:)``.
    public func number(_ name: String) throws(StorageError) -> Double? {
        switch values[name] {
        case nil: return nil
        case .integer(let integer): return Double(integer)
        case .real(let real): return real
        case .string, .bool: throw Self.refusal(name, "a number")
        }
    }

    /// The member as a truth value; otherwise as ``string(_:)``.
    public func bool(_ name: String) throws(StorageError) -> Bool? {
        guard let value = values[name] else { return nil }
        guard case .bool(let bool) = value else { throw Self.refusal(name, "true or false") }
        return bool
    }

    /// Refuses members that nobody reads, so that a slip in a name does not go unnoticed.
    func refuseMembers(otherThan known: [String]) throws(StorageError) {
        guard let unknown = values.keys.sorted().first(where: { !known.contains($0) }) else { return }
        let nearest = Spelling.nearest(to: unknown, among: known).map { "did you mean '\($0)'?" }
        let hint = nearest ?? (known.isEmpty ? "there are none" : "there are \(known.joined(separator: ", "))")
        throw StorageError(.configuration, "config has a member '\(unknown)' that this plugin does not know; \(hint)")
    }

    private static func refusal(_ name: String, _ expected: String) -> StorageError {
        StorageError(.configuration, "'\(name)' in config must be \(expected)")
    }
}

extension PluginConfiguration {
    init(_ object: JSONObject, at pointer: JSONPointer) throws(JSONDecodingError) {
        values = [:]
        for member in object.members {
            switch member.value {
            case .string(let string): values[member.name] = .string(string)
            case .integer(let integer): values[member.name] = .integer(integer)
            case .real(let real): values[member.name] = .real(real)
            case .bool(let bool): values[member.name] = .bool(bool)
            case .null, .array, .object:
                throw JSONDecodingError(
                    "'\(member.name)' must be a string, a number, true or false, not \(member.value.kindName)",
                    at: pointer.member(member.name)
                )
            }
        }
    }

    /// In alphabetical order, so that the same values are written alike.
    var json: JSONObject {
        JSONObject(
            values.sorted { $0.key < $1.key }.map { name, value in
                switch value {
                case .string(let string): JSONObject.Member(name: name, value: .string(string))
                case .integer(let integer): JSONObject.Member(name: name, value: .integer(integer))
                case .real(let real): JSONObject.Member(name: name, value: .real(real))
                case .bool(let bool): JSONObject.Member(name: name, value: .bool(bool))
                }
            }
        )
    }
}
