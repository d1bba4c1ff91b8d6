import Testing

@testable import S3Storage
@testable import SigV4

@Suite(.timeLimit(.minutes(1))) struct CredentialRefreshTests {
    private let old: SigV4Credentials
    private let new: SigV4Credentials

    init() throws {
        old = try #require(SigV4Credentials(accessKeyID: "OLD", secretAccessKey: "s", sessionToken: "t"))
        new = try #require(SigV4Credentials(accessKeyID: "NEW", secretAccessKey: "s", sessionToken: "t"))
    }

    /// Holding `old`, got at 0 and good until 3600.
    private func holdingOld() -> CredentialRefresh {
        var refresh = CredentialRefresh()
        #expect(refresh.decide(at: 0) == .refresh)
        refresh.succeeded(TemporaryCredentials(credentials: old, expires: 3600, origin: "the test"), at: 0)
        return refresh
    }

    @Test func theFirstGetsThemAndOthersWait() {
        var refresh = CredentialRefresh()
        #expect(refresh.decide(at: 0) == .refresh)
        #expect(refresh.decide(at: 0) == .wait)
        refresh.succeeded(TemporaryCredentials(credentials: old, expires: nil, origin: "the test"), at: 0)
        #expect(refresh.decide(at: .max) == .use(old))
    }

    @Test func tenMinutesBeforeTheirEndOneGetsNewOnesAndOthersGoOn() {
        var refresh = holdingOld()
        #expect(refresh.decide(at: 2999) == .use(old))
        #expect(refresh.decide(at: 3000) == .refresh)
        #expect(refresh.decide(at: 3001) == .use(old))
        refresh.succeeded(TemporaryCredentials(credentials: new, expires: 7200, origin: "the test"), at: 3002)
        #expect(refresh.decide(at: 3003) == .use(new))
    }

    @Test func inTheirLastMinuteEverybodyWaits() {
        var refresh = holdingOld()
        #expect(refresh.decide(at: 3539) == .refresh)
        #expect(refresh.decide(at: 3539) == .use(old))
        #expect(refresh.decide(at: 3540) == .wait)
    }

    @Test func anEarlyFailureKeepsTheOldOnesAndIsTriedAgainAMinuteLater() {
        var refresh = holdingOld()
        #expect(refresh.decide(at: 3000) == .refresh)
        #expect(refresh.failed(at: 3010) == old)
        #expect(refresh.decide(at: 3069) == .use(old))
        #expect(refresh.decide(at: 3070) == .refresh)
        #expect(refresh.failed(at: 3539) == old)
        #expect(refresh.decide(at: 3540) == .refresh)
        #expect(refresh.failed(at: 3540) == nil)
        #expect(refresh.decide(at: 3540) == .refresh)
    }

    @Test func credentialsOfShortLifeAreNotGotForEveryRequest() {
        var refresh = CredentialRefresh()
        #expect(refresh.decide(at: 0) == .refresh)
        refresh.succeeded(TemporaryCredentials(credentials: old, expires: 300, origin: "the test"), at: 0)
        #expect(refresh.decide(at: 59) == .use(old))
        #expect(refresh.decide(at: 60) == .refresh)
    }

    @Test func whatTheServerCallsExpiredIsNotUsedAgain() {
        var refresh = holdingOld()
        refresh.discard(new)
        #expect(refresh.decide(at: 1) == .use(old))
        refresh.discard(old)
        #expect(refresh.decide(at: 1) == .refresh)
        #expect(refresh.failed(at: 1) == nil)
        #expect(refresh.decide(at: 1) == .refresh)
    }

    @Test func anotherTakesOverFromOneThatGaveUp() {
        var refresh = CredentialRefresh()
        #expect(refresh.decide(at: 0) == .refresh)
        #expect(refresh.decide(at: 0) == .wait)
        refresh.abandoned()
        #expect(refresh.decide(at: 0) == .refresh)
    }
}
