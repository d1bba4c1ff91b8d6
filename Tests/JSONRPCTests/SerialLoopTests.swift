import Foundation
import Testing

@testable import JSONRPC

/// Counts on the loop that it is given.
private actor Counter {
    private let loop: SerialLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private(set) var count = 0
    private var threads: Set<ObjectIdentifier> = []

    init(_ loop: SerialLoop) {
        self.loop = loop
    }

    func increment() {
        count += 1
        threads.insert(ObjectIdentifier(Thread.current))
    }

    var threadCount: Int { threads.count }
}

@Suite(.timeLimit(.minutes(1))) struct SerialLoopTests {
    @Test func everyJobFromWhereverItComesRunsOnTheThreadOfTheLoop() async throws {
        let loop = try #require(SerialLoop())
        let stop = StopSource(loop)
        Thread.detachNewThread { loop.run(stop) }
        let counter = Counter(loop)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask { for _ in 0..<100 { await counter.increment() } }
            }
        }
        #expect(await counter.count == 5000)
        #expect(await counter.threadCount == 1)
        stop.stop()
    }

    @Test func whatWasEnqueuedBeforeTheLoopRunsIsNotLost() async throws {
        let loop = try #require(SerialLoop())
        let stop = StopSource(loop)
        let counter = Counter(loop)
        async let first: Void = counter.increment()
        async let second: Void = counter.increment()
        Thread.detachNewThread { loop.run(stop) }
        _ = await (first, second)
        #expect(await counter.count == 2)
        stop.stop()
    }

    @Test func aLoopThatHasReturnedCanRunAgain() async throws {
        let loop = try #require(SerialLoop())
        let counter = Counter(loop)
        for _ in 0..<3 {
            let stop = StopSource(loop)
            await withCheckedContinuation { returned in
                Thread.detachNewThread {
                    stop.stop()
                    loop.run(stop)
                    returned.resume()
                }
            }
        }
        let stop = StopSource(loop)
        Thread.detachNewThread { loop.run(stop) }
        await counter.increment()
        #expect(await counter.count == 1)
        stop.stop()
    }
}
