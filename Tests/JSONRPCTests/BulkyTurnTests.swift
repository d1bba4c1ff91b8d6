import Foundation
import JSON
import JSONRPC
import Testing

/// Whose turn it is among the requests whose answers may be large, by the rules alone.
@Suite(.timeLimit(.minutes(1))) struct BulkyTurnTests {
    private static let limit = Outbox.limit

    @Test func theyRunOneAfterTheOtherInTheirOrderAndOthersBesidesThem() async throws {
        var machine = Machine()
        await machine.send(ask("bulk 1"), ask("wait 1"), ask("bulk 2"), ask("wait 2"), ask("bulk 3"))
        machine.expectRunning("bulk 1", "wait 1", "wait 2")
        try await machine.answer("bulk 1")
        machine.expectRunning("wait 1", "wait 2", "bulk 2")
        try await machine.answer("bulk 2")
        machine.expectRunning("wait 1", "wait 2", "bulk 3")
    }

    @Test func noneStartsWhile4MiBWaitForTheClient() async throws {
        var machine = Machine()
        await machine.send(ask("bulk 1"), ask("bulk 2"), ask("bulk 3"))
        try await machine.answer("bulk 1", bytes: Self.limit)
        machine.expectRunning()
        await machine.takeOutput(1000)
        machine.expectRunning("bulk 2")
        try await machine.answer("bulk 2", bytes: Self.limit)
        machine.expectRunning()
        await machine.takeOutput()
        machine.expectRunning("bulk 3")
    }

    /// What an earlier batch holds is as good as in the outbox: it misses nothing that stands behind this request.
    @Test func whatABatchThatCameEarlierHoldsCountsToo() async throws {
        var machine = Machine()
        await machine.send(batch("wait 1", "wait 2"), ask("bulk 1"), ask("bulk 2"))
        try await machine.answer("wait 1", bytes: Self.limit)
        try await machine.answer("bulk 1")
        machine.expectRunning("wait 2")
        await machine.takeOutput()
        machine.expectRunning("wait 2")
        try await machine.answer("wait 2")
        machine.expectRunning()
        await machine.takeOutput()
        machine.expectRunning("bulk 2")
    }

    @Test func itCountsForTheBulkyRequestsOfALaterBatchAsWell() async throws {
        var machine = Machine()
        await machine.send(batch("wait 1", "wait 2"), batch("bulk 1", "bulk 2"))
        try await machine.answer("wait 1", bytes: Self.limit)
        try await machine.answer("bulk 1")
        machine.expectRunning("wait 2")
        try await machine.answer("wait 2")
        await machine.takeOutput()
        machine.expectRunning("bulk 2")
    }

    /// A later batch may miss what stands behind this request: each would wait for the other for ever.
    @Test func whatALaterBatchHoldsDoesNotCount() async throws {
        var machine = Machine()
        await machine.send(ask("bulk 1"), ask("bulk 2"), batch("bulk 3", "wait 1"))
        try await machine.answer("wait 1", bytes: Self.limit)
        try await machine.answer("bulk 1")
        machine.expectRunning("bulk 2")
        try await machine.answer("bulk 2")
        await machine.takeOutput()
        machine.expectRunning("bulk 3")
        try await machine.answer("bulk 3")
        await machine.takeOutput()
        #expect(try machine.idsRead() == ["bulk 1", "bulk 2", "[bulk 3 wait 1]"])
    }

    @Test func norDoesWhatItsOwnBatchHolds() async throws {
        var machine = Machine()
        await machine.send(batch("swell", "bulk 1", "bulk 2"))
        machine.expectRunning("bulk 1")
        try await machine.answer("bulk 1", bytes: Self.limit)
        machine.expectRunning("bulk 2")
        try await machine.answer("bulk 2")
        await machine.takeOutput()
        #expect(try machine.idsRead() == ["[swell bulk 1 bulk 2]"])
    }

    @Test func eachBatchHasABoundOfItsOwn() async throws {
        var machine = Machine()
        let half = ConnectionState.bulkyBatchLimit / 2
        await machine.send(batch("bulk 1", "bulk 2", "bulk 3"), batch("bulk 4"), ask("bulk 5"))
        for number in 1...5 {
            await machine.takeOutput()
            try await machine.answer("bulk \(number)", bytes: number == 3 ? 10 : half)
        }
        await machine.takeOutput()
        #expect(try machine.idsRead() == ["[bulk 1 bulk 2 bulk 3!]", "[bulk 4]", "bulk 5"])
    }

    @Test func oneThatIsCancelledBeforeItsTurnIsToldSoWhenItStarts() async throws {
        var machine = Machine()
        await machine.send(ask("bulk 1"), ask("bulk 2"), notification("$/cancelRequest", params: #"{"id":"bulk 2"}"#))
        machine.expectRunning("bulk 1")
        #expect(machine.cancelled == [])
        try await machine.answer("bulk 1")
        machine.expectRunning("bulk 2")
        #expect(machine.cancelled == ["bulk 2"])
    }

    @Test func whatIsForgottenNeverStarts() async throws {
        var machine = Machine()
        await machine.send(ask("bulk 1"), ask("bulk 2"))
        machine.forgetWaiting()
        try await machine.answer("bulk 1")
        machine.expectRunning()
    }

    /// Whatever the mixture: a client that reads gets everything, and no more piles up than the rules allow.
    @Test(arguments: 0..<10 as Range<UInt64>) func nobodyWaitsForEver(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        var machine = Machine()
        var asked: [String] = []
        for number in 0..<40 {
            func name() -> String {
                let kind = ["bulk", "wait"].randomElement(using: &generator) ?? "bulk"
                asked.append("\(kind)-\(asked.count)")
                return asked.last ?? ""
            }
            if number % 3 == 0 {
                let names = (0..<Int.random(in: 1...4, using: &generator)).map { _ in name() }
                await machine.send("[" + names.map(ask).joined(separator: ",") + "]")
            } else {
                await machine.send(ask(name()))
            }
        }
        var turns = 0
        while !machine.running.isEmpty || machine.waitingForClient > 0 {
            #expect(machine.running.filter { $0.name.hasPrefix("bulk") }.count <= 1)
            if machine.running.isEmpty || Int.random(in: 0..<4, using: &generator) == 0 {
                await machine.takeOutput(Int.random(in: 1...(2 * Self.limit), using: &generator))
            } else if let next = machine.running.randomElement(using: &generator) {
                let isLarge = Int.random(in: 0..<10, using: &generator) == 0
                try await machine.answer(next.name, bytes: isLarge ? Self.limit / 2 : 10)
            }
            turns += 1
            try #require(turns < 10_000)
        }
        let answered = try machine.idsRead().joined(separator: " ").split { " []!".contains($0) }
        #expect(answered.map(String.init).sorted() == asked.sorted())
    }

    private func ask(_ name: String) -> String { request(name, id: #""\#(name)""#) }

    private func batch(_ names: String...) -> String { "[" + names.map(ask).joined(separator: ",") + "]" }
}

/// A connection whose test decides when a request has been answered and how much the client reads.
private struct Machine: ~Copyable {
    private var state = ConnectionState()
    private var kept: [UInt8] = []
    private var read: [UInt8] = []
    /// What has been started and not answered, in the order of the start.
    private(set) var running: [(serial: ConnectionState.Serial, name: String)] = []
    private(set) var cancelled: [String] = []

    var waitingForClient: Int { state.outbox.count }

    func expectRunning(_ names: String..., sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(running.map(\.name) == names, sourceLocation: sourceLocation)
    }

    /// Sends lines. A method begins with `bulk` or `wait`, or is `swell`, which is answered at once with 4 MiB.
    mutating func send(_ lines: String...) async {
        kept += lines.joined(separator: "\n").utf8 + [0x0A]
        await goOn()
    }

    mutating func answer(_ name: String, bytes: Int = 10) async throws {
        let place = try #require(running.firstIndex { $0.name == name }, "\(name) does not run")
        state.answer(running.remove(at: place).serial, .success(RPCResult { $0.filler(bytes) }))
        await goOn()
    }

    /// The client takes everything, or the first so many bytes.
    mutating func takeOutput(_ bytes: Int = .max) async {
        var left = bytes
        while state.outbox.count > 0, left > 0 {
            var more: [UInt8] = []
            state.outbox.flush { block in
                let taken = UnsafeRawBufferPointer(rebasing: block.prefix(left))
                more.append(contentsOf: taken)
                return taken.count
            }
            left -= more.count
            read += more
        }
        await goOn()
    }

    mutating func forgetWaiting() { state.forgetWaiting() }

    /// The ids of the answers that the client has taken, those of a batch in brackets, errors with an exclamation mark.
    func idsRead() throws -> [String] {
        try lines().map { line in
            let message = try JSONValue.parse(line, limits: JSONLimits(bytes: 64 << 20))
            func id(_ answer: JSONValue) -> String {
                (answer["id"]?.stringValue ?? "?") + (answer["error"] == nil ? "" : "!")
            }
            guard let answers = message.arrayValue else { return id(message) }
            return "[" + answers.map(id).joined(separator: " ") + "]"
        }
    }

    /// By memchr, since there are megabytes.
    private func lines() -> [[UInt8]] {
        read.withUnsafeBytes { bytes in
            var lines: [[UInt8]] = []
            var rest = bytes[...]
            while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress,
                let end = memchr(start, 0x0A, rest.count)
            {
                let count = start.distance(to: end)
                lines.append(Array(UnsafeRawBufferPointer(start: start, count: count)))
                rest = rest.dropFirst(count + 1)
            }
            return lines
        }
    }

    private mutating func goOn() async {
        var events: [ConnectionState.Event] = []
        state.startWaiting { events.append($0) }
        while state.hasRoom, !kept.isEmpty {
            let taken = kept.withUnsafeBytes { block in
                state.receive(block, handle: Self.handle, emit: { events.append($0) })
            }
            kept.removeFirst(taken)
        }
        for event in events {
            switch event {
            case .started(let serial, let operation):
                // An operation's result is its name.
                guard case .success(let name) = await operation() else { continue }
                running.append((serial, String(decoding: name.text, as: UTF8.self)))
            case .cancel(let serial): cancelled += running.filter { $0.serial == serial }.map(\.name)
            case .notification, .response, .ignored: break
            }
        }
    }

    private static func handle(_ request: Request, _ writer: inout JSONWriter) -> Handling {
        guard request.method != "swell" else {
            writer.filler(Outbox.limit)
            return .written
        }
        let name = Array(request.method.utf8)
        let operation: @Sendable () async -> Result<RPCResult, RPCError> = {
            .success(RPCResult { writer in name.withUnsafeBytes { writer.raw($0) } })
        }
        return request.method.hasPrefix("bulk") ? .bulky(operation) : .pending(operation)
    }
}

extension JSONWriter {
    /// A string of so many bytes, without the time that escaping takes.
    fileprivate mutating func filler(_ bytes: Int) {
        let quote = UInt8(ascii: "\"")
        let text = [quote] + [UInt8](repeating: UInt8(ascii: "s"), count: max(0, bytes - 2)) + [quote]
        text.withUnsafeBytes { raw($0) }
    }
}
