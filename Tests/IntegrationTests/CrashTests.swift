import Foundation
import JSON
import KlingSimulator
import Testing

/// Killed at any moment and started again, klingd loses nothing that is paid and pays nothing twice.
@Suite(.timeLimit(.minutes(10))) struct CrashTests {
    /// Every moment that klingd knows by name. After the one at which the last byte may be on its way, only a provider
    /// whose look-ups prove absence lets it send again by itself.
    private static let points = [
        "admitted", "send-begun", "last-byte", "last-byte-noted", "create-answered", "create-recorded", "looked-up",
        "image-fetched", "image-fetched:2", "image-stored", "image-stored:2", "image-recorded", "image-recorded:2",
        "sidecar-stored", "archived",
    ]

    @Test(arguments: Dialect.allCases, points)
    func killedAtAKnownMomentItGoesOnWhereItWas(dialect: Dialect, point: String) async throws {
        try await Bench.run({ $0.dialect = dialect }) { bench in
            // Only what is open is looked up before it is known.
            if point == "looked-up" { try await bench.fault(["on": "create", "kind": "taken_then_cut"]) }
            let killed = try bench.start(environment: ["KLINGD_CRASH_AT": point])
            killed.send(.request(1, "generate", ["prompt": "p", "n": 2, "wait_for": "stored"]))
            #expect(await killed.exitCode() == -SIGKILL)
            let wasTaken = !["admitted", "send-begun", "last-byte", "last-byte-noted"].contains(point)
            #expect(try await bench.paidTasks() == (wasTaken ? 1 : 0))

            let begin = Date()
            let klingd = try bench.start()
            let tasks = try await klingd.ask("list")["tasks"]?.arrayValue ?? []
            #expect(tasks.count == 1)
            let id = try #require(tasks.first?["id"])
            if point == "last-byte-noted", dialect == .cometapi {
                // Nothing here tells whether the provider has it.
                let task = try await klingd.ask("status", ["id": id, "wait_for": "stored", "wait_ms": 5000])
                #expect(task["state"] == "unresolved")
                #expect(task["charged"] == "unknown")
                #expect(try await bench.bill()["creates_received"] == 0)
                _ = try await klingd.ask("resolve", ["id": id, "resend": true])
            }
            try await bench.expectStored([klingd.end(of: id)])
            print("killed at \(point) (\(dialect)): stored \(-begin.timeIntervalSinceNow) s after the start")
            try await bench.expectPaidOnce(1)
        }
    }

    @Test(arguments: Dialect.allCases)
    func killedWithACreateOnTheWireItFindsWhatWasTaken(dialect: Dialect) async throws {
        try await Bench.run({ $0.dialect = dialect }) { bench in
            try await bench.fault(["on": "create", "kind": "delay", "delay_ms": 20_000])
            let killed = try bench.start()
            killed.send(.request(1, "generate", ["prompt": "p", "n": 2]))
            try await bench.bill { $0["creates_received"] == 1 }
            killed.signal(SIGKILL)
            #expect(await killed.exitCode() == -SIGKILL)
            #expect(killed.lines.allSatisfy { !$0.contains(#""id":1"#) }, "nobody was told of the task")

            let klingd = try bench.start()
            let id = try #require(try await klingd.ask("list")["tasks"]?[0]?["id"])
            try await bench.expectStored([klingd.end(of: id)])
            try await bench.expectPaidOnce(1)
        }
    }

    /// Somebody has put an older copy of the state folder back.
    @Test(arguments: Dialect.allCases)
    func anOlderCopyOfTheLedgerPaysNothingAgain(dialect: Dialect) async throws {
        try await Bench.run({ $0.dialect = dialect }) { bench in
            let killed = try bench.start(environment: ["KLINGD_CRASH_AT": "admitted"])
            killed.send(.request(1, "generate", ["prompt": "p"]))
            #expect(await killed.exitCode() == -SIGKILL)
            let copy = bench.folder.appendingPathComponent("copy")
            try FileManager.default.copyItem(at: bench.state, to: copy)

            let first = try bench.start()
            let id = try #require(try await first.ask("list")["tasks"]?[0]?["id"])
            let stored = try await first.end(of: id)
            first.closeInput()
            #expect(await first.exitCode() == 0)

            try FileManager.default.removeItem(at: bench.state)
            try FileManager.default.moveItem(at: copy, to: bench.state)
            let second = try bench.start()
            let again = try await second.ask("status", ["id": id, "wait_for": "stored", "wait_ms": 20_000])
            #expect(again["task_id"] == stored["task_id"])
            try await bench.expectStored([again])
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func aTaskWhoseProcessWasKilledIsTakenUpAtTheStart() async throws {
        try await Bench.run({ $0.timeScale = 1 }) { bench in
            let killed = try bench.start()
            let id = try #require(try await killed.ask("generate", ["prompt": "p"])["id"])
            let seen = try await killed.message { $0["params"]?["task"]?["state"] == "processing" }
            let before = seen["params"]?["task"]?["look_ups"]?.integerValue ?? 0
            killed.signal(SIGKILL)
            #expect(await killed.exitCode() == -SIGKILL)

            let begin = Date()
            let klingd = try bench.start()
            klingd.send(.request(1, "watch", ["id": id]))
            _ = try await klingd.message { message in
                (message["params"]?["task"]?["look_ups"]?.integerValue ?? 0) > before
            }
            let passed = -begin.timeIntervalSinceNow
            print("killed while processing: looked up by the next process \(passed) s after its start")
            // A dead process's tasks need not wait until its lease expires.
            #expect(passed < 5)
            try await bench.expectStored([klingd.end(of: id)])
            try await bench.expectPaidOnce(1)
        }
    }
}

/// One klingd after the other on one state folder, each killed at a random moment.
@Suite(.timeLimit(.minutes(40))) struct RandomKillTests {
    /// `KLINGD_LONG` is the number of kills; 1 stands for many.
    private static var kills: Int {
        guard let text = ProcessInfo.processInfo.environment["KLINGD_LONG"] else { return 12 }
        return Int(text).flatMap { $0 > 1 ? $0 : nil } ?? 300
    }

    /// The same numbers in every run (SplitMix64).
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
    }

    /// What a client that always has ten tasks under way remembers, whatever happens to its klingd.
    private struct Client {
        private(set) var keys: [String] = []
        private var unfinished: Set<String> = []
        private var ids: [String: JSONValue] = [:]

        /// Asks for what is not stored yet, under the same keys as before, and for as much more as makes ten.
        mutating func ask(_ klingd: KlingdProcess, more: Bool) {
            while more, unfinished.count < 10 {
                let key = "key-\(keys.count)"
                keys.append(key)
                unfinished.insert(key)
            }
            for key in keys where unfinished.contains(key) || !more { klingd.send(Self.request(key)) }
        }

        static func request(_ key: String) -> String {
            let params: JSONValue = [
                "prompt": .string("picture \(key)"), "idempotency_key": .string(key), "wait_for": "stored",
                "aspect_ratio": "1:1",
            ]
            return .request(.string(key), "generate", params)
        }

        /// Takes in what a klingd has said. A key has one id, for ever.
        mutating func note(_ messages: [JSONValue]) {
            for message in messages {
                #expect(message["error"] == nil, "\(message)")
                guard let task = message["result"] ?? message["params"]?["task"],
                    let key = task["idempotency_key"]?.stringValue, let id = task["id"]
                else { continue }
                #expect(ids[key, default: id] == id, "\(key) has two ids")
                ids[key] = id
                if task["state"] == "stored" { unfinished.remove(key) }
                #expect(task["state"] != "failed", "\(task)")
            }
        }
    }

    /// Returns at some moment within so long.
    private func someMoment(within milliseconds: Int, _ random: inout Random) async {
        let moment = DispatchTimeInterval.milliseconds(Int.random(in: 0...milliseconds, using: &random))
        await withCheckedContinuation { continuation in
            DispatchQueue.global().asyncAfter(deadline: .now() + moment) { continuation.resume() }
        }
    }

    @Test func nothingIsLostPaidTwiceOrLeftHalfDone() async throws {
        try await Bench.run({ ($0.dialect, $0.timeScale) = (.kling, 0.02) }) { bench in
            var random = Random(state: 20_261_125)
            var client = Client()
            for kill in 0..<Self.kills {
                switch kill % 4 {
                case 1: try await bench.fault(["on": "image", "kind": "partial_body", "times": 2])
                case 3: try await bench.fault(["on": "look_up", "kind": "status", "status": 500, "times": 2])
                default: break
                }
                let klingd = try bench.start()
                client.ask(klingd, more: true)
                // Often too short for a job, sometimes long enough for several.
                await someMoment(within: kill % 3 == 2 ? 6000 : 1500, &random)
                klingd.signal(SIGKILL)
                #expect(await klingd.exitCode() == -SIGKILL)
                client.note(klingd.messages)
            }
            try await bench.clearFaults()
            let last = try bench.start()
            client.ask(last, more: false)
            for key in client.keys { _ = try await last.response(to: .string(key)) }
            client.note(last.messages)
            var tasks: [JSONValue] = []
            for key in client.keys {
                tasks.append(try #require(try await last.response(to: .string(key))["result"]))
            }
            try await bench.expectStored(tasks)
            try await bench.expectPaidOnce(client.keys.count)
            #expect(
                try await last.ask("list", ["limit": 1000, "state": "stored"])["tasks"]?.arrayValue?.count
                    == min(1000, client.keys.count)
            )
            print("\(Self.kills) kills, \(client.keys.count) tasks: each paid once and stored")
        }
    }
}
