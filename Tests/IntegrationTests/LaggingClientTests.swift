import Foundation
import JSON
import KlingSimulator
import Synchronization
import Testing

/// A client that reads late, or never: klingd neither grows, nor stops its work, nor forgets an answer.
@Suite(.timeLimit(.minutes(10))) struct LaggingClientTests {
    private static let isLong = ProcessInfo.processInfo.environment["KLINGD_LONG"] != nil

    @Test func tasksGoOnWhileNobodyReadsAndEveryAnswerWaitsForItsReader() async throws {
        try await Bench.run(taking: Bench.wholeRoom) { bench in
            // A debug build computes for a tenth of a second for each, the simulator included.
            let count = Self.isLong ? 500 : 200
            let (klingd, output) = try UnreadOutput.start(bench)
            for id in 1...count {
                let params: JSONValue = ["prompt": .string("unread \(id)"), "wait_for": "stored", "wait_ms": 600_000]
                klingd.send(.request(.integer(Int64(id)), "generate", params))
            }
            // An image and a sidecar each.
            try await wait(for: "all are stored", every: .seconds(1)) { bench.imageFiles.count == 2 * count }
            // Nobody has read anything, and the ledger knows them all as stored.
            let other = try bench.start()
            try await wait(for: "the ledger says so") {
                try await other.ask("list", ["state": "stored", "limit": 1000])["tasks"]?.arrayValue?.count == count
            }
            // Another minute, in which it has nothing to do and must not grow either.
            if Self.isLong { for _ in 0..<60 { await pause(.seconds(1)) } }
            let peak = try klingd.residentPeak()
            print("\(count) tasks, nothing read: \(peak >> 20) MiB")
            // A debug build that makes tasks at once has some 80 MiB; of each, an answer and an update of 1 KB wait.
            #expect(peak < 120 << 20, "\(peak >> 20) MiB")

            klingd.closeInput()
            let messages = try messages(in: await output.read())
            #expect(await klingd.exitCode() == 0)
            let answers = messages.filter { $0["id"] != nil }
            #expect(answers.compactMap { $0["id"]?.integerValue }.sorted() == (1...count).map(Int64.init))
            let tasks = answers.compactMap { $0["result"] }
            try await bench.expectStored(tasks)
            try await bench.expectPaidOnce(count)

            // What fits into the pipe and the first part of the outbox comes as it happened; then one for each task.
            let updates = messages.compactMap { $0["params"] }
            let shortest = try #require(updates.map { $0.description.utf8.count }.min())
            print("\(updates.count) updates of \(count) tasks")
            #expect(updates.count <= count + (64 + 256) << 10 / shortest)
            var newest: [String: JSONValue] = [:]
            for update in updates {
                let id = try #require(update["task"]?["id"]?.stringValue)
                let before = newest.updateValue(update, forKey: id)
                #expect(before?["seq"]?.integerValue ?? 0 < update["seq"]?.integerValue ?? 0)
            }
            #expect(newest.count == count)
            #expect(newest.values.allSatisfy { $0["task"]?["state"] == "stored" })
        }
    }

    /// When the client begins to read.
    enum Reading: CaseIterable {
        case meanwhile, afterwards
    }

    /// Who begins to read late goes on reading while it writes.
    @Test(arguments: isLong ? Reading.allCases : [.afterwards])
    func everyOneOf100_000PipelinedRequestsIsAnsweredOnce(moment: Reading) async throws {
        try await Bench.run(taking: Bench.wholeRoom) { bench in
            let count = 100_000
            let (klingd, output) = try UnreadOutput.start(bench)
            let sent = Atomic(0)
            let writer = Thread {
                for start in stride(from: 0, to: count, by: 500) {
                    klingd.send((start..<start + 500).map(Self.request).joined(separator: "\n"))
                    sent.store(start + 500, ordering: .relaxed)
                }
            }
            writer.start()
            if moment == .afterwards {
                // Everything stands still: the client in its write, klingd because nobody takes its answers.
                var before = (-1, -1)
                var standing = 0
                try await wait(for: "klingd reads no more") {
                    let now = (sent.load(ordering: .relaxed), try klingd.computingTime())
                    standing = now == before ? standing + 1 : 0
                    before = now
                    return standing == 10
                }
                let read = sent.load(ordering: .relaxed)
                print("\(read) requests were taken of a client that does not read")
                // 4 MiB of answers, the shortest of which has 150 bytes, and what waits in a pipe of 1 MiB.
                #expect(read < (5 << 20) / 150 + (1 << 20) / Self.request(1).utf8.count)
            }
            async let reading = output.read()
            try await wait(for: "all are written") { sent.load(ordering: .relaxed) == count }
            let peak = try klingd.residentPeak()
            print("100,000 requests, read \(moment): \(peak >> 20) MiB")
            // A debug build that answers in a hurry has some 70 MiB, with 4 MiB of answers; all of them are 22 MiB.
            #expect(peak < 90 << 20, "\(peak >> 20) MiB")
            klingd.closeInput()
            let answers = await reading
            #expect(await klingd.exitCode() == 0)

            var seen = [UInt8](repeating: 0, count: count)
            let prefix = Array(#"{"jsonrpc":"2.0","id":"#.utf8)
            forEachLine(of: answers) { line in
                guard line.starts(with: prefix), let start = line.baseAddress else {
                    Issue.record("no answer: \(String(decoding: line.prefix(200), as: UTF8.self))")
                    return
                }
                // The line goes on behind the number, so that the number ends within it.
                let id = strtol((start + prefix.count).assumingMemoryBound(to: CChar.self), nil, 10)
                if seen.indices.contains(id) { seen[id] &+= 1 }
            }
            let unanswered = seen.filter { $0 != 1 }.count
            #expect(unanswered == 0)
        }
    }

    /// Most are answered from memory, some by the ledger.
    private static func request(_ id: Int) -> String {
        guard id % 100 > 0 else { return #"{"jsonrpc":"2.0","id":\#(id),"method":"list"}"# }
        let absent = "0190a000-0000-7000-8000-000000000000"
        return #"{"jsonrpc":"2.0","id":\#(id),"method":"status","params":{"id":"\#(absent)"}}"#
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func aSignalEndsItInTimeAndTheNextOneStores(signal: Int32) async throws {
        try await Bench.run({ $0.timeScale = 0.2 }) { bench in
            let (klingd, output) = try UnreadOutput.start(bench)
            defer { output.close() }
            // More than the pipe takes.
            let long = String(repeating: "x", count: 400 << 10)
            klingd.send(.request(.string(long), "list", [:]))
            klingd.send(.request(1, "generate", ["prompt": "nobody reads", "wait_for": "stored"]))
            try await bench.bill { $0["creates_received"] == 1 }
            let begin = ContinuousClock.now
            klingd.signal(signal)
            #expect(await klingd.exitCode() == 0)
            let passed = ContinuousClock.now - begin
            print("signal \(signal), nothing read: ended after \(passed)")
            // 3.5 s, and what a busy machine needs besides.
            #expect(passed < .seconds(6))

            let next = try bench.start()
            let tasks = try await next.ask("list")["tasks"]?.arrayValue ?? []
            #expect(tasks.count == 1)
            try await bench.expectStored([next.end(of: #require(tasks.first?["id"]))])
            try await bench.expectPaidOnce(1)
        }
    }
}
