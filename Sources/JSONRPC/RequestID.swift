package import JSON

/// The `id` of a request, echoed in its response exactly as it came (JSON-RPC 2.0 section 4).
///
/// `1`, `1.0` and `"1"` are three ids.
package enum RequestID: Sendable, Hashable {
    /// Discouraged by the specification, yet a request and not a notification.
    case null
    case integer(Int64)
    /// With a fraction or an exponent; discouraged too.
    case real(Double)
    case string(String)

    /// `nil` when the value cannot be an id: a boolean, an array, an object.
    package init?(_ value: JSONValue) {
        switch value {
        case .null: self = .null
        case .integer(let value): self = .integer(value)
        case .real(let value): self = .real(value)
        case .string(let value): self = .string(value)
        case .bool, .array, .object: return nil
        }
    }

    package static func == (left: RequestID, right: RequestID) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.integer(let left), .integer(let right)): left == right
        case (.real(let left), .real(let right)): left == right
        case (.string(let left), .string(let right)): left.hasSameCode(as: right)
        default: false
        }
    }

    package func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .integer(let value): writer.integer(value)
        case .real(let value): writer.real(value)
        case .string(let value): writer.string(value)
        }
    }
}
