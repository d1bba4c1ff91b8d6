import Synchronization

/// A request, from any thread, that a transport should end.
package final class Interruption: Sendable {
    private let loop: SerialLoop
    private let requested = Atomic(false)
    private let givenUp = Atomic(false)

    package init(waking loop: SerialLoop) {
        self.loop = loop
    }

    /// Reading is to end and waits are to be answered.
    package var isRequested: Bool { requested.load(ordering: .acquiring) }
    /// A client that does not take its answers by now is not waited for.
    package var isGivenUp: Bool { givenUp.load(ordering: .acquiring) }

    /// - Returns: whether this was the first request.
    @discardableResult
    package func request() -> Bool {
        let isFirst = !requested.exchange(true, ordering: .acquiringAndReleasing)
        loop.wake()
        return isFirst
    }

    package func giveUp() {
        givenUp.store(true, ordering: .releasing)
        loop.wake()
    }
}
