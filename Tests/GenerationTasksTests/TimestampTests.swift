import GenerationTasks
import Testing

@Suite("Timestamps")
struct TimestampTests {
    /// Reckoned with GNU date.
    @Test(
        "are shown as RFC 3339 in UTC with milliseconds",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (-1000, "1969-12-31T23:59:59.000Z"),
            (-86_400_000, "1969-12-31T00:00:00.000Z"),
            (-86_400_001, "1969-12-30T23:59:59.999Z"),
            (-31_536_000_000, "1969-01-01T00:00:00.000Z"),
            (-2_208_988_800_000, "1900-01-01T00:00:00.000Z"),
            (-2_203_891_200_000, "1900-03-01T00:00:00.000Z"),
            (68_169_599_999, "1972-02-28T23:59:59.999Z"),
            (68_169_600_000, "1972-02-29T00:00:00.000Z"),
            (68_256_000_000, "1972-03-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (978_307_199_999, "2000-12-31T23:59:59.999Z"),
            (1_009_843_199_000, "2001-12-31T23:59:59.000Z"),
            (1_709_164_800_123, "2024-02-29T00:00:00.123Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
            (1_795_465_560_007, "2026-11-23T20:26:00.007Z"),
            (2_147_483_648_000, "2038-01-19T03:14:08.000Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] as [(Int64, String)]
    )
    func known(milliseconds: Int64, text: String) {
        let time = Timestamp(milliseconds: milliseconds)
        #expect(time.rfc3339 == text)
        #expect(time.day == text.prefix(10))
    }

    @Test("count every day of four centuries, leap years by the Gregorian rule")
    func everyDay() {
        var milliseconds: Int64 = -2_208_988_800_000
        var wrong: [String] = []
        for year in 1900..<2300 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            for (month, length) in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
                for day in 1...length {
                    let expected = "\(year)-\(month < 9 ? "0" : "")\(month + 1)-\(day < 10 ? "0" : "")\(day)"
                    let actual = Timestamp(milliseconds: milliseconds).day
                    if actual != expected { wrong.append("\(actual) for \(expected)") }
                    milliseconds += 86_400_000
                }
            }
        }
        #expect(wrong.isEmpty)
    }
}
