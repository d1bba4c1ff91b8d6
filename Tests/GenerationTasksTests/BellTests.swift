import GenerationTasks
import Testing

@Suite("Bell", .timeLimit(.minutes(1)))
struct BellTests {
    @Test("rung before the wait, wakes it at once, and only once")
    func rungBefore() async throws {
        try await World.run { world in
            let bell = Bell()
            bell.ring()
            bell.ring()
            await bell.wait()
            let woken = Recorder<Int>()
            await withTaskGroup { group in
                group.addTask {
                    await bell.wait()
                    woken.append(1)
                }
                await world.settle()
                #expect(woken.elements.isEmpty)
                bell.ring()
            }
            #expect(woken.elements == [1])
        }
    }

    @Test("a wait ends when its task is cancelled, before or after it began")
    func cancelled() async throws {
        try await World.run { world in
            let bell = Bell()
            await withTaskGroup { group in
                group.addTask { await bell.wait() }
                await world.settle()
                group.cancelAll()
            }
            await withTaskGroup(of: Void.self) { group in
                group.cancelAll()
                group.addTask { await bell.wait() }
            }
        }
    }

    @Test("a wait that is not to be cancelled goes on until rung")
    func uncancelled() async throws {
        try await World.run { world in
            let bell = Bell()
            let woken = Recorder<Int>()
            await withTaskGroup { group in
                group.addTask {
                    await bell.waitUncancelled()
                    woken.append(1)
                }
                group.cancelAll()
                await world.settle()
                #expect(woken.elements.isEmpty)
                bell.ring()
            }
            #expect(woken.elements == [1])
        }
    }

    @Test("a wait ends at its deadline, leaves no sleeper, and the next ring is kept")
    func deadline() async throws {
        try await World.run { world in
            let bell = Bell()
            await withTaskGroup { group in
                group.addTask { await bell.wait(until: Moment(.seconds(5)), world.clock) }
                await world.settle()
                #expect(world.clock.nextDeadline == Moment(.seconds(5)))
                await world.pass(.seconds(5))
            }
            #expect(world.clock.sleepers == 0)
            bell.ring()
            await bell.wait(until: Moment(.seconds(50)), world.clock)
            #expect(world.clock.sleepers == 0)
            #expect(world.clock.now == Moment(.seconds(5)))
        }
    }

    @Test("a wait with a deadline is woken by the ring, and by cancelling")
    func earlier() async throws {
        try await World.run { world in
            for isRung in [true, false] {
                let bell = Bell()
                await withTaskGroup { group in
                    group.addTask { await bell.wait(until: Moment(.seconds(5)), world.clock) }
                    await world.settle()
                    if isRung { bell.ring() } else { group.cancelAll() }
                }
                #expect(world.clock.sleepers == 0)
                #expect(world.clock.now == Moment(.zero))
            }
        }
    }

    @Test("no ring is lost: what is left to do is always seen, however ringing, waiting and deadlines interleave")
    func interleavings() async throws {
        try await World.run { world in
            var generator = SeededGenerator(seed: 11)
            for _ in 0..<2000 {
                let bell = Bell()
                let left = Recorder<Int>()
                let seen = Recorder<Int>()
                let total = Int.random(in: 1...4, using: &generator)
                let steps = (0..<12).map { _ in Int.random(in: 0..<4, using: &generator) }
                let hasDeadline = Bool.random(using: &generator)
                let start = world.clock.now
                await withTaskGroup { group in
                    group.addTask {
                        while seen.elements.count < total {
                            await bell.wait(until: hasDeadline ? world.clock.now + .seconds(1) : nil, world.clock)
                            for element in left.elements.dropFirst(seen.elements.count) { seen.append(element) }
                        }
                    }
                    group.addTask {
                        var number = 0
                        for step in steps {
                            if step == 0 { world.clock.advance(by: .milliseconds(700)) }
                            if step == 1 { await Task.yield() }
                            if step == 2, number < total {
                                number += 1
                                left.append(number)
                                bell.ring()
                            }
                        }
                        while number < total {
                            number += 1
                            left.append(number)
                            bell.ring()
                        }
                    }
                }
                #expect(seen.elements == Array(1...total))
                #expect(world.clock.now - start <= .seconds(12))
            }
            #expect(world.clock.sleepers == 0)
        }
    }

    @Test("rings from other threads are not lost either")
    func threads() async {
        let bell = Bell()
        let rung = Recorder<Void>()
        await withTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<2500 {
                        rung.append(())
                        bell.ring()
                    }
                }
            }
            while rung.elements.count < 10_000 { await bell.wait() }
        }
        #expect(rung.elements.count == 10_000)
    }
}
