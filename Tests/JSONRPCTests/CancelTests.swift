import JSONRPC
import Testing

@Suite(.timeLimit(.minutes(1))) @MainActor struct CancelTests {
    private let hold = request("hold", params: #"{"key":"a"}"#)

    @Test func aCancelledRequestIsAnsweredAllTheSame() throws {
        let peer = try Peer()
        #expect(peer.exchange(hold) == [])
        #expect(peer.ask(notification("$/cancelRequest", params: #"{"id":1}"#)) == result(#""cancelled""#))
        #expect(peer.exchange(request("echo")) == [result("{}")], "its id is free again")
    }

    @Test func aCancelMayComeWithItsRequest() throws {
        let peer = try Peer()
        peer.send(hold + "\n" + notification("$/cancelRequest", params: #"{"id":1}"#) + "\n")
        #expect(peer.line() == result(#""cancelled""#))
    }

    @Test func aLateCancelIsIgnored() throws {
        let peer = try Peer()
        #expect(peer.exchange(request("echo")) == [result("{}")])
        #expect(peer.exchange(notification("$/cancelRequest", params: #"{"id":1}"#)) == [])
    }

    @Test(arguments: [
        #"{"id":2}"#, #"{"id":"1"}"#, #"{"id":1.0}"#, #"{"id":null}"#, #"{"id":true}"#, #"{"ID":1}"#, "{}", "[1]",
    ])
    func aCancelOfSomethingElseEndsNothing(params: String) throws {
        let peer = try Peer()
        #expect(peer.exchange(hold) == [])
        #expect(peer.exchange(notification("$/cancelRequest", params: params)) == [])
        #expect(peer.ask(notification("release", params: #"{"key":"a"}"#)) == result(#""released""#))
    }

    @Test func numberAndStringIDsAreToldApart() throws {
        let peer = try Peer()
        let other = request("hold", id: #""1""#, params: #"{"key":"b"}"#)
        #expect(peer.exchange(hold + "\n" + other) == [])
        let first = peer.ask(notification("$/cancelRequest", params: #"{"id":"1"}"#))
        #expect(first == result(#""cancelled""#, id: #""1""#))
        #expect(peer.ask(notification("$/cancelRequest", params: #"{"id":1}"#)) == result(#""cancelled""#))
    }

    @Test func cancellingTwiceAnswersOnce() throws {
        let peer = try Peer()
        #expect(peer.exchange(hold) == [])
        let cancel = notification("$/cancelRequest", params: #"{"id":1}"#)
        #expect(peer.ask(cancel + "\n" + cancel) == result(#""cancelled""#))
        #expect(peer.exchange(cancel) == [])
    }

    @Test func aCancelSentAsARequestIsJustAnUnknownMethod() throws {
        let peer = try Peer()
        let lines = peer.exchange(request("$/cancelRequest", params: #"{"id":1}"#))
        #expect(try response(lines).errorCode == -32601)
    }
}
