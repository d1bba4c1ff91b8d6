import JSON
import JSONRPC
import Testing

@Suite struct OutboxTests {
    /// Takes everything that is there, in one go or many.
    private func drain(_ outbox: inout Outbox) -> [JSONValue] {
        var bytes: [UInt8] = []
        while !outbox.isEmpty {
            outbox.flush { block in
                bytes += block
                return block.count
            }
        }
        return lines(bytes)
    }

    private func lines(_ bytes: [UInt8]) -> [JSONValue] {
        bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast().compactMap {
            try? JSONValue.parse(Array($0))
        }
    }

    private func update(_ outbox: inout Outbox, subject: Int, sequence: Int, padding: Int = 0) {
        let padding = String(repeating: "x", count: padding)
        let text = #"{"subject":\#(subject),"sequence":\#(sequence),"padding":"\#(padding)"}"#
        outbox.update("\(subject)", Array(text.utf8))
    }

    private func answer(_ outbox: inout Outbox, _ number: Int, padding: Int = 0) {
        outbox.line { writer in
            writer.value([
                "answer": .integer(Int64(number)), "padding": .string(String(repeating: "y", count: padding)),
            ])
        }
    }

    @Test func aReaderThatKeepsUpGetsEveryUpdateInItsPlace() {
        var outbox = Outbox()
        for number in 0..<100 {
            update(&outbox, subject: 1, sequence: number)
            answer(&outbox, number)
        }
        let lines = drain(&outbox)
        #expect(lines.count == 200)
        for number in 0..<100 {
            #expect(lines[2 * number]["sequence"] == .integer(Int64(number)))
            #expect(lines[2 * number + 1]["answer"] == .integer(Int64(number)))
        }
    }

    @Test func aReaderThatLagsGetsTheNewestOfEachSubject() throws {
        var outbox = Outbox()
        answer(&outbox, 0, padding: 300 << 10)
        for sequence in 0..<50 { for subject in 0..<3 { update(&outbox, subject: subject, sequence: sequence) } }
        let lines = drain(&outbox)
        #expect(lines.count == 4)
        #expect(lines.dropFirst().map { $0["subject"] } == [0, 1, 2])
        #expect(lines.dropFirst().allSatisfy { $0["sequence"] == 49 })
    }

    @Test func memoryIsBoundedWhile100_000UpdatesOf10SubjectsAreQueued() {
        var outbox = Outbox()
        for sequence in 0..<10_000 {
            for subject in 0..<10 { update(&outbox, subject: subject, sequence: sequence, padding: 200) }
        }
        #expect(outbox.count < 300 << 10)
        var bytes = 0
        var newest: [Int64: Int64] = [:]
        while !outbox.isEmpty {
            outbox.flush { block in
                bytes += block.count
                for line in lines(Array(block)) {
                    guard let subject = line["subject"]?.integerValue, let sequence = line["sequence"]?.integerValue
                    else {
                        continue
                    }
                    #expect(sequence > newest[subject] ?? -1, "never back to an older state")
                    newest[subject] = sequence
                }
                return block.count
            }
        }
        #expect(bytes < 320 << 10)
        #expect(newest == Dictionary(uniqueKeysWithValues: (0..<10).map { ($0, 9999) }))
    }

    @Test func updatesFlowAgainOnceTheReaderHasCaughtUp() {
        var outbox = Outbox()
        answer(&outbox, 0, padding: 300 << 10)
        update(&outbox, subject: 1, sequence: 0)
        _ = drain(&outbox)
        for sequence in 1...3 { update(&outbox, subject: 1, sequence: sequence) }
        #expect(drain(&outbox).map { $0["sequence"] } == [1, 2, 3])
    }

    /// A reader that takes what it likes, when it likes.
    @Test(arguments: 0..<8 as Range<UInt64>) func answersAreNeverDroppedMergedOrReordered(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var outbox = Outbox()
        var bytes: [UInt8] = []
        func takeSome() {
            outbox.flush { block in
                let count = Int.random(in: 0...min(block.count, 64 << 10), using: &generator)
                bytes += block.prefix(count)
                return count
            }
        }
        for number in 0..<2000 {
            answer(&outbox, number, padding: Int.random(in: 0...2000, using: &generator))
            update(&outbox, subject: number % 7, sequence: number)
            if Int.random(in: 0..<20, using: &generator) == 0 { takeSome() }
        }
        while !outbox.isEmpty { takeSome() }
        let lines = lines(bytes)
        #expect(lines.compactMap { $0["answer"]?.integerValue } == (0..<2000).map(Int64.init))
        for subject in 0..<7 {
            let sequences = lines.filter { $0["subject"] == .integer(Int64(subject)) }.compactMap {
                $0["sequence"]?.integerValue
            }
            #expect(sequences == sequences.sorted())
            #expect(sequences.last == Int64((1993..<2000).first { $0 % 7 == subject } ?? -1))
        }
    }

    @Test func aLineThatWasNotWrittenLeavesNothing() {
        var outbox = Outbox()
        answer(&outbox, 1)
        outbox.lineIfWritten { writer in
            writer.beginArray()
            writer.integer(5)
            return false
        }
        answer(&outbox, 2)
        #expect(drain(&outbox).map { $0["answer"] } == [1, 2])
    }
}
