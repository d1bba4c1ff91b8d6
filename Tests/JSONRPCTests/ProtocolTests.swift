import JSON
import JSONRPC
import Testing

/// The rules of JSON-RPC 2.0 that implementations get wrong, one test for each row of the table that was drawn up of
/// them, in its order.
@Suite(.timeLimit(.minutes(1))) @MainActor struct ProtocolTests {
    @Test(arguments: ["{", "hello", #"{"jsonrpc":"2.0","method":"echo","id":1"#, "[1,", "\"", "{\"id\":1,}", "\u{1}"])
    func row1_whatIsNotJSONIsOneErrorWithIDNull(text: String) throws {
        let answer = try response(try Peer().exchange(text))
        #expect(answer.errorCode == -32700)
        #expect(answer["id"] == .null)
    }

    @Test(arguments: [
        ("42", JSONValue.null), ("null", nil), ("true", nil), (#""echo""#, nil), ("1.5", nil), ("{}", nil),
        (#"{"foo":1}"#, nil), (#"{"foo":1,"id":7}"#, 7), (#"{"jsonrpc":"2.0","id":"a"}"#, "a"),
        (#"{"jsonrpc":"2.0","id":1,"method":1}"#, 1), (#"{"jsonrpc":"2.0","id":1,"method":null}"#, 1),
        (#"{"jsonrpc":"2.0","id":{},"method":"echo"}"#, nil), (#"{"jsonrpc":"2.0","id":[1],"method":"echo"}"#, nil),
    ])
    func row2_whatIsNoRequestIsInvalidUnderItsIDIfItHasOne(text: String, id: JSONValue) throws {
        let answer = try response(try Peer().exchange(text))
        #expect(answer.errorCode == -32600)
        #expect(answer["id"] == id)
    }

    @Test func row3_anEmptyBatchIsOneErrorAndNotAnArray() throws {
        let answer = try response(try Peer().exchange("[]"))
        #expect(answer.errorCode == -32600)
        #expect(answer["id"] == .null)
    }

    @Test func row4_everyElementThatIsNoRequestHasItsError() throws {
        let answers = try batchResponses(try Peer().exchange("[1,2,3]"))
        #expect(answers.count == 3)
        #expect(answers.allSatisfy { $0.errorCode == -32600 && $0["id"] == .null })
    }

    @Test func row5_aBatchOfNotificationsIsNotAnswered() throws {
        let peer = try Peer()
        #expect(peer.exchange(#"[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"b"}]"#) == [])
        #expect(peer.handler.notifications.map(\.method) == ["a", "b"])
    }

    @Test func row6_aBatchIsOneArrayInTheOrderOfItsRequests() throws {
        let lines = try Peer().exchange(
            #"[{"jsonrpc":"2.0","id":1,"method":"echo","params":[1]},{"jsonrpc":"2.0","method":"note"},7,"#
                + #"{"jsonrpc":"2.0","id":2,"method":"nope"},{"jsonrpc":"2.0","id":3,"method":"echo","params":[3]}]"#
        )
        let answers = try batchResponses(lines)
        #expect(answers.map { $0["id"] } == [1, .null, 2, 3])
        #expect(answers.map(\.errorCode) == [nil, -32600, -32601, nil])
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","method":"nope"}"#, #"{"jsonrpc":"2.0","method":"fail"}"#,
        #"{"jsonrpc":"2.0","method":"echo","params":[1]}"#, #"{"jsonrpc":"2.0","method":"rpc.nope","params":{}}"#,
    ])
    func row7_aNotificationIsNeverAnswered(text: String) throws {
        let peer = try Peer()
        #expect(peer.exchange(text) == [])
        #expect(peer.handler.notifications.count == 1)
    }

    @Test func row8_aRequestWithIDNullIsAnsweredWithIDNull() throws {
        let peer = try Peer()
        let line = #"{"jsonrpc":"2.0","id":null,"method":"echo","params":[5]}"#
        #expect(peer.exchange(line) == [#"{"jsonrpc":"2.0","id":null,"result":[5]}"#])
        #expect(peer.handler.notifications.isEmpty)
    }

    @Test(arguments: [
        "1", #""1""#, "0", "-7", "9223372036854775807", "-9223372036854775808", "1.0", "1.5", "9007199254740993",
        "-0", "-0.0", "1.00", "1E+2", "1e22", "100000000000000000000.0", "0.1000000000000000055511151231257827",
        "1e-400",
        #""""#, #""a\"b\\\n""#, #""é汉😀""#, #""\u0000""#, "null",
    ])
    func row9_theIDComesBackExactly(id: String) throws {
        #expect(
            try Peer().exchange(#"{"jsonrpc":"2.0","id":\#(id),"method":"echo"}"#)
                == [#"{"jsonrpc":"2.0","id":\#(id),"result":null}"#]
        )
    }

    @Test func row9_soDoThoseOfABatch() throws {
        let ids = ["1E+2", "-0", "7", #""1E+2""#, "1.50"]
        let batch = ids.map { #" {"jsonrpc":"2.0","params":[{"id":[1.00]},"]"],"method":"fail","id":\#($0)} "# }
        let lines = try Peer().exchange("[" + batch.joined(separator: ",") + "]")
        #expect(try batchResponses(lines).count == ids.count)
        for id in ids { #expect(lines[0].contains(#""id":\#(id),"#)) }
    }

    @Test(arguments: [
        ("9223372036854775808", "9223372036854775808"), ("-9223372036854775809", "-9223372036854775809"),
        ("18446744073709551615", "18446744073709551615"), ("1e400", "null"), ("-1E+400", "null"),
    ])
    func row9_aNumberThatIsTooLargeIsRefusedUnderItselfIfADoubleHoldsIt(id: String, answered: String) throws {
        let lines = try Peer().exchange(#"{"jsonrpc":"2.0","id":\#(id),"method":"echo"}"#)
        #expect(try #require(lines.first).hasPrefix(#"{"jsonrpc":"2.0","id":\#(answered),"error":{"code":-32600"#))
    }

    @Test func row9_aNumberIsTheSameIDHoweverItIsSpelt() throws {
        let peer = try Peer()
        #expect(peer.exchange(request("hold", id: "1E+2", params: #"{"key":"a"}"#)) == [])
        #expect(try response(peer.exchange(request("echo", id: "100.0"))).errorCode == -32600)
        #expect(peer.exchange(request("echo", id: "100")) == [result("{}", id: "100")], "an integer is another one")
        let answer = peer.ask(notification("$/cancelRequest", params: #"{"id":1e2}"#))
        #expect(answer == result(#""cancelled""#, id: "1E+2"))
    }

    @Test(arguments: ["true", "false", "[]", "{}"])
    func row9_whatCannotBeAnIDIsInvalid(id: String) throws {
        let answer = try response(try Peer().exchange(#"{"jsonrpc":"2.0","id":\#(id),"method":"echo"}"#))
        #expect(answer.errorCode == -32600)
        #expect(answer["id"] == .null)
    }

    @Test(arguments: ["null", "1", #""a""#, "true", "1.5"])
    func row10_paramsOfAnotherKindMakeTheRequestInvalid(params: String) throws {
        let peer = try Peer()
        let line = #"{"jsonrpc":"2.0","id":1,"method":"echo","params":\#(params)}"#
        let answer = try response(peer.exchange(line))
        #expect(answer.errorCode == -32600)
        #expect(answer["id"] == 1)
    }

    @Test func row10_paramsMayBeAbsentOrAnObject() throws {
        let peer = try Peer()
        #expect(try response(peer.exchange(#"{"jsonrpc":"2.0","id":1,"method":"echo"}"#))["result"] == .null)
        let named = #"{"jsonrpc":"2.0","id":1,"method":"echo","params":{"a":{"b":1}}}"#
        #expect(try response(peer.exchange(named))["result"] == ["a": ["b": 1]])
    }

    @Test func row11_paramsByPositionReachEveryMethod() throws {
        let line = #"{"jsonrpc":"2.0","id":1,"method":"echo","params":[1,"two",null]}"#
        #expect(try response(try Peer().exchange(line))["result"] == [1, "two", nil])
    }

    @Test func row12_aResponseHasExactlyOneOfResultAndErrorAndTheResultEvenWhenNull() throws {
        let peer = try Peer()
        for method in ["echo", "later", "fail", "fail-later", "nope"] {
            let answer = try response([try #require(peer.ask(request(method)))])
            #expect((answer["result"] == nil) != (answer["error"] == nil))
        }
        #expect(peer.ask(#"{"jsonrpc":"2.0","id":1,"method":"later"}"#) == result("null"))
    }

    @Test(arguments: [
        "", #""jsonrpc":"1.0","#, #""jsonrpc":2.0,"#, #""jsonrpc":"2","#, #""jsonrpc":null,"#, #""jsonrpc":"2.0 ","#,
    ])
    func row13_theVersionIsExactly2Point0(version: String) throws {
        let answer = try response(try Peer().exchange(#"{\#(version)"id":1,"method":"echo"}"#))
        #expect(answer.errorCode == -32600)
        #expect(answer["id"] == 1)
    }

    @Test func row14_noMethodIsReservedToTheConnectionItself() throws {
        let answer = try response(try Peer().exchange(#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#))
        #expect(answer.errorCode == -32601)
        #expect(answer["error"]?["message"]?.stringValue?.contains("rpc.discover") == true)
    }

    @Test func row15_reservedCodesAreUsedForWhatTheyMeanAndNothingElse() throws {
        #expect(RPCError.parseError("").code == -32700)
        #expect(RPCError.invalidRequest("").code == -32600)
        #expect(RPCError.tooLarge("", limit: 1).code == -32600)
        #expect(RPCError.methodNotFound("").code == -32601)
        #expect(RPCError.invalidParams("").code == -32602)
        let peer = try Peer()
        for (method, code) in [("fail", 10_001), ("fail-later", 10_002)] as [(String, Int64)] {
            let line = peer.ask(request(method))
            #expect(try response([try #require(line)]).errorCode == code)
        }
    }

    @Test func row16_extraMembersAreTolerated() throws {
        let line = #"{"jsonrpc":"2.0","id":1,"method":"echo","trace":{"a":[1]},"auth":null}"#
        #expect(try Peer().exchange(line) == [#"{"jsonrpc":"2.0","id":1,"result":null}"#])
    }

    @Test(arguments: [
        (#"{"jsonrpc":"2.0","id":1,"method":"echo","method":"fail"}"#, 1 as JSONValue),
        (#"{"jsonrpc":"2.0","id":"x","method":"echo","params":{"a":1,"a":2}}"#, "x"),
        (#"{"jsonrpc":"2.0","id":1,"id":2,"method":"echo"}"#, nil),
        (#"{"jsonrpc":"2.0","id":1,"\u0069d":1,"method":"echo"}"#, nil),
        (#"{"jsonrpc":"2.0","id":true,"method":"echo","method":"echo"}"#, nil),
        (#"[{"jsonrpc":"2.0","id":1,"method":"echo","method":"echo"}]"#, nil),
    ])
    func row16_duplicateMembersAreRefusedUnderTheOneID(text: String, id: JSONValue) throws {
        let answer = try response(try Peer().exchange(text))
        #expect(answer.errorCode == -32600)
        #expect(answer["id"] == id)
    }

    @Test(arguments: [
        #"{"n":9223372036854775808}"#, #"{"n":1e999}"#, #"{"a\u0000":1}"#,
        String(repeating: "[", count: 128) + String(repeating: "]", count: 128),
        String(repeating: "[", count: 3000) + String(repeating: "]", count: 3000),
    ])
    func row16_soIsWhatElseIsJSONButBeyondOurLimits(params: String) throws {
        let line = #"{"jsonrpc":"2.0","id":7,"method":"echo","params":\#(params)}"#
        let answer = try response(try Peer().exchange(line))
        #expect(answer.errorCode == -32600)
        #expect(answer["id"] == 7)
    }

    @Test func row17_aSecondRequestWithAnIDInFlightIsRefusedAndTheFirstGoesOn() throws {
        let peer = try Peer()
        let lines = peer.exchange(request("hold", params: #"{"key":"a"}"#) + "\n" + request("echo"))
        #expect(try response(lines).errorCode == -32600)
        #expect(peer.exchange(request("echo", id: #""1""#)) == [result("{}", id: #""1""#)], "the string is another id")
        #expect(peer.ask(notification("release", params: #"{"key":"a"}"#)) == result(#""released""#))
        #expect(peer.exchange(request("echo")) == [result("{}")], "an answered id is free again")
    }

    @Test func row17_idsThatOnlyLookAlikeAreTwo() throws {
        let peer = try Peer()
        let held = request("hold", id: #""\u00e9""#, params: #"{"key":"a"}"#)
        let lines = peer.exchange(held + "\n" + request("echo", id: #""e\u0301""#))
        #expect(try response(lines)["result"] == [:])
    }

    @Test func row17_requestsWithIDNullAreAllServed() throws {
        let peer = try Peer()
        for key in ["a", "b"] { peer.send(request("hold", id: "null", params: #"{"key":"\#(key)"}"#) + "\n") }
        for key in ["b", "a"] {
            let line = peer.ask(notification("release", params: #"{"key":"\#(key)"}"#))
            #expect(line == result(#""released""#, id: "null"))
        }
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","id":1,"result":1}"#, #"{"jsonrpc":"2.0","id":1,"result":null}"#,
        #"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#, #"{"id":1,"result":1}"#,
        #"{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":"x"}}"#, #"{"jsonrpc":"2.0","error":null}"#,
        #"{"jsonrpc":"2.0","id":true,"result":1}"#, #"{"jsonrpc":"2.0","id":[1],"error":{"code":1,"message":"x"}}"#,
        #"{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}"#, #"{"jsonrpc":"2.0","id":1,"result":1e999}"#,
        #"[{"jsonrpc":"2.0","id":1,"result":1},{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"x"}}]"#,
    ])
    func row18_aResponseIsNeverAnswered(text: String) throws {
        let peer = try Peer()
        #expect(peer.exchange(text) == [])
        #expect(!peer.handler.logged.isEmpty)
    }

    @Test func row19_namesAreCaseSensitive() throws {
        let answer = try response(try Peer().exchange(#"{"JSONRPC":"2.0","ID":1,"METHOD":"echo"}"#))
        #expect(answer.errorCode == -32600)
        #expect(answer["id"] == .null)
        let upper = try response(try Peer().exchange(#"{"jsonrpc":"2.0","id":1,"method":"Echo"}"#))
        #expect(upper.errorCode == -32601)
    }

    @Test(arguments: [
        ("{", "parse_error"), ("[]", "invalid_request"), (#"{"a":1,"a":1}"#, "invalid_request"),
        (#"{"jsonrpc":"2.0","id":1,"method":"nope"}"#, "method_not_found"),
    ])
    func row20_anErrorIsOneSentenceAndItsDataIsWhatProgramsRead(text: String, kind: String) throws {
        let error = try #require(try response(try Peer().exchange(text))["error"])
        let message = try #require(error["message"]?.stringValue)
        #expect(!message.contains("\n") && message.utf8.count < 200)
        #expect(!message.contains("JSONParseError") && !message.contains("Swift"))
        #expect(error["data"] == ["kind": .string(kind), "charged": "no", "retryable": false])
    }

    @Test func aSyntaxErrorTellsThePlace() throws {
        let answer = try response(try Peer().exchange(#"{"é": oops}"#))
        let message = try #require(answer["error"]?["message"]?.stringValue)
        #expect(message.contains("line 1") && message.contains("column 11") && message.contains("byte 11"))
    }

    @Test func invalidParamsPointAtTheirPlace() {
        let error = RPCError.invalidParams("unknown", pointer: .root.member("promt"))
        #expect(error.data?["pointer"] == "/promt")
        #expect(error.data?["kind"] == "invalid_params")
    }

    @Test func aResultThatTurnsOutToBeAnErrorLeavesNoTrace() throws {
        let peer = try Peer()
        let failed = #"{"code":10001,"message":"there is none","data":{"kind":"not_found"}}"#
        #expect(
            peer.exchange(#"{"jsonrpc":"2.0","id":1,"method":"fail"}"#)
                == [#"{"jsonrpc":"2.0","id":1,"error":\#(failed)}"#]
        )
        #expect(
            peer.exchange(#"[{"jsonrpc":"2.0","id":1,"method":"fail"}]"#)
                == [#"[{"jsonrpc":"2.0","id":1,"error":\#(failed)}]"#]
        )
    }
}
