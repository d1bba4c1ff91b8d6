/// A request, whole in memory.
package struct HTTPRequest: Sendable {
    package enum Method: String, Sendable {
        case delete = "DELETE"
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
    }

    package var method: Method
    package var url: HTTPURL
    package var headers: HTTPFields
    package var body: [UInt8]

    package init(_ method: Method, _ url: HTTPURL, headers: HTTPFields = [:], body: [UInt8] = []) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

extension HTTPRequest: CustomStringConvertible, CustomReflectable {
    /// Without headers and body, which hold the key and the prompt.
    package var description: String { "\(method.rawValue) \(url)" }

    package var customMirror: Mirror { Mirror(self, children: ["request": description]) }
}

/// An answer, whole in memory, whatever its status.
package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: HTTPFields
    package var body: [UInt8]
    /// As in ``HTTPTransportError/requestHandedOut``: a server may answer before it has read the whole request.
    package var requestHandedOut: Bool

    package init(status: Int, headers: HTTPFields = [:], body: [UInt8] = [], requestHandedOut: Bool = true) {
        self.status = status
        self.headers = headers
        self.body = body
        self.requestHandedOut = requestHandedOut
    }
}

/// Header fields in their order; names compare without regard to case (RFC 9110 section 5.1).
package struct HTTPFields: Sendable, ExpressibleByDictionaryLiteral {
    package private(set) var fields: [(name: String, value: String)]

    package init(_ fields: [(name: String, value: String)] = []) {
        self.fields = fields
    }

    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { (name: $0.0, value: $0.1) }
    }

    /// The value of the first field of that name.
    package subscript(name: String) -> String? {
        let name = name.lowercased()
        return fields.first { $0.name.lowercased() == name }?.value
    }
}

extension HTTPFields: CustomStringConvertible, CustomReflectable {
    /// Names only: values can be secrets.
    package var description: String { fields.map(\.name).joined(separator: ", ") }

    package var customMirror: Mirror { Mirror(self, children: ["names": description]) }
}
