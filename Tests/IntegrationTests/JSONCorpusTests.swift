import Foundation
import JSON
import Testing

/// Valid, invalid and borderline JSON: the right answer to each text, and never a crash, silence or one too many.
@Suite(.timeLimit(.minutes(10))) struct JSONCorpusTests {
    private static let corpus = Result { try JSONCorpus() }

    @Test func everyTextIsAnsweredAsItIsWrittenBesideIt() async throws {
        let texts = try Self.corpus.get().texts
        try #require(texts.count > 350)
        try await check(texts) { klingd, bytes in klingd.send(bytes) }
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func soItIsInAnyOrderAndHoweverItArrives(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let texts = try Self.corpus.get().texts.shuffled(using: &random)
        var pending: [UInt8] = []
        try await check(texts) { klingd, bytes in
            pending += bytes
            // A long text in few pieces, for the sake of time.
            let longest = pending.count > 10_000 ? 4 << 20 : 50
            var start = 0
            while pending.count - start > 50 {
                let end = min(pending.count, start + Int.random(in: 1...longest, using: &random))
                klingd.send(Array(pending[start..<end]))
                start = end
            }
            pending.removeFirst(start)
        } finally: { klingd in
            klingd.send(pending)
        }
    }

    /// Sends all to one klingd, each with a request behind it whose answer tells where the next one's begin.
    private func check(
        _ texts: [JSONCorpus.Text],
        send: (KlingdProcess, [UInt8]) -> Void,
        finally: (KlingdProcess) -> Void = { _ in }
    ) async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            // Before the first line a byte order mark is dropped.
            klingd.send("")
            func mark(_ number: Int) -> String { #"{"jsonrpc":"2.0","id":"behind \#(number)","method":"corpus"}"# }
            for (number, text) in texts.enumerated() {
                send(klingd, text.request(number) + Array(mark(number).utf8) + [0x0A])
            }
            finally(klingd)
            // It lives, and answers what is asked of it.
            #expect(try await klingd.ask("server-info")["name"] == "klingd")
            klingd.closeInput()
            #expect(await klingd.exitCode() == 0)
            #expect(klingd.unfinishedLine == "")

            var answers: [[String]] = [[]]
            var late: [String: String] = [:]
            for line in klingd.lines {
                #expect((try? JSONSerialization.jsonObject(with: Data(line.utf8))) != nil, "\(line.prefix(200))")
                let id = JSONCorpus.summary(of: line).split(separator: " ", maxSplits: 1).last ?? ""
                if id.hasPrefix("\"behind ") {
                    #expect(id == "\"behind \(answers.count - 1)\"")
                    answers.append([])
                } else if id.hasPrefix("\"corpus ") {
                    #expect(late.updateValue(line, forKey: String(id)) == nil, "answered twice: \(line.prefix(200))")
                } else {
                    answers[answers.count - 1].append(line)
                }
            }
            try #require(answers.count == texts.count + 1)
            #expect(answers.last?.count == 1, "the last answer is the one to server-info")
            for (number, text) in texts.enumerated() {
                text.check(answers[number] + (late["\"corpus \(number)\""].map { [$0] } ?? []), number: number)
            }
            #expect(try await bench.bill()["creates_received"] == 0)
        }
    }
}

/// The same numbers in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
