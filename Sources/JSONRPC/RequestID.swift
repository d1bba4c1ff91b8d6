package import JSON

/// The `id` of a request, echoed in its response exactly as it came (JSON-RPC 2.0 section 4).
///
/// `1`, `1.0` and `"1"` are three ids; `1.0` and `1.00` are one.
package enum RequestID: Sendable, Hashable {
    /// Discouraged by the specification, yet a request and not a notification.
    case null
    case integer(Int64)
    /// Any other number, discouraged too. It is echoed by its spelling: `1E+2` and a number with more digits than a
    /// double holds would come back as other texts, and not every client compares ids as doubles.
    case real(Double, spelling: String)
    case string(String)

    /// `nil` when the value cannot be an id: a boolean, an array, an object.
    package init?(_ value: JSONValue) {
        switch value {
        case .null: self = .null
        case .integer(let value): self = .integer(value)
        case .real(let value): self = .real(value, spelling: value.description)
        case .string(let value): self = .string(value)
        case .bool, .array, .object: return nil
        }
    }

    /// A number in JSON's spelling. An integer may be beyond Int64, where a ``JSONValue`` ends; one beyond doubles is
    /// `nil`, as what is no number: many a parser would refuse an answer that holds it.
    init?(spelling: UnsafeRawBufferPointer) {
        guard JSONScanner.isNumber(spelling) else { return nil }
        let text = String(decoding: spelling, as: UTF8.self)
        if let integer = Int64(text), text != "-0" {
            self = .integer(integer)
        } else if let real = Double(text), real.isFinite {
            self = .real(real, spelling: text)
        } else {
            return nil
        }
    }

    package static func == (left: RequestID, right: RequestID) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.integer(let left), .integer(let right)): left == right
        case (.real(let left, _), .real(let right, _)): left == right
        case (.string(let left), .string(let right)): left.hasSameCode(as: right)
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: break
        case .integer(let value): hasher.combine(value)
        case .real(let value, _): hasher.combine(value)
        case .string(let value): hasher.combine(value)
        }
    }

    package func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .integer(let value): writer.integer(value)
        case .real(_, let spelling): Array(spelling.utf8).withUnsafeBytes { writer.raw($0) }
        case .string(let value): writer.string(value)
        }
    }
}
