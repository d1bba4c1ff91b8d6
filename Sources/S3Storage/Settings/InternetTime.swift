#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Moments as RFC 3339 writes them.
enum InternetTime {
    /// Seconds since 1970, a fraction cut off; `nil` when the text is no such moment. The colon in the offset may be
    /// missing, as many programs leave it out.
    static func seconds(_ text: String) -> Int64? {
        var rest = Array(text.utf8)[...]
        func number(_ width: Int) -> Int32? {
            let digits = rest.prefix(width)
            guard digits.count == width, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            rest = rest.dropFirst(width)
            return digits.reduce(0) { $0 * 10 + Int32($1 - 0x30) }
        }
        func skip(_ characters: String) -> UInt8? {
            guard let first = rest.first, characters.utf8.contains(first) else { return nil }
            return rest.popFirst()
        }
        guard let year = number(4), skip("-") != nil, let month = number(2), skip("-") != nil, let day = number(2),
            skip("Tt ") != nil, let hour = number(2), skip(":") != nil, let minute = number(2), skip(":") != nil,
            let second = number(2), hour <= 23, minute <= 59, second <= 60
        else { return nil }
        if skip(".") != nil {
            let fraction = rest.prefix { (0x30...0x39).contains($0) }
            guard !fraction.isEmpty else { return nil }
            rest = rest.dropFirst(fraction.count)
        }
        var offset: Int64 = 0
        if skip("Zz") == nil {
            guard let sign = skip("+-"), let hours = number(2) else { return nil }
            _ = skip(":")
            guard let minutes = number(2), hours <= 23, minutes <= 59 else { return nil }
            offset = Int64(hours * 3600 + minutes * 60) * (sign == UInt8(ascii: "-") ? -1 : 1)
        }
        guard rest.isEmpty else { return nil }
        var parts = tm()
        parts.tm_year = year - 1900
        parts.tm_mon = month - 1
        parts.tm_mday = day
        let midnight = timegm(&parts)
        // timegm(3) takes 31 April for 1 May, and says so in what it was given.
        guard parts.tm_mon == month - 1, parts.tm_mday == day else { return nil }
        return Int64(midnight) + Int64(hour * 3600 + minute * 60 + second) - offset
    }
}
