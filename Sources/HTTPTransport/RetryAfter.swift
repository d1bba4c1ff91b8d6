/// The `Retry-After` header field (RFC 9110 section 10.2.3).
package enum RetryAfter {
    /// Longer waits are cut to this: a slip of the server must not stop a queue for weeks.
    package static let longest: Duration = .seconds(86_400)

    /// How long to wait; `nil` for what is neither seconds nor a date.
    ///
    /// A date is measured against `date`, the answer's own `Date`, since our clock may differ from the sender's; without
    /// it a date says nothing.
    package static func duration(_ value: String, date: String?) -> Duration? {
        let value = String(value.trimmingOptionalWhiteSpace)
        if !value.isEmpty, value.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return min(.seconds(Int64(value) ?? .max), longest)
        }
        guard let until = seconds(ofDate: value), let now = date.flatMap({ seconds(ofDate: $0) }) else { return nil }
        return min(.seconds(max(0, until - now)), longest)
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Seconds since 1970 of an IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). Of the two
    /// older forms nothing is made: no server of our time sends them.
    package static func seconds(ofDate text: String) -> Int64? {
        let parts = text.trimmingOptionalWhiteSpace.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[5] == "GMT", parts[0].hasSuffix(","),
            let day = number(parts[1], in: 1...31), let month = months.firstIndex(of: String(parts[2])),
            let year = number(parts[3], in: 1970...9999)
        else { return nil }
        let time = parts[4].split(separator: ":", omittingEmptySubsequences: false)
        // 60 is a leap second.
        guard time.count == 3, let hour = number(time[0], in: 0...23), let minute = number(time[1], in: 0...59),
            let second = number(time[2], in: 0...60)
        else { return nil }
        return days(year: year, month: Int64(month) + 1, day: day) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    private static func number(_ text: Substring, in range: ClosedRange<Int64>) -> Int64? {
        guard let number = Int64(text), range.contains(number) else { return nil }
        return number
    }

    /// Days since 1970-01-01. Years begin in March here, so that the leap day is the last of its year.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }
}

extension String {
    /// Without the spaces and tabs that may surround a header field's value (RFC 9110 section 5.6.3).
    fileprivate var trimmingOptionalWhiteSpace: Substring {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest
    }
}
