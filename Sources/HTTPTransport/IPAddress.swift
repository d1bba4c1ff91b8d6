#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A literal IP address and how far it reaches.
package struct IPAddress: Sendable, Hashable {
    /// 4 or 16 bytes, in network order.
    private let bytes: [UInt8]

    /// Reads an address in any form that the system's resolver would take for one: IPv6, dotted IPv4, and the old
    /// spellings of IPv4 with fewer parts, octal and hexadecimal ("127.1", "0x7f000001").
    package init?(_ text: String) {
        var v6 = in6_addr()
        if inet_pton(AF_INET6, text, &v6) == 1 {
            bytes = withUnsafeBytes(of: v6) { Array($0) }
            return
        }
        var v4 = in_addr()
        // inet_aton stops at white space, behind which anything may follow.
        guard !text.utf8.contains(where: { $0 <= 0x20 }), inet_aton(text, &v4) != 0 else { return nil }
        bytes = withUnsafeBytes(of: v4) { Array($0) }
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    package var isV6: Bool { bytes.count == 16 }

    /// From where in the world an address can be reached.
    package enum Reach: Sendable {
        case everywhere
        /// This machine only.
        case loopback
        /// One network: RFC 1918, RFC 4193, RFC 6598, link-local (where clouds have their metadata service), and what
        /// is no host at all: unspecified, multicast, reserved.
        case local
    }

    /// IANA's special-purpose address registries (RFC 6890), as far as they matter to a client.
    package var reach: Reach {
        guard isV6 else { return Self.reach(v4: bytes) }
        if bytes.dropLast().allSatisfy({ $0 == 0 }) { return bytes[15] == 1 ? .loopback : .local }
        if let embedded = embeddedV4 { return Self.reach(v4: embedded) }
        switch (bytes[0], bytes[1]) {
        case (0xFC...0xFD, _), (0xFE, 0x80...0xFF), (0xFF, _): return .local
        default: return .everywhere
        }
    }

    private static func reach(v4 bytes: [UInt8]) -> Reach {
        switch (bytes[0], bytes[1]) {
        case (127, _): .loopback
        case (0, _), (10, _), (100, 64...127), (169, 254), (172, 16...31), (192, 168), (224...255, _): .local
        default: .everywhere
        }
    }

    /// The IPv4 address inside an IPv4-mapped (::ffff:0:0/96), IPv4-compatible (::/96), translated (64:ff9b::/96) or
    /// 6to4 (2002::/16) address.
    private var embeddedV4: [UInt8]? {
        let last = Array(bytes[12...])
        if bytes[..<12].allSatisfy({ $0 == 0 }) { return last }
        if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF { return last }
        if bytes[..<4].elementsEqual([0, 0x64, 0xFF, 0x9B]), bytes[4..<12].allSatisfy({ $0 == 0 }) { return last }
        if bytes[0] == 0x20, bytes[1] == 0x02 { return Array(bytes[2..<6]) }
        return nil
    }

    /// Whether the first `length` bits are those of `network`; never across the two families.
    func isInside(_ network: IPAddress, prefixLength length: Int) -> Bool {
        guard bytes.count == network.bytes.count, length <= bytes.count * 8 else { return false }
        let whole = length / 8
        guard bytes[..<whole].elementsEqual(network.bytes[..<whole]) else { return false }
        guard length % 8 > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF << (8 - length % 8))
        return bytes[whole] & mask == network.bytes[whole] & mask
    }
}

extension HTTPURL {
    /// How far the host reaches as far as its name tells, without asking a resolver.
    package var reach: IPAddress.Reach {
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        if name == "localhost" || name.hasSuffix(".localhost") { return .loopback }
        return IPAddress(name)?.reach ?? .everywhere
    }
}
