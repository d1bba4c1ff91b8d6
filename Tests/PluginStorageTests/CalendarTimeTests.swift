import Testing

@testable import PluginStorage

@Suite struct CalendarTimeTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (1_795_636_799, "2026-11-25T19:59:59Z"),
    ])
    func momentsAreWrittenInUTC(seconds: Int64, text: String) {
        #expect(CalendarTime.text(seconds) == text)
    }
}
