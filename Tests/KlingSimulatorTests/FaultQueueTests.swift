import Testing

@testable import KlingSimulator

@Suite struct FaultQueueTests {
    @Test func aFaultStrikesAsOftenAsItSaysAndOnlyWhereItSays() {
        var queue = FaultQueue([Fault(on: .create, .cut, times: 2)])
        #expect(queue.next(for: .lookUp, succeeds: true) == nil)
        #expect(queue.next(for: .create, succeeds: true)?.kind == .cut)
        #expect(queue.next(for: .create, succeeds: true)?.kind == .cut)
        #expect(queue.next(for: .create, succeeds: true) == nil)
    }

    @Test func minusOneStrikesAlwaysAndZeroNever() {
        var queue = FaultQueue([Fault(on: .image, .expired, times: 0), Fault(on: .image, .partialBody, times: -1)])
        for _ in 0..<5 { #expect(queue.next(for: .image, succeeds: true)?.kind == .partialBody) }
    }

    @Test func aFaultThatWouldNotShowWaitsAndLetsOthersPass() {
        var queue = FaultQueue([Fault(on: .lookUp, .fewerImages), Fault(on: .lookUp, .html)])
        #expect(queue.next(for: .lookUp, succeeds: false)?.kind == .html)
        #expect(queue.next(for: .lookUp, succeeds: false) == nil)
        #expect(queue.next(for: .lookUp, succeeds: true)?.kind == .fewerImages)
    }
}
