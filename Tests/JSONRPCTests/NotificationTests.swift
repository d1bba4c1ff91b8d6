import JSON
import JSONRPC
import Testing

/// What the connection tells the other side unasked.
@Suite(.timeLimit(.minutes(1))) @MainActor struct NotificationTests {
    private let news = #"{"jsonrpc":"2.0","method":"news","params":{"subject":"s"}}"#

    @Test func newsIsANotification() throws {
        #expect(try Peer().ask(notification("tell", params: #"{"subject":"s"}"#)) == news)
    }

    /// The writer of the answer stands in the middle of a line then.
    @Test func newsToldWhileARequestIsHandledComesBehindItsAnswer() throws {
        let peer = try Peer()
        let tell = request("tell", params: #"{"subject":"s"}"#)
        #expect(peer.ask(tell) == result(#""told""#))
        #expect(peer.line() == news)
        #expect(peer.ask("[" + tell + "]") == "[" + result(#""told""#) + "]")
        #expect(peer.line() == news)
    }

    @Test func newsToldWhileTheLastLineIsHandledIsNotLost() throws {
        let peer = try Peer()
        peer.send(request("tell", params: #"{"subject":"s"}"#))
        peer.closeInput()
        #expect(peer.remainingLines() == [result(#""told""#), news])
    }

    @Test func newsDoesNotPushAnswersAsideForAReaderThatLags() throws {
        let peer = try Peer()
        let subject = String(repeating: "s", count: 1000)
        // Far more than pipes and outbox hold back together, if it were not for coalescing.
        for number in 0..<1000 {
            peer.send(notification("tell", params: #"{"subject":"\#(subject)","n":\#(number)}"#) + "\n")
            peer.send(request("echo", id: "\(number)") + "\n")
        }
        peer.closeInput()
        let lines = peer.remainingLines()
        #expect(lines.filter { $0.contains(#""result""#) } == (0..<1000).map { result("{}", id: "\($0)") })
        #expect(try JSONValue.parse(try #require(lines.last { $0.contains("news") }))["params"]?["n"] == 999)
        #expect(peer.hasEnded())
    }
}
