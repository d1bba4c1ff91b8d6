import Testing

@testable import S3Storage

@Suite(.timeLimit(.minutes(1))) struct InternetTimeTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-25T19:00:00Z", 1_795_633_200),
            ("2026-11-25T19:00:00.999Z", 1_795_633_200),
            ("2026-11-25t20:30:00+01:30", 1_795_633_200), ("2026-11-25 14:00:00-0500", 1_795_633_200),
            ("2024-02-29T23:59:59+00:00", 1_709_251_199), ("2016-12-31T23:59:60Z", 1_483_228_800),
        ] as [(String, Int64)]
    )
    func aMomentIsRead(text: String, seconds: Int64) {
        #expect(InternetTime.seconds(text) == seconds)
    }

    @Test(arguments: [
        "", "2026-11-25", "2026-11-25T19:00:00", "2026-11-25T19:00Z", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z",
        "2026-11-00T00:00:00Z", "2026-11-25T24:00:00Z", "2026-11-25T19:60:00Z", "2026-11-25T19:00:61Z",
        "2026-11-25T19:00:00.Z", "2026-11-25T19:00:00+24:00", "2026-11-25T19:00:00Z ", "２026-11-25T19:00:00Z",
        "+026-11-25T19:00:00Z", "1795633200",
    ])
    func whatIsNoMomentIsRefused(text: String) {
        #expect(InternetTime.seconds(text) == nil)
    }
}
