import GenerationTasks
import Testing

@testable import KlingService

@Suite struct ArchiveTroubleTests {
    private let start = Moment(.seconds(100))

    @Test func failuresAreTriedAgainAfterPausesThatDoubleUpToAMinute() {
        var trouble = ArchiveTrouble()
        let pauses = (0..<8).map { _ in trouble.failed(asked: nil, jitter: 0) }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 60, 60].map { .later(.seconds($0)) })
        #expect(trouble.failed(asked: .seconds(5), jitter: 0) == .later(.seconds(5)))
    }

    /// A storage that asks for no pause would be asked, and the image fetched for it, without end; one that asks for a
    /// day would be obeyed while the image goes at the provider.
    @Test func aPauseThatSomebodyAsksForIsHeldWithinBounds() {
        var trouble = ArchiveTrouble()
        #expect(trouble.failed(asked: .zero, jitter: 0) == .later(.seconds(1)))
        #expect(trouble.failed(asked: .milliseconds(1), jitter: 0) == .later(.seconds(2)))
        #expect(trouble.failed(asked: .seconds(86_400), jitter: 0) == .later(.seconds(300)))
    }

    @Test func aBrokenImageIsFetchedOnceMoreAtOnce() {
        var trouble = ArchiveTrouble()
        #expect(trouble.broken(jitter: 0) == .again)
        #expect(trouble.broken(jitter: 0) == .later(.seconds(1)))
    }

    @Test func freshURLsAreTriedAtOnceTheFirstTimeOnly() {
        var trouble = ArchiveTrouble()
        #expect(trouble.expired(gotFreshURLs: false, at: start, jitter: 0) == .later(.seconds(1)))
        #expect(trouble.expired(gotFreshURLs: true, at: start, jitter: 0) == .again)
        #expect(trouble.expired(gotFreshURLs: true, at: start, jitter: 0) == .later(.seconds(2)))
    }

    @Test func whatIsPaidIsGivenUpOnlyAfterADay() {
        var trouble = ArchiveTrouble()
        for hour in 0..<24 {
            let now = start + .seconds(hour * 3600)
            #expect(trouble.expired(gotFreshURLs: hour % 2 == 0, at: now, jitter: 0) != .giveUp)
        }
        #expect(trouble.expired(gotFreshURLs: true, at: start + .seconds(24 * 3600), jitter: 0) == .giveUp)
    }

    @Test func anImageThatWasStoredEndsTheTroubles() {
        var trouble = ArchiveTrouble()
        _ = trouble.expired(gotFreshURLs: true, at: start, jitter: 0)
        _ = trouble.failed(asked: nil, jitter: 0)
        trouble.stored()
        #expect(trouble.expired(gotFreshURLs: true, at: start + .seconds(25 * 3600), jitter: 0) == .again)
        #expect(trouble.failed(asked: nil, jitter: 0) == .later(.seconds(1)))
    }
}
