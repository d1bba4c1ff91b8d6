/// A request in the one form that client and server both arrive at (AWS Signature Version 4, "create a canonical
/// request").
struct CanonicalRequest {
    let text: String
    /// The names of the signed fields, as the signature lists them.
    let signedHeaders: String

    /// `headers` are all fields to sign, `Host` among them.
    init(
        method: String,
        path: String,
        query: [(name: String, value: String)],
        headers: CanonicalHeaders,
        payload: SigV4Payload
    ) {
        signedHeaders = headers.names
        text = [method, path, SigV4Encoding.query(query), headers.block, headers.names, payload.text]
            .joined(separator: "\n")
    }

    /// The path as services other than S3 take it: without dot segments and empty ones, and with every byte of what is
    /// sent encoded once more. S3 takes it as sent, since its keys may hold either.
    static func normalized(_ path: String) -> String {
        var segments: [Substring] = []
        for segment in path.split(separator: "/") {
            switch segment {
            case ".": break
            case "..": _ = segments.popLast()
            default: segments.append(segment)
            }
        }
        let end = path.hasSuffix("/") && !segments.isEmpty ? "/" : ""
        return SigV4Encoding.path("/" + segments.joined(separator: "/") + end)
    }
}

/// Header fields with their names in lower case and sorted, the values of equal names joined in their order.
struct CanonicalHeaders {
    /// One line for each name, each with its line break.
    let block: String
    /// Joined by semicolons.
    let names: String

    init(_ fields: [(name: String, value: String)]) {
        var values: [String: String] = [:]
        for field in fields {
            let name = field.name.lowercased()
            let value = Self.trimmed(field.value)
            values[name] = values[name].map { "\($0),\(value)" } ?? value
        }
        let sorted = values.sorted { $0.key < $1.key }
        names = sorted.map(\.key).joined(separator: ";")
        block = sorted.map { "\($0.key):\($0.value)\n" }.joined()
    }

    /// Without white space around, and with one space for every run of it inside.
    private static func trimmed(_ value: String) -> String {
        value.unicodeScalars.split { [" ", "\t", "\r", "\n"].contains($0) }.map { String($0) }.joined(separator: " ")
    }
}
