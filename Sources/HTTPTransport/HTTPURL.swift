/// An `http` or `https` URL in the strict grammar of RFC 3986, taken apart.
///
/// What is not plain ASCII grammar is refused, and never repaired in the authority: a guard that reads a URL otherwise
/// than the client that follows it guards nothing.
package struct HTTPURL: Sendable, Hashable {
    package enum Scheme: String, Sendable {
        case http, https

        package var defaultPort: Int { self == .http ? 80 : 443 }
    }

    package let scheme: Scheme
    /// User name and password as written before "@", if any.
    package let userInfo: String?
    /// In lower case, an IPv6 address without its brackets.
    package let host: String
    /// As written, or the scheme's own.
    package let port: Int
    /// Begins with "/".
    package let path: String
    /// Without the "?".
    package let query: String?

    private let isIPv6: Bool

    package init(_ text: String) throws(HTTPTransportError) {
        // RFC 3986 section 2: anything else must be percent-encoded by whoever wrote the URL.
        let allowed = text.utf8.allSatisfy { Self.permitted.contains($0) }
        guard !text.isEmpty, text.utf8.count <= 16 << 10, allowed, let schemeEnd = text.firstRange(of: "://") else {
            throw .invalidURL("it is not an absolute http or https URL, or has characters that need percent-encoding")
        }
        guard let scheme = Scheme(rawValue: text[..<schemeEnd.lowerBound].lowercased()) else {
            throw .invalidURL("its scheme is neither http nor https")
        }
        let rest = text[schemeEnd.upperBound...]
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let authority = rest[..<authorityEnd]
        let at = authority.lastIndex(of: "@")
        let hostAndPort = at.map { authority[authority.index(after: $0)...] } ?? authority
        let (host, port, isIPv6) = try Self.split(hostAndPort)

        let target = rest[authorityEnd...].prefix { $0 != "#" }
        let question = target.firstIndex(of: "?")
        let path = target[..<(question ?? target.endIndex)]
        self.scheme = scheme
        self.userInfo = at.map { String(authority[..<$0]) }
        self.host = host
        self.port = port ?? scheme.defaultPort
        self.isIPv6 = isIPv6
        self.path = path.isEmpty ? "/" : String(path)
        self.query = question.map { String(target[target.index(after: $0)...]) }
    }

    /// Reads a URL whose path or query may hold spaces, letters beyond ASCII and the like, as servers send them at times:
    /// they are percent-encoded, as browsers do it. Control characters are refused.
    package init(encoding text: String) throws(HTTPTransportError) {
        let authority = text.firstRange(of: "://")?.upperBound ?? text.startIndex
        let target = text[authority...].firstIndex { "/?#".contains($0) } ?? text.endIndex
        try self.init(text[..<target] + Self.encoded(text[target...]))
    }

    private static func encoded(_ target: Substring) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        let bytes = target.utf8.flatMap { byte -> [UInt8] in
            guard byte >= 0x20, byte != 0x7F, !permitted.contains(byte) else { return [byte] }
            return [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private init(_ base: HTTPURL, path: String, query: String?) {
        scheme = base.scheme
        userInfo = base.userInfo
        host = base.host
        port = base.port
        isIPv6 = base.isIPv6
        self.path = path
        self.query = query
    }

    private static let permitted: Set<UInt8> = Set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%".utf8
    )

    private static func split(
        _ hostAndPort: Substring
    ) throws(HTTPTransportError) -> (host: String, port: Int?, isIPv6: Bool) {
        let host: Substring
        let isIPv6 = hostAndPort.first == "["
        if isIPv6 {
            guard let close = hostAndPort.firstIndex(of: "]") else { throw .invalidURL("its host lacks a ']'") }
            host = hostAndPort[hostAndPort.index(after: hostAndPort.startIndex)..<close]
            guard IPAddress(String(host))?.isV6 == true else { throw .invalidURL("its host is no IPv6 address") }
        } else {
            host = hostAndPort.prefix { $0 != ":" }
            guard !host.isEmpty, host.utf8.count <= 253, host.utf8.allSatisfy(Self.isHostCharacter) else {
                throw .invalidURL("its host is no host name")
            }
        }
        let rest = hostAndPort[host.endIndex...].drop { $0 == "]" }
        guard !rest.isEmpty else { return (host.lowercased(), nil, isIPv6) }
        let digits = rest.dropFirst()
        guard rest.first == ":", digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw .invalidURL("its port is no number")
        }
        guard !digits.isEmpty else { return (host.lowercased(), nil, isIPv6) }
        guard let port = UInt16(digits), port > 0 else { throw .invalidURL("its port is out of range") }
        return (host.lowercased(), Int(port), isIPv6)
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }
}

extension HTTPURL {
    /// Scheme, host and the port where it is not the scheme's own: `https://api.example.com:8443`.
    package var origin: String {
        "\(scheme.rawValue)://\(isIPv6 ? "[\(host)]" : host)\(port == scheme.defaultPort ? "" : ":\(port)")"
    }

    /// The URL as it is sent, without user information and fragment.
    package var text: String { origin + target }

    /// Path and query: what stands in an HTTP request line.
    package var target: String { path + (query.map { "?" + $0 } ?? "") }

    /// The URL with `path` behind its own, which may end in "/" or not, and with `query` in place of its own.
    package func appending(path more: String, query: String? = nil) -> HTTPURL {
        let base = path.hasSuffix("/") ? path.dropLast() : path[...]
        return HTTPURL(self, path: base + more, query: query)
    }

    /// Where a `Location` of an answer from this URL leads (RFC 3986 section 5.2, without removing dot segments, which
    /// servers do as well).
    package func resolving(_ location: String) throws(HTTPTransportError) -> HTTPURL {
        if location.hasPrefix("//") { return try HTTPURL(encoding: scheme.rawValue + ":" + location) }
        if location.hasPrefix("/") { return try HTTPURL(encoding: origin + location) }
        if location.hasPrefix("?") { return try HTTPURL(encoding: origin + path + location) }
        let first = location.prefix { !"/?#".contains($0) }
        if first.contains(":") { return try HTTPURL(encoding: location) }
        let folder = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
        return try HTTPURL(encoding: origin + folder + location)
    }
}

extension HTTPURL: CustomStringConvertible, CustomReflectable {
    /// Fit for logs and errors: user information and query can hold secrets (signed URLs do) and are left out.
    package var description: String { origin + path + (query == nil ? "" : "?…") }

    package var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}
