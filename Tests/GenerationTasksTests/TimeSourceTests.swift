import GenerationTasks
import Testing

@Suite("Time source")
struct TimeSourceTests {
    @Test("durations are cut to whole milliseconds and never overflow")
    func durations() {
        #expect(Duration.microseconds(1999).milliseconds == 1)
        #expect(Duration.zero.milliseconds == 0)
        #expect(Duration.seconds(Int64.max).milliseconds == .max)
        #expect(Duration.seconds(Int64.min).milliseconds == .min)
        #expect((Duration.seconds(Int64.max / 1000) + .milliseconds(900)).milliseconds == .max)
    }

    @Test("the machine's clocks go forward and agree about an interval")
    func systemTime() async throws {
        let time = SystemTime()
        let start = time.now
        try await time.sleep(until: start)
        #expect(time.now >= start)
        #expect(time.date > Timestamp(milliseconds: 1_700_000_000_000))
        #expect(Moment(.seconds(1)) + .seconds(2) - Moment(.seconds(3)) == .zero)
    }
}
