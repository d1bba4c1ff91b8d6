import Foundation
import JSON
import Testing

@testable import JSONRPC

@Suite(.timeLimit(.minutes(2))) @MainActor struct TransportTests {
    private let hold = request("hold", params: #"{"key":"a"}"#)

    // MARK: Kinds of descriptors

    @Test func pipesCarryRequestsAndAnswers() throws {
        let peer = try Peer(.pipes())
        #expect(peer.ask(request("echo")) == result("{}"))
        peer.closeInput()
        #expect(peer.line() == nil)
        #expect(peer.hasEnded())
    }

    @Test func oneSocketCarriesBothDirections() throws {
        let peer = try Peer(.socketPair())
        #expect(peer.ask(request("echo")) == result("{}"))
        peer.send(request("echo", id: "2"))
        // Only this side's half: the answers still have a reader.
        peer.closeInput()
        #expect(peer.remainingLines() == [result("{}", id: "2")])
        #expect(peer.hasEnded())
    }

    @Test func aRegularFileIsReadToItsEnd() throws {
        let count = 5000
        let file = try temporaryFile((0..<count).map { request("echo", id: "\($0)") }.joined(separator: "\n"))
        let peer = try Peer(.reading(file))
        #expect(peer.remainingLines() == (0..<count).map { result("{}", id: "\($0)") })
        #expect(peer.hasEnded())
    }

    @Test func answersMayGoToARegularFile() throws {
        let output = try temporaryFile("before\n")
        lseek(output, 0, SEEK_END)
        let copy = dup(output)
        defer { close(copy) }
        let peer = try Peer(.writing(output))
        peer.send(request("echo") + "\n" + request("later", id: "2") + "\n")
        peer.closeInput()
        #expect(peer.hasEnded())
        #expect(contents(copy) == "before\n" + result("{}") + "\n" + result("{}", id: "2") + "\n")
    }

    @Test func anEmptyInputEndsAtOnce() throws {
        let peer = try Peer(.reading(open("/dev/null", O_RDONLY)))
        #expect(peer.remainingLines() == [])
        #expect(peer.hasEnded())
    }

    @Test func answersMayGoNowhere() throws {
        let peer = try Peer(.writing(open("/dev/null", O_WRONLY)))
        peer.send(request("echo") + "\n" + notification("note") + "\n")
        peer.closeInput()
        #expect(peer.hasEnded())
        #expect(peer.handler.notifications.map(\.method) == ["note"])
    }

    @Test func aProcessWithoutInputEndsAtOnce() throws {
        let peer = try Peer(.reading(nil))
        #expect(peer.line() == nil)
        #expect(peer.hasEnded())
    }

    @Test func aProcessWithoutOutputEndsAtOnce() throws {
        let peer = try Peer(.writing(nil))
        #expect(peer.hasEnded())
    }

    #if os(Linux)
        @Test func aTerminalCarriesBothDirectionsUntilItHangsUp() throws {
            let peer = try Peer(.terminal())
            #expect(peer.ask(request("echo")) == result("{}"))
            peer.closeOutput()
            #expect(peer.hasEnded())
        }
    #endif

    @Test(arguments: ["pipes", "socket", "terminal"]) func theFlagsThatTheParentSharesAreLeftAlone(kind: String) throws
    {
        var wires: Wires
        switch kind {
        case "socket": wires = try .socketPair()
        #if os(Linux)
            case "terminal": wires = try .terminal()
        #endif
        default: wires = try .pipes()
        }
        // As a parent has them: other descriptors of the same open files.
        let shared = [wires.input, wires.output].compactMap { $0.map { dup($0) } }
        defer { for descriptor in shared { close(descriptor) } }
        let before = shared.map { fcntl($0, F_GETFL) }
        #expect(before.allSatisfy { $0 & O_NONBLOCK == 0 })
        let peer = try Peer(wires)
        #expect(peer.ask(request("echo")) == result("{}"))
        #expect(shared.map { fcntl($0, F_GETFL) } == before)
        peer.interruption.request()
        #expect(peer.hasEnded())
        #expect(shared.map { fcntl($0, F_GETFL) } == before)
    }

    // MARK: The end of the input

    @Test func drainingSeesPendingRequestsToTheirEnd() throws {
        let peer = try Peer(endOfInput: .drain)
        peer.send(hold + "\n" + request("echo", id: "2") + "\n")
        #expect(peer.line() == result("{}", id: "2"))
        peer.closeInput()
        peer.handler.release("a")
        #expect(peer.remainingLines() == [result(#""released""#)])
        #expect(peer.hasEnded())
    }

    @Test func detachingAnswersPendingRequestsAtOnce() throws {
        let peer = try Peer(endOfInput: .detach)
        peer.send(hold + "\n" + request("hold", id: "2", params: #"{"key":"b"}"#))
        peer.closeInput()
        #expect(Set(peer.remainingLines()) == [result(#""cancelled""#), result(#""cancelled""#, id: "2")])
        #expect(peer.hasEnded())
    }

    @Test func drainingGoesOnForABatch() throws {
        let peer = try Peer()
        #expect(peer.exchange("[" + hold + "," + request("later", id: "2") + "]") == [])
        peer.closeInput()
        peer.handler.release("a")
        #expect(peer.remainingLines() == ["[" + result(#""released""#) + "," + result("{}", id: "2") + "]"])
    }

    // MARK: The end of the output

    @Test(arguments: ["pipes", "socket"]) func aReaderThatGoesAwayEndsTheConnection(kind: String) throws {
        let peer = try Peer(kind == "socket" ? .socketPair() : .pipes())
        #expect(peer.ask(request("echo")) == result("{}"))
        peer.closeOutput()
        #expect(peer.hasEnded())
    }

    @Test func aReaderThatGoesAwayEndsWhatIsPending() throws {
        let peer = try Peer()
        #expect(peer.exchange(hold) == [])
        peer.closeOutput()
        #expect(peer.hasEnded())
    }

    @Test func whatIsAskedWhileTheReaderGoesAwayIsNotWaitedFor() throws {
        let wires = try Wires.pipes()
        write(wires.testWrites, hold + "\n", hold.utf8.count + 1)
        close(wires.testReads)
        var unread = wires
        unread.testReads = -1
        // Both are there when the loop looks for the first time.
        let peer = try Peer(unread)
        #expect(peer.hasEnded())
    }

    // MARK: A reader that lags

    @Test(arguments: ["pipes", "socket"])
    func readingPausesUntilTheAnswersAreRead(kind: String) async throws {
        let peer = try Peer(kind == "socket" ? .socketPair() : .pipes())
        let padding = String(repeating: "p", count: 4000)
        var count = 0
        while true {
            // In this order: once input is not welcome it stays so, and then the wire fills up for good.
            let isWelcome = await peer.connection.wantsInput
            let isWritable = peer.inputTakesMore
            guard isWritable || isWelcome else { break }
            guard isWritable else { continue }
            try #require(count < 10_000, "40 MB were read while nobody reads the answers")
            // Not beyond PIPE_BUF, so that it fits in as a whole.
            peer.send(request("echo", id: "\(count)", params: #"["\#(padding)"]"#) + "\n")
            count += 1
        }
        #expect(count * padding.utf8.count > 4 << 20)
        // Many turns of the loop later nothing more has been read.
        for _ in 0..<500 { _ = await peer.connection.wantsInput }
        #expect(!peer.inputTakesMore)
        for number in 0..<count { #expect(peer.line() == result(#"["\#(padding)"]"#, id: "\(number)")) }
        #expect(peer.ask(request("echo")) == result("{}"), "and reading goes on")
    }

    @Test func readingPausesWhileTooManyRequestsArePending() async throws {
        let peer = try Peer()
        var count = 0
        while await peer.connection.wantsInput {
            try #require(count < 2 * ConnectionState.pendingLimit)
            peer.send(request("hold", id: "\(count)", params: #"{"key":"\#(count)"}"#) + "\n")
            count += 1
        }
        #expect(count >= ConnectionState.pendingLimit)
        for number in 0..<count { peer.handler.release("\(number)") }
        var answered: Set<String> = []
        for _ in 0..<count { answered.insert(peer.line() ?? "") }
        let isComplete = answered == Set((0..<count).map { result(#""released""#, id: "\($0)") })
        #expect(isComplete)
        #expect(peer.exchange(request("echo", id: "0")) == [result("{}", id: "0")])
    }

    /// How the input of many requests in one block goes on.
    enum Afterwards: CaseIterable {
        case open, ended, interrupted
    }

    @Test(arguments: ["echoes", "batches"], Afterwards.allCases)
    func oneBlockDoesNotPileUpAnswers(kind: String, afterwards: Afterwards) async throws {
        let peer = try Peer()
        // 2 KB in one block ask for 10 MB: a connection that only looked between blocks would hold them all.
        let count = 40
        peer.send(
            (0..<count).map {
                let asked = request("swell", id: "\($0)")
                return kind == "batches" ? "[\(asked)]" : asked
            }.joined(separator: "\n")
        )
        let ending = afterwards == .ended ? "" : "\n"
        peer.send(ending)
        while await peer.connection.outputCount < Outbox.limit, !Task.isCancelled {}
        switch afterwards {
        case .open: break
        case .ended: peer.closeInput()
        case .interrupted: peer.interruption.request()
        }
        // Many turns of the loop later it is still so.
        for _ in 0..<500 {
            let waiting = await peer.connection.outputCount
            #expect(waiting <= Outbox.limit + ScriptedHandler.swollen.utf8.count + 100)
        }
        for number in 0..<count {
            let answer = result(#""\#(ScriptedHandler.swollen)""#, id: "\(number)")
            let isAnswer = peer.line() == (kind == "batches" ? "[\(answer)]" : answer)
            try #require(isAnswer, "\(number)")
        }
        guard afterwards == .open else {
            #expect(peer.line() == nil)
            #expect(peer.hasEnded())
            return
        }
        #expect(peer.ask(request("echo")) == result("{}"), "and reading goes on")
    }

    @Test func answersThatWaitForTheirBatchCountToo() async throws {
        let peer = try Peer()
        let batches = 40
        let held = (0..<batches).map {
            "[" + request("swell", id: "\(2 * $0)") + "," + request("hold", id: "\(2 * $0 + 1)") + "]\n"
        }
        peer.send(held.joined())
        while await peer.connection.wantsInput, !Task.isCancelled {}
        #expect(await peer.connection.pendingCount <= Outbox.limit / ScriptedHandler.swollen.utf8.count + 1)
        peer.interruption.request()
        #expect(peer.remainingLines().count == batches)
        #expect(peer.hasEnded())
    }

    @Test(arguments: StdioTransport.EndOfInput.allCases)
    func oneBlockDoesNotStartTooManyRequests(endOfInput: StdioTransport.EndOfInput) async throws {
        let limit = ConnectionState.pendingLimit
        let count = limit + 200
        // Short enough to come as one block.
        let lines = (0..<count).map { #"{"jsonrpc":"2.0","id":\#($0),"method":"hold"}"# }.joined(separator: "\n")
        try #require(lines.utf8.count < 64 << 10)
        let peer = try Peer(endOfInput: endOfInput)
        peer.send(lines)
        while await peer.connection.wantsInput, !Task.isCancelled {}
        #expect(await peer.connection.pendingCount == limit)
        peer.closeInput()
        #expect(await peer.connection.pendingCount == limit)
        peer.interruption.request()
        let isComplete = Set(peer.remainingLines()) == Set((0..<count).map { result(#""cancelled""#, id: "\($0)") })
        #expect(isComplete)
        #expect(peer.hasEnded())
    }

    // MARK: Interruption

    @Test func anInterruptionEndsAnIdleConnection() throws {
        let peer = try Peer()
        #expect(peer.ask(request("echo")) == result("{}"))
        #expect(peer.interruption.request())
        #expect(!peer.interruption.request(), "only the first request is the first")
        #expect(peer.line() == nil)
        #expect(peer.hasEnded())
    }

    @Test func anInterruptionAnswersWhatIsPending() throws {
        let peer = try Peer()
        #expect(peer.exchange(hold) == [])
        peer.interruption.request()
        #expect(peer.remainingLines() == [result(#""cancelled""#)])
        #expect(peer.hasEnded())
    }

    @Test func anInterruptionEndsTheWaitsOfADrain() throws {
        let peer = try Peer()
        #expect(peer.exchange(hold) == [])
        peer.closeInput()
        peer.interruption.request()
        #expect(peer.remainingLines() == [result(#""cancelled""#)])
        #expect(peer.hasEnded())
    }

    @Test func givingUpDropsWhatNobodyReads() async throws {
        let peer = try Peer()
        let padding = String(repeating: "p", count: 1 << 20)
        peer.send(request("echo", params: #"["\#(padding)"]"#) + "\n")
        // More than the pipe takes, so that it stays so.
        while await !peer.connection.hasOutput {}
        peer.interruption.request()
        peer.interruption.giveUp()
        #expect(peer.hasEnded())
    }

    // MARK: Helpers

    /// An open file that has no name any more, at its beginning.
    private func temporaryFile(_ text: String) throws -> Int32 {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-\(UUID())").path
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
        try #require(descriptor >= 0)
        unlink(path)
        try #require(write(descriptor, text, text.utf8.count) == text.utf8.count)
        lseek(descriptor, 0, SEEK_SET)
        return descriptor
    }

    private func contents(_ descriptor: Int32) -> String {
        lseek(descriptor, 0, SEEK_SET)
        return String(decoding: FileHandle(fileDescriptor: descriptor).availableData, as: UTF8.self)
    }
}
