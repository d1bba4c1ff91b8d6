import JSON
import Testing

@testable import JSONRPC

/// The connection asks: "relay" hands the other side's answer on as its own.
@Suite(.timeLimit(.minutes(1))) @MainActor struct ClientTests {
    private func work(id: Int, params: String) -> String { request("work", id: "\(id)", params: params) }

    @Test func aCallGetsItsResult() throws {
        let peer = try Peer()
        let asked = peer.ask(request("relay", id: #""a""#, params: #"{"n":1}"#))
        #expect(asked == work(id: 1, params: #"{"n":1}"#))
        #expect(peer.ask(result(#"{"done":[1,2]}"#)) == result(#"{"done":[1,2]}"#, id: #""a""#))
    }

    @Test func aCallGetsItsError() throws {
        let peer = try Peer()
        #expect(peer.ask(request("relay", id: "9")) == work(id: 1, params: "{}"))
        let error = #""error":{"code":-5,"message":"no","data":{"kind":"x"}}"#
        #expect(peer.ask(#"{"jsonrpc":"2.0","id":1,\#(error)}"#) == #"{"jsonrpc":"2.0","id":9,\#(error)}"#)
    }

    @Test func callsAreAnsweredInWhateverOrder() throws {
        let peer = try Peer()
        #expect(peer.ask(request("relay", id: #""a""#)) == work(id: 1, params: "{}"))
        #expect(peer.ask(request("relay", id: #""b""#)) == work(id: 2, params: "{}"))
        #expect(peer.ask(result("2", id: "2")) == result("2", id: #""b""#))
        #expect(peer.ask(result("1", id: "1")) == result("1", id: #""a""#))
    }

    @Test(arguments: [#""1""#, "7", "1.0", "null"]) func aResponseUnderAnotherIDIsNotTheAnswer(id: String) throws {
        let peer = try Peer()
        _ = peer.ask(request("relay", id: "5"))
        #expect(peer.exchange(result("0", id: id)) == [])
        #expect(peer.handler.logged.count == 1)
        #expect(peer.ask(result("1")) == result("1", id: "5"))
        #expect(peer.exchange(result("1")) == [], "answered once only")
    }

    /// Nobody would answer it again: without an error the caller would wait for ever.
    @Test(arguments: [#"{"a":1,"a":2}"#, "1e999", "9223372036854775808"])
    func aResultBeyondOurLimitsIsAnError(text: String) throws {
        let peer = try Peer()
        _ = peer.ask(request("relay", id: "5"))
        let answer = try response([try #require(peer.ask(result(text)))])
        #expect(answer["id"] == 5)
        #expect(answer["error"] != nil)
    }

    @Test func aCallEndsWithAnErrorWhenTheInputEnds() throws {
        let peer = try Peer()
        _ = peer.ask(request("relay", id: "5"))
        peer.closeInput()
        let answer = try response(peer.remainingLines())
        #expect(answer["id"] == 5)
        #expect(answer.errorCode == 10_000)
        #expect(peer.hasEnded())
    }

    @Test func aCallMadeAfterTheInputHasEndedFailsAtOnce() throws {
        let peer = try Peer()
        // The last line is served when the end of the input is seen.
        peer.send(request("relay", id: "5"))
        peer.closeInput()
        let answer = try response(peer.remainingLines().filter { !$0.contains("work") })
        #expect(answer["id"] == 5)
        #expect(answer.errorCode == 10_000)
        #expect(peer.hasEnded())
    }

    @Test func aCallEndsWhenNobodyReads() throws {
        let peer = try Peer()
        _ = peer.ask(request("relay", id: "5"))
        peer.closeOutput()
        #expect(peer.hasEnded())
    }
}
