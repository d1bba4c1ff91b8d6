#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The moment a signature is made at. Services refuse one that is more than 15 minutes off by their own clock.
package struct SigningTime: Sendable, Hashable {
    /// `yyyyMMdd'T'HHmmss'Z'`, the value of `X-Amz-Date`.
    package let timestamp: String

    /// A moment outside the years 1970 to 9999 is brought to the nearer end of them.
    package init(secondsSince1970 seconds: Int64) {
        var time = time_t(min(max(seconds, 0), 253_402_300_799))
        var parts = tm()
        gmtime_r(&time, &parts)
        func padded(_ number: Int32, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = padded(parts.tm_year + 1900, 4) + padded(parts.tm_mon + 1, 2) + padded(parts.tm_mday, 2)
        timestamp = date + "T" + padded(parts.tm_hour, 2) + padded(parts.tm_min, 2) + padded(parts.tm_sec, 2) + "Z"
    }

    /// `yyyyMMdd`, the day a signing key is made for.
    var day: String { String(timestamp.prefix(8)) }
}
