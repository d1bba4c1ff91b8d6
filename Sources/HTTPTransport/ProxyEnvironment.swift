/// A proxy to go through.
package struct Proxy: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// Tunnels by CONNECT (RFC 9110 section 9.3.6).
        case http
        /// SOCKS 5 (RFC 1928); names are resolved there, not here.
        case socks
    }

    package var kind: Kind
    package var host: String
    package var port: Int
    /// `user:password`, decoded.
    var credentials: String?
}

extension Proxy: CustomStringConvertible, CustomReflectable {
    /// Without the credentials.
    package var description: String { "\(kind) proxy \(host):\(port)" }

    package var customMirror: Mirror { Mirror(self, children: ["proxy": description]) }
}

/// The proxies that the environment names, with curl's meaning of the variables.
///
/// `https_proxy`, `all_proxy` and `no_proxy` count in both cases, the lower one first; `http_proxy` in lower case only,
/// because a CGI server sets `HTTP_PROXY` from a header that any client can send.
package struct ProxyEnvironment: Sendable {
    private let http: String?
    private let https: String?
    private let excluded: [String]

    package init(_ environment: [String: String]) {
        func either(_ name: String) -> String? {
            [name, name.uppercased()].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        let all = either("all_proxy")
        http = environment["http_proxy"].flatMap { $0.isEmpty ? nil : $0 } ?? all
        https = either("https_proxy") ?? all
        excluded = (either("no_proxy") ?? "").split { $0 == "," || $0 == " " }.map { $0.lowercased() }
    }

    /// The proxy for `url`, or `nil` to go directly, as to this machine always.
    ///
    /// Throws `proxy` when one is set that cannot be used: going around it could betray the user.
    package func proxy(for url: HTTPURL) throws(HTTPTransportError) -> Proxy? {
        guard url.reach != .loopback, let value = url.scheme == .http ? http : https, !isExcluded(url) else {
            return nil
        }
        return try Proxy(value)
    }

    private func isExcluded(_ url: HTTPURL) -> Bool {
        let host = url.host.hasSuffix(".") ? String(url.host.dropLast()) : url.host
        return excluded.contains { entry in
            if entry == "*" { return true }
            if let address = IPAddress(host) { return Self.contains(entry, address) || entry == "\(host):\(url.port)" }
            let parts = entry.split(separator: ":", maxSplits: 1)
            guard let name = parts.first, parts.count == 1 || parts[1] == "\(url.port)" else { return false }
            let suffix = name.drop { $0 == "*" }.drop { $0 == "." }
            return !suffix.isEmpty && (host == suffix || host.hasSuffix("." + suffix))
        }
    }

    /// Whether an entry that is an address or a network ("10.0.0.0/8") has `address` in it.
    private static func contains(_ entry: String, _ address: IPAddress) -> Bool {
        let parts = entry.split(separator: "/", maxSplits: 1)
        guard let first = parts.first else { return false }
        let literal = first.drop { $0 == "[" }.prefix { $0 != "]" }
        guard let network = IPAddress(String(literal)) else { return false }
        guard parts.count == 2 else { return network == address }
        guard let length = Int(parts[1]), length >= 0 else { return false }
        return address.isInside(network, prefixLength: length)
    }
}

extension Proxy {
    /// Reads `[scheme://][user:password@]host[:port]`; without a scheme it is an HTTP proxy, without a port 1080.
    fileprivate init(_ value: String) throws(HTTPTransportError) {
        let unusable = HTTPTransportError(
            .proxy,
            "the proxy set in the environment cannot be used: it must be http://host:port or socks5://host:port"
        )
        let separator = value.firstRange(of: "://")
        let scheme = separator.map { value[..<$0.lowerBound].lowercased() } ?? "http"
        switch scheme {
        case "http": kind = .http
        case "socks5", "socks5h", "socks": kind = .socks
        default: throw unusable
        }
        let rest = separator.map { value[$0.upperBound...] } ?? value[...]
        let url: HTTPURL
        do { url = try HTTPURL("http://" + rest) } catch { throw unusable }
        let hostAndPort = rest.prefix { !"/?#".contains($0) }
        host = url.host
        port = hostAndPort.hasSuffix(":\(url.port)") ? url.port : 1080
        credentials = try url.userInfo.map { text throws(HTTPTransportError) in
            guard let decoded = PercentDecoding.decode(text) else { throw unusable }
            return decoded.contains(":") ? decoded : decoded + ":"
        }
        guard credentials == nil || kind == .http else {
            throw HTTPTransportError(.proxy, "a SOCKS proxy with a password cannot be used: take one without, or HTTP")
        }
    }
}

private enum PercentDecoding {
    static func decode(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
