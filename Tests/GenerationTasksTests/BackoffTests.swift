import GenerationTasks
import Testing

@Suite("Backoff")
struct BackoffTests {
    @Test("doubles from the first pause to the longest, and begins anew after a reset")
    func doubling() {
        var backoff = Backoff(first: .seconds(2), longest: .seconds(60))
        let pauses = (0..<7).map { _ in backoff.next(jitter: 0) }
        #expect(pauses == [2, 4, 8, 16, 32, 60, 60].map { Duration.seconds($0) })
        for _ in 0..<1000 { #expect(backoff.next(jitter: 0) == .seconds(60)) }
        backoff.reset()
        #expect(backoff.next(jitter: 0) == .seconds(2))
    }

    @Test("is shortened by jitter, by half at most")
    func jitter() {
        var backoff = Backoff(first: .seconds(2), longest: .seconds(60))
        #expect(backoff.next(jitter: 1) == .seconds(1))
        #expect(backoff.next(jitter: 0.5) == .seconds(3))
    }
}
