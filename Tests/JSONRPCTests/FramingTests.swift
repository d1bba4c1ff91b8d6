import JSON
import Testing

@testable import JSONRPC

@Suite(.timeLimit(.minutes(1))) @MainActor struct FramingTests {
    /// Shorter than the real one, so that a test sees the limit with little traffic.
    private static let smallLines = MessageParser(limits: JSONLimits(bytes: 100))

    @Test func aLineMayArriveByteByByte() throws {
        let peer = try Peer()
        for byte in Array(request("echo", params: #"{"text":"é汉😀"}"#).utf8) + [0x0A] { peer.send([byte]) }
        #expect(peer.line() == result(#"{"text":"é汉😀"}"#))
    }

    @Test func manyLinesMayArriveAtOnce() throws {
        let lines = (0..<500).map { request("echo", id: "\($0)") }
        let answers = try Peer().exchange(lines.joined(separator: "\n"))
        #expect(answers == (0..<500).map { result("{}", id: "\($0)") })
    }

    @Test(arguments: ["\r\n", "\n", "\n\n", "\n \t\n", "\r\n\r\n"])
    func whateverEndsALineTheAnswersEndInLFAlone(ending: String) throws {
        let lines = try Peer().exchange(Array((request("echo") + ending + request("echo", id: "2") + ending).utf8))
        #expect(lines == [result("{}"), result("{}", id: "2")])
    }

    @Test func onlyOneCRBelongsToTheEnding() throws {
        #expect(try Peer().exchange(Array("\r\n\r\r\n".utf8)) == [])
        // White space to JSON: the second CR does no harm.
        #expect(try Peer().exchange(Array((request("echo") + "\r\r\n").utf8)) == [result("{}")])
    }

    @Test func blankLinesAreSkippedSilently() throws {
        #expect(try Peer().exchange(Array("\n\n   \n\t\t\n \r\n\n".utf8)) == [])
    }

    @Test func aByteOrderMarkIsDroppedFromTheFirstLineOnly() throws {
        let peer = try Peer()
        let bom: [UInt8] = [0xEF, 0xBB, 0xBF]
        let line = Array(request("echo").utf8) + [0x0A]
        #expect(peer.exchange(bom + line) == [result("{}")])
        #expect(try response(peer.exchange(bom + line)).errorCode == -32700)
    }

    @Test func theLastLineNeedsNoLF() throws {
        let peer = try Peer()
        peer.send(request("echo") + "\n" + request("echo", id: "2"))
        peer.closeInput()
        #expect(peer.remainingLines() == [result("{}"), result("{}", id: "2")])
        #expect(peer.hasEnded())
    }

    @Test func aLineOf20MBIsRefusedAndTheNextOneServed() throws {
        let peer = try Peer()
        let line = Array(#"{"jsonrpc":"2.0","id":1,"method":"echo","params":["#.utf8)
        let answers = peer.exchange(line + [UInt8](repeating: 0x20, count: 20 << 20) + Array("]}\n".utf8))
        let error = try #require(try response(answers)["error"])
        #expect(error["code"] == -32600)
        #expect(error["data"]?["kind"] == "too_large")
        #expect(error["data"]?["limit"] == .integer(16 << 20))
    }

    @Test func aPictureOf10MBInBase64Fits() throws {
        let text = String(repeating: "iVBORw0K", count: (14 << 20) / 8)
        #expect(try Peer().exchange(request("echo", params: #"["\#(text)"]"#)) == [result(#"["\#(text)"]"#)])
    }

    @Test(arguments: ["\n", "\r\n"]) func aLineAtExactlyTheLimitIsServed(ending: String) throws {
        let peer = try Peer(parser: Self.smallLines)
        let line = request("echo")
        let padding = String(repeating: " ", count: 100 - line.utf8.count)
        #expect(peer.exchange(Array((line + padding + ending).utf8)) == [result("{}")])
        let answer = try response(peer.exchange(Array((line + padding + " " + ending).utf8)))
        #expect(answer.errorKind == "too_large")
        #expect(answer["id"] == .null)
    }

    @Test func theLimitHoldsForALineInPieces() throws {
        let peer = try Peer(parser: Self.smallLines)
        peer.send(String(repeating: "x", count: 102))
        #expect(try response([try #require(peer.line())]).errorKind == "too_large", "known before the line has ended")
        #expect(peer.exchange(Array("still the same line\n".utf8)) == [])
        #expect(peer.exchange(request("echo")) == [result("{}")])
    }

    @Test func anOverlongLastLineIsRefusedOnce() throws {
        let peer = try Peer(parser: Self.smallLines)
        peer.send(String(repeating: "x", count: 300))
        peer.closeInput()
        #expect(try response(peer.remainingLines()).errorKind == "too_large")
        #expect(peer.hasEnded())
    }

    /// However the stream is cut, the lines are the same.
    @Test(arguments: 0..<200 as Range<UInt64>) func linesDoNotDependOnHowTheyArrive(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let alphabet: [[UInt8]] = [[0x0A], [0x0D], [0x0D, 0x0A], [0x20], [0x61], [0xC3, 0xA9], [0xEF, 0xBB, 0xBF]]
        var stream: [UInt8] = Bool.random(using: &generator) ? [0xEF, 0xBB, 0xBF] : []
        while stream.count < 200 {
            for _ in 0..<Int.random(in: 0...10, using: &generator) { stream.append(0x61) }
            stream += alphabet.randomElement(using: &generator) ?? []
        }
        let whole = framed(stream, blocks: [stream.count])
        #expect(framed(stream, blocks: Array(repeating: 1, count: stream.count)) == whole)
        var blocks: [Int] = []
        while blocks.reduce(0, +) < stream.count {
            let left = stream.count - blocks.reduce(0, +)
            blocks.append(Int.random(in: 1...min(30, left), using: &generator))
        }
        #expect(framed(stream, blocks: blocks) == whole)
        #expect(framed(stream, blocks: blocks, pausing: true) == whole)
        #expect(framed(stream, blocks: [stream.count], pausing: true) == whole)
    }

    /// With `pausing` every line is the last one that is wanted for now.
    private func framed(_ stream: [UInt8], blocks: [Int], pausing: Bool = false) -> [[UInt8]?] {
        var framer = LineFramer(limit: 12)
        var lines: [[UInt8]?] = []
        func take(_ event: LineFramer.Event) {
            switch event {
            case .line(let line): lines.append(Array(line))
            case .tooLong: lines.append(nil)
            }
        }
        var position = 0
        for count in blocks {
            let end = position + count
            while position < end {
                let taken = stream[position..<end].withUnsafeBytes { block in
                    framer.receive(block) { event in
                        take(event)
                        return !pausing
                    }
                }
                position += taken
            }
        }
        framer.finish(take)
        return lines
    }

    /// Noise, and requests with a few bytes changed.
    @Test(arguments: 0..<8 as Range<UInt64>) func whateverComesInOnlyResponsesGoOut(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let peer = try Peer()
        let samples = [
            request("echo", id: #""a\u00e9""#, params: #"{"a":[1,2.5,true,null]}"#), request("later", params: "[]"),
            "[" + request("echo") + "," + notification("x") + "," + request("later", id: "2") + "]",
            notification("$/cancelRequest", params: #"{"id":1}"#), #"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        ]
        for _ in 0..<20 {
            var bytes: [UInt8] = []
            for _ in 0..<40 {
                if Bool.random(using: &generator) {
                    let count = Int.random(in: 0...60, using: &generator)
                    bytes += (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                } else {
                    var line = Array((samples.randomElement(using: &generator) ?? "").utf8)
                    for _ in 0..<Int.random(in: 0...3, using: &generator) {
                        let place = Int.random(in: 0..<line.count, using: &generator)
                        line[place] = UInt8.random(in: 0...255, using: &generator)
                    }
                    bytes += line
                }
                bytes.append(0x0A)
            }
            for line in peer.exchange(bytes) {
                let value = try JSONValue.parse(line)
                if case .array(let answers) = value {
                    #expect(!answers.isEmpty)
                    try answers.forEach(checkResponse)
                } else {
                    try checkResponse(value)
                }
            }
        }
    }
}
