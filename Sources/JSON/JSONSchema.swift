/// A JSON Schema, in what draft-07 and 2020-12 have in common.
///
/// A reference is a name until it is written: documents differ in where they keep their definitions.
package struct JSONSchema: Sendable, Equatable {
    /// As written, but for references.
    private var keywords: JSONObject

    /// A schema that other schemas refer to by its name.
    package struct Named: Sendable {
        package let name: String
        package let schema: JSONSchema

        package init(_ name: String, _ schema: JSONSchema) {
            self.name = name
            self.schema = schema
        }

        package var reference: JSONSchema { JSONSchema(["$ref": .string(name)]) }
    }

    /// A member of an object. Its schema is made when it is asked for: the name alone costs nothing.
    package struct Property: Sendable {
        package let name: String
        package let isRequired: Bool
        private let make: @Sendable () -> JSONSchema

        package var schema: JSONSchema { make() }

        package static func required(
            _ name: String,
            _ schema: @escaping @Sendable @autoclosure () -> JSONSchema
        ) -> Property {
            Property(name: name, isRequired: true, make: schema)
        }

        package static func optional(
            _ name: String,
            _ schema: @escaping @Sendable @autoclosure () -> JSONSchema
        ) -> Property {
            Property(name: name, isRequired: false, make: schema)
        }
    }

    private init(_ keywords: JSONObject) {
        self.keywords = keywords
    }
}

extension JSONSchema {
    package static let boolean = JSONSchema(["type": "boolean"])
    package static let null = JSONSchema(["type": "null"])

    /// Lengths are in Unicode scalars; `pattern` is an ECMA 262 regular expression.
    package static func string(
        length: ClosedRange<Int>? = nil,
        pattern: String? = nil,
        format: String? = nil
    ) -> JSONSchema {
        var keywords: JSONObject = ["type": "string"]
        if let length, length.lowerBound > 0 { keywords["minLength"] = .integer(Int64(length.lowerBound)) }
        if let length, length.upperBound < .max { keywords["maxLength"] = .integer(Int64(length.upperBound)) }
        keywords["pattern"] = pattern.map(JSONValue.string)
        keywords["format"] = format.map(JSONValue.string)
        return JSONSchema(keywords)
    }

    /// One of these words.
    package static func words(_ words: [String]) -> JSONSchema {
        JSONSchema(["type": "string", "enum": .array(words.map(JSONValue.string))])
    }

    package static func constant(_ value: JSONValue) -> JSONSchema { JSONSchema(["const": value]) }

    package static func integer(in range: ClosedRange<Int64>) -> JSONSchema {
        JSONSchema(["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)])
    }

    package static func integer(from minimum: Int64? = nil) -> JSONSchema {
        var keywords: JSONObject = ["type": "integer"]
        keywords["minimum"] = minimum.map(JSONValue.integer)
        return JSONSchema(keywords)
    }

    package static func number(in range: ClosedRange<Double>? = nil) -> JSONSchema {
        var keywords: JSONObject = ["type": "number"]
        keywords["minimum"] = range.map { .real($0.lowerBound) }
        keywords["maximum"] = range.map { .real($0.upperBound) }
        return JSONSchema(keywords)
    }

    package static func array(of elements: JSONSchema) -> JSONSchema {
        JSONSchema(["type": "array", "items": .object(elements.keywords)])
    }

    package static func any(of schemas: [JSONSchema]) -> JSONSchema {
        JSONSchema(["anyOf": .array(schemas.map { .object($0.keywords) })])
    }

    /// An object that may have other members too, unless it is closed.
    package static func object(_ properties: [Property] = [], isClosed: Bool = false) -> JSONSchema {
        var keywords: JSONObject = ["type": "object"]
        let required = properties.filter(\.isRequired)
        if !required.isEmpty { keywords["required"] = .array(required.map { .string($0.name) }) }
        if !properties.isEmpty {
            keywords["properties"] = .object(
                JSONObject(properties.map { .init(name: $0.name, value: .object($0.schema.keywords)) })
            )
        }
        if isClosed { keywords["additionalProperties"] = false }
        return JSONSchema(keywords)
    }

    /// Null, or what this schema says.
    package var orNull: JSONSchema {
        var keywords = keywords
        if let type = keywords["type"]?.stringValue, keywords["enum"] == nil {
            keywords["type"] = [.string(type), "null"]
            return JSONSchema(keywords)
        }
        keywords["description"] = nil
        return .any(of: [JSONSchema(keywords), .null]).described(description)
    }

    package var description: String? { keywords["description"]?.stringValue }

    package func described(_ description: String?) -> JSONSchema {
        var keywords = keywords
        keywords["description"] = description.map(JSONValue.string)
        return JSONSchema(keywords)
    }

    /// As JSON, with references to definitions below `place`, such as `#/$defs/`.
    package func json(definitionsAt place: String) -> JSONValue { Self.resolve(.object(keywords), place) }

    private static func resolve(_ value: JSONValue, _ place: String) -> JSONValue {
        switch value {
        case .object(let object):
            .object(
                JSONObject(
                    object.members.map { member in
                        guard member.name == "$ref", let name = member.value.stringValue else {
                            return .init(name: member.name, value: resolve(member.value, place))
                        }
                        return .init(name: member.name, value: .string(place + name))
                    }
                )
            )
        case .array(let elements): .array(elements.map { resolve($0, place) })
        case .null, .bool, .integer, .real, .string: value
        }
    }
}
