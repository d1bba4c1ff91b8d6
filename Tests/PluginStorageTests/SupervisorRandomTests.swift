import JSON
import Storage
import Testing

@testable import PluginStorage

/// Plugins that do anything at any time.
@Suite(.timeLimit(.minutes(1))) struct SupervisorRandomTests {
    /// What holds whatever happens; the first breach is told.
    private struct Invariants {
        var isRunning = false
        var inputIsOpen = false
        var inFlight: Set<Int64> = []
        var asked: Set<UInt64> = []
        var finished: Set<UInt64> = []
        /// The process was told to end: its end is no crash.
        var isTold = false
        var crashes: [Duration] = []
        var pausedUntil = Duration.zero
        var breaches: [String] = []

        mutating func check(_ action: PluginSupervisor.Action, at now: Duration, concurrency: Int) {
            switch action {
            case .spawn:
                require(!isRunning, "two processes at once")
                require(now >= pausedUntil, "a spawn while the breaker is open")
                (isRunning, inputIsOpen, isTold, inFlight) = (true, true, false, [])
            case .send(let id, _):
                require(inputIsOpen, "a request to a plugin whose input is closed")
                require(inFlight.insert(id).inserted, "an id twice")
                require(inFlight.count <= concurrency, "more at once than the plugin takes")
            case .initialize, .cancel: require(inputIsOpen, "a message to a plugin whose input is closed")
            case .shutDown:
                require(inputIsOpen, "a message to a plugin whose input is closed")
                isTold = true
            case .closeInput:
                require(inputIsOpen, "the input closed twice")
                inputIsOpen = false
            case .terminate, .kill: require(isRunning, "a signal to nobody")
            case .finish(let ticket, _):
                require(asked.contains(ticket), "an outcome of what was not asked")
                require(finished.insert(ticket).inserted, "two outcomes of one request")
            case .declare, .log: break
            }
        }

        /// By the rule itself: 5 crashes within 5 minutes are followed by a pause of 5 minutes.
        mutating func exited(at now: Duration) {
            (isRunning, inputIsOpen) = (false, false)
            guard !isTold else { return }
            crashes = crashes.filter { now - $0 < .seconds(300) } + [now]
            guard crashes.count >= 5 else { return }
            crashes = []
            pausedUntil = now + .seconds(300)
        }

        mutating func require(_ condition: Bool, _ text: String) {
            if !condition { breaches.append(text) }
        }
    }

    @Test(arguments: [1, 3] as [Int64])
    func eachRequestHasOneOutcomeAndNeverDoTwoProcessesRun(concurrency: Int64) async throws {
        let key = try ObjectKey("a")
        for seed in 1...1500 as ClosedRange<UInt64> {
            // Tests of real processes run beside it.
            await Task.yield()
            var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15)
            var supervisor = PluginSupervisor(
                errors: PluginErrors(program: "x"),
                times: PluginTimes(),
                limits: PluginLimits(),
                calendar: { "\($0)" }
            )
            var invariants = Invariants()
            var now = Duration.zero
            var history: [(Duration, PluginSupervisor.Event)] = []
            var hasSpawned = false

            func happen(_ event: PluginSupervisor.Event) {
                history.append((now, event))
                for action in supervisor.handle(event, at: now, jitter: Double(random.next(100)) / 99) {
                    if case .spawn = action { hasSpawned = false }
                    invariants.check(action, at: now, concurrency: Int(concurrency))
                }
            }

            func exit() {
                invariants.exited(at: now)
                happen(.exited(PluginExit(status: .code(Int32(random.next(2))), lastLines: [])))
            }

            for _ in 0..<(40 + random.next(120)) {
                switch random.next(14) {
                case 0...3:
                    let ticket = UInt64(invariants.asked.count + 1)
                    invariants.asked.insert(ticket)
                    let operations: [PluginOperation] = [.head(key), .prepare, .describe, .delete(key)]
                    happen(.ask(ticket, operations[random.next(operations.count)]))
                case 4: happen(.cancel(UInt64(1 + random.next(invariants.asked.count + 1))))
                case 5...7:
                    guard invariants.isRunning else { continue }
                    if !hasSpawned {
                        hasSpawned = true
                        happen(random.next(8) == 0 ? .spawnFailed(StorageError(.configuration, "x")) : .spawned)
                        if case .down = supervisor.phase { invariants.isRunning = false }
                        if case .spawning = supervisor.phase { hasSpawned = false }
                    } else if case .initializing(let id, _) = supervisor.phase {
                        let handshake = SupervisedPlugin.handshake(
                            version: random.next(8) == 0 ? 2 : 1,
                            concurrency: concurrency
                        )
                        happen(.received(.answer(id: id, .success(handshake))))
                    } else if let id = invariants.inFlight.randomElement(using: &random) {
                        invariants.inFlight.remove(id)
                        happen(.received(.answer(id: id, .success([:]))))
                    }
                case 8 where invariants.isRunning && hasSpawned:
                    happen(
                        .received(random.next(3) == 0 ? .fault(.request("x")) : .progress(id: Int64(random.next(20))))
                    )
                case 9 where invariants.isRunning && hasSpawned:
                    if random.next(2) == 0 { happen(.outputEnded) }
                    exit()
                case 10: now += .milliseconds(random.next(3000))
                case 11: now += .seconds(random.next(120))
                case 12:
                    if let deadline = supervisor.nextDeadline {
                        now = max(now, deadline)
                        happen(.tick)
                    }
                case 13 where random.next(60) == 0: happen(.shutDown)
                default: happen(.tick)
                }
            }
            // In the end everything comes to its end: the plugin dies whenever it runs.
            happen(.shutDown)
            if invariants.isRunning {
                if !hasSpawned { happen(.spawned) }
                exit()
            }
            #expect(
                invariants.breaches == [],
                "seed \(seed): \(history.suffix(12).map { "\($0)" }.joined(separator: "\n"))"
            )
            #expect(invariants.finished == invariants.asked, "seed \(seed)")
            #expect(supervisor.isAtRest && supervisor.nextDeadline == nil, "seed \(seed)")
            if !invariants.breaches.isEmpty { return }
        }
    }

    private struct Random: RandomNumberGenerator {
        var state: UInt64

        // SplitMix64.
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }

        mutating func next(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    }
}
