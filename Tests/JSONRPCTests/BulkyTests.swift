import JSON
import Testing

@testable import JSONRPC

/// Requests whose answers may be large.
@Suite(.timeLimit(.minutes(1))) @MainActor struct BulkyTests {
    private let bulkLength = ScriptedHandler.swollen.utf8.count

    @Test func aClientThatDoesNotReadIsOwedNoMoreThanTheOutboxHoldsAndGetsAllOnceItReads() async throws {
        let peer = try Peer()
        let count = 60
        peer.send((0..<count).map { request("bulk", id: "\($0)") + "\n" }.joined())
        while await peer.connection.outputCount < Outbox.limit, !Task.isCancelled {}
        for _ in 0..<500 {
            let waiting = await peer.connection.outputCount
            #expect(waiting <= Outbox.limit + bulkLength + 100)
        }
        for number in 0..<count {
            let isAnswer = peer.line() == result(#""\#(ScriptedHandler.swollen)""#, id: "\(number)")
            try #require(isAnswer, "\(number)")
        }
    }

    @Test func theyRunOneAfterTheOtherAndOthersPassThem() throws {
        let peer = try Peer()
        let first = request("bulky-hold", id: "1", params: #"{"key":"a"}"#)
        #expect(peer.exchange(first + "\n" + request("bulk", id: "2")) == [])
        let answer = peer.ask(notification("release", params: #"{"key":"a"}"#))
        #expect(answer == result(#""released""#))
        #expect(peer.line()?.hasPrefix(#"{"jsonrpc":"2.0","id":2,"result""#) == true)
    }

    @Test func oneThatIsCancelledBeforeItsTurnIsAnsweredInIt() throws {
        let peer = try Peer()
        let held = ["a", "b"].map { request("bulky-hold", id: "\"\($0)\"", params: #"{"key":"\#($0)"}"#) }
        #expect(peer.exchange(held.joined(separator: "\n")) == [])
        #expect(peer.exchange(notification("$/cancelRequest", params: #"{"id":"b"}"#)) == [])
        #expect(peer.ask(notification("release", params: #"{"key":"a"}"#)) == result(#""released""#, id: #""a""#))
        #expect(peer.line() == result(#""cancelled""#, id: #""b""#))
    }

    @Test func anInterruptionAnswersThoseThatWaitForTheirTurn() throws {
        let peer = try Peer()
        let held = (0..<20).map { request("bulky-hold", id: "\($0)", params: #"{"key":"\#($0)"}"#) }
        #expect(peer.exchange(held.joined(separator: "\n")) == [])
        peer.interruption.request()
        #expect(peer.remainingLines() == (0..<20).map { result(#""cancelled""#, id: "\($0)") })
        #expect(peer.hasEnded())
    }

    @Test func aReaderThatGoesAwayIsTheEndOfThoseThatWait() throws {
        let peer = try Peer()
        let held = (0..<20).map { request("bulky-hold", id: "\($0)", params: #"{"key":"\#($0)"}"#) }
        #expect(peer.exchange(held.joined(separator: "\n")) == [])
        peer.closeOutput()
        #expect(peer.hasEnded())
    }

    @Test func whatABatchAsksBeyondItsBoundIsAnErrorAndTheRestIsAnswered() throws {
        let peer = try Peer()
        let bulks = (0..<70).map { request("bulk", id: "\($0)") } + [request("echo", id: "70")]
        let last = try #require(peer.ask("[" + bulks.joined(separator: ",") + "]"))
        let answers = try batchResponses([last])
        let fitting = ConnectionState.bulkyBatchLimit / (bulkLength + 2)
        #expect(answers.map { $0["id"]?.integerValue } == (0...70).map(Int64.init))
        #expect(answers.map(\.errorKind) == (0...70).map { fitting..<70 ~= $0 ? "too_large" : nil })
        #expect(answers[69].errorCode == -32600)
    }
}
