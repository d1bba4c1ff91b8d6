import Dispatch
import Synchronization

/// Lets threads go on when all of them have come.
final class Barrier: Sendable {
    private let missing: Mutex<Int>
    private let gate = DispatchSemaphore(value: 0)

    init(_ count: Int) {
        missing = Mutex(count)
    }

    /// Gives up after 10 seconds.
    func wait() {
        let isLast = missing.withLock { missing in
            missing -= 1
            return missing == 0
        }
        if isLast { gate.signal() }
        guard gate.wait(timeout: .now() + 10) == .success else { return }
        gate.signal()
    }
}

/// A number that one side raises and the other reads.
final class Counter: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock { $0 } }

    func add(_ more: Int) { count.withLock { $0 += more } }

    /// Returns when the number has stopped rising.
    func settle() async {
        var last = -1
        while last != value {
            last = value
            try? await Task.sleep(for: .milliseconds(100))
        }
    }
}
