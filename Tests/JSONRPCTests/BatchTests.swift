import JSON
import JSONRPC
import Testing

@Suite(.timeLimit(.minutes(1))) @MainActor struct BatchTests {
    private func batch(_ messages: [String]) -> String { "[" + messages.joined(separator: ",") + "]" }

    @Test func answersStandInTheOrderOfTheRequestsWhateverEndsFirst() throws {
        let peer = try Peer()
        let line = batch([
            request("hold", id: "1", params: #"{"key":"a"}"#), request("echo", id: "2"), notification("note"),
            request("hold", id: "3", params: #"{"key":"b"}"#), request("later", id: "4"), "5",
            request("nope", id: "6"),
        ])
        #expect(peer.exchange(line) == [], "nothing before all is answered")
        #expect(peer.exchange(notification("release", params: #"{"key":"b"}"#)) == [])
        let last = try #require(peer.ask(notification("release", params: #"{"key":"a"}"#)))
        let answers = try batchResponses([last])
        #expect(answers.map { $0["id"] } == [1, 2, 3, 4, .null, 6])
        #expect(answers.map(\.errorCode) == [nil, nil, nil, nil, -32600, -32601])
        #expect(answers[0]["result"] == "released")
    }

    @Test func otherRequestsAreServedWhileABatchIsPending() throws {
        let peer = try Peer()
        let held = batch([request("hold", id: "1", params: #"{"key":"a"}"#)])
        #expect(peer.exchange(held + "\n" + request("echo", id: "2")) == [result("{}", id: "2")])
        #expect(peer.exchange(batch([request("echo", id: "3")])) == ["[" + result("{}", id: "3") + "]"])
        #expect(peer.ask(notification("release", params: #"{"key":"a"}"#)) == "[" + result(#""released""#) + "]")
    }

    @Test func aBatchOf100IsServedAndOneOf101IsRefusedWhole() throws {
        let peer = try Peer()
        let answers = try batchResponses(peer.exchange(batch((0..<100).map { request("echo", id: "\($0)") })))
        #expect(answers.map { $0["id"]?.integerValue } == (0..<100).map(Int64.init))
        let tooLarge = batch((0..<100).map { request("echo", id: "\($0)") } + [notification("note")])
        let answer = try response(peer.exchange(tooLarge))
        #expect(answer.errorCode == -32600)
        #expect(answer.errorKind == "too_large")
        #expect(answer["error"]?["data"]?["limit"] == 100)
        #expect(answer["id"] == .null)
        #expect(peer.handler.notifications.isEmpty, "nothing of it was done")
    }

    @Test func aBatchInABatchIsAnInvalidRequest() throws {
        let line = batch([batch([request("echo")]), "[]", request("echo", id: "2")])
        let answers = try batchResponses(try Peer().exchange(line))
        #expect(answers.map(\.errorCode) == [-32600, -32600, nil])
        #expect(answers.map { $0["id"] } == [.null, .null, 2])
    }

    @Test func notificationsAndResponsesAloneAreNotAnswered() throws {
        let peer = try Peer()
        let line = batch([notification("a"), result("1"), notification("b"), #"{"jsonrpc":"2.0","error":1}"#])
        #expect(peer.exchange(line) == [])
        #expect(peer.handler.notifications.map(\.method) == ["a", "b"])
    }

    @Test func anIDThatIsInFlightWithinTheBatchIsRefused() throws {
        let peer = try Peer()
        let held = request("hold", params: #"{"key":"a"}"#)
        #expect(peer.exchange(batch([held, request("echo"), request("echo", id: "2")])) == [])
        let last = try #require(peer.ask(notification("release", params: #"{"key":"a"}"#)))
        let answers = try batchResponses([last])
        #expect(answers.map { $0["id"] } == [1, 1, 2])
        #expect(answers.map(\.errorCode) == [nil, -32600, nil])
    }

    @Test func idsAnsweredAtOnceMayRepeat() throws {
        let answers = try batchResponses(try Peer().exchange(batch([request("echo"), request("echo")])))
        #expect(answers.map { $0["result"] } == [[:], [:]])
    }

    @Test func aWaitInABatchIsCancelledByItsID() throws {
        let peer = try Peer()
        let waits = batch([
            request("hold", id: "1", params: #"{"key":"a"}"#), request("hold", id: "2", params: #"{"key":"b"}"#),
        ])
        #expect(peer.exchange(waits) == [])
        #expect(peer.exchange(notification("$/cancelRequest", params: #"{"id":1}"#)) == [])
        let last = try #require(peer.ask(notification("release", params: #"{"key":"b"}"#)))
        #expect(try batchResponses([last]).map { $0["result"] } == ["cancelled", "released"])
    }
}
