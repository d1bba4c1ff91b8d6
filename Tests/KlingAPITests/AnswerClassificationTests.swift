import HTTPTransport
import JSON
import Testing

@testable import KlingAPI

/// An answer as it comes from the wire, with what must be made of it.
struct AnswerCase: Sendable, CustomTestStringConvertible {
    enum Expected: String, Sendable {
        case refused, throttled, ambiguous
        /// Only of look-ups.
        case noSuchTask, rejected, unavailable
    }

    let status: Int
    let body: String
    let expected: Expected
    let kind: FailureKind

    init(_ status: Int, _ body: String, _ expected: Expected, _ kind: FailureKind) {
        self.status = status
        self.body = body
        self.expected = expected
        self.kind = kind
    }

    var response: HTTPResponse { HTTPResponse(status: status, body: Array(body.utf8)) }
    var testDescription: String { "HTTP \(status) \(body)" }

    /// What the same answer means when a task was looked up.
    var toLookUp: AnswerCase {
        let expected: Expected =
            switch expected {
            case .refused: .rejected
            case .ambiguous: .unavailable
            default: expected
            }
        return AnswerCase(status, body, expected, kind)
    }
}

private let html = "<!DOCTYPE html><html><head><title>CometAPI</title></head><body></body></html>"

private func gateway(_ message: String, code: String = "\"\"") -> String {
    #"{"error":{"message":"\#(message) (request id: 2026112299)","type":"comet_api_error","param":"","code":\#(code)}}"#
}

@Suite("What an answer means")
struct AnswerClassificationTests {
    /// Every row that means the same for creates and look-ups, in both their words.
    static let shared: [AnswerCase] = [
        // Kling's codes with the status of their table (kling-api-facts.md 4).
        AnswerCase(401, #"{"code":1000,"message":"authentication failed"}"#, .refused, .auth),
        AnswerCase(401, #"{"code":1001,"message":"Authorization is empty"}"#, .refused, .auth),
        AnswerCase(401, #"{"code":1002,"message":"api key not found"}"#, .refused, .auth),
        AnswerCase(401, #"{"code":1003,"message":"token not valid yet"}"#, .refused, .auth),
        AnswerCase(401, #"{"code":1004,"message":"token expired"}"#, .refused, .auth),
        AnswerCase(429, #"{"code":1100,"message":"account exception"}"#, .refused, .account),
        AnswerCase(429, #"{"code":1101,"message":"account in arrears"}"#, .refused, .account),
        AnswerCase(429, #"{"code":1102,"message":"Account balance not enough"}"#, .refused, .account),
        AnswerCase(403, #"{"code":1103,"message":"no permission"}"#, .refused, .auth),
        AnswerCase(400, #"{"code":1200,"message":"bad parameters"}"#, .refused, .refused),
        AnswerCase(400, #"{"code":1201,"message":"bad base64","data":null}"#, .refused, .refused),
        AnswerCase(404, #"{"code":1202,"message":"method"}"#, .refused, .refused),
        AnswerCase(400, #"{"code":1300,"message":"policy"}"#, .refused, .contentPolicy),
        AnswerCase(400, #"{"code":1301,"message":"content security policy"}"#, .refused, .contentPolicy),
        AnswerCase(429, #"{"code":1302,"message":"too fast"}"#, .throttled, .throttled),
        AnswerCase(429, #"{"code":1303,"message":"parallel task over resource pack limit"}"#, .throttled, .throttled),
        AnswerCase(429, #"{"code":1304,"message":"ip"}"#, .refused, .auth),
        AnswerCase(500, #"{"code":5000,"message":"internal"}"#, .ambiguous, .providerUnavailable),
        AnswerCase(503, #"{"code":5001,"message":"maintenance"}"#, .ambiguous, .providerUnavailable),
        AnswerCase(504, #"{"code":5002,"message":"timeout"}"#, .ambiguous, .providerUnavailable),
        // The code counts inside HTTP 200 as well, in whichever type it is written.
        AnswerCase(200, #"{"code":1102,"message":"balance"}"#, .refused, .account),
        AnswerCase(200, #"{"code":"1301","message":"policy"}"#, .refused, .contentPolicy),
        AnswerCase(200, #"{"code":1303.0,"message":"slots"}"#, .throttled, .throttled),
        AnswerCase(200, #"{"code":5000,"message":"internal"}"#, .ambiguous, .providerUnavailable),
        AnswerCase(200, #"{"code":9999,"message":"new"}"#, .ambiguous, .providerUnavailable),
        AnswerCase(504, gateway("bad", code: "\"invalid_request\""), .ambiguous, .providerUnavailable),
        AnswerCase(502, gateway("no channel", code: "\"model_not_found\""), .ambiguous, .providerUnavailable),
        AnswerCase(404, gateway("no channel", code: "\"model_not_found\""), .refused, .unsupported),
        AnswerCase(500, gateway("quota", code: "\"insufficient_user_quota\""), .ambiguous, .providerUnavailable),
        AnswerCase(200, #"{"code":"task_failed","message":"?"}"#, .ambiguous, .providerUnavailable),
        // And before any other status.
        AnswerCase(500, #"{"code":1201,"message":"bad"}"#, .refused, .refused),
        AnswerCase(400, #"{"code":5000,"message":"internal"}"#, .ambiguous, .providerUnavailable),
        AnswerCase(400, #"{"code":9999,"message":"new"}"#, .refused, .refused),
        AnswerCase(502, #"{"code":9999,"message":"new"}"#, .ambiguous, .providerUnavailable),
        // The gateway's own.
        AnswerCase(400, gateway("model name is required"), .refused, .refused),
        AnswerCase(401, gateway("invalid token"), .refused, .auth),
        AnswerCase(402, gateway("payment required"), .refused, .account),
        AnswerCase(403, gateway("not allowed", code: "\"permission_denied\""), .refused, .auth),
        AnswerCase(403, gateway("quota", code: "\"insufficient_user_quota\""), .refused, .account),
        AnswerCase(429, gateway("slow down"), .throttled, .throttled),
        AnswerCase(500, gateway("field messages is required", code: "\"invalid_request\""), .refused, .refused),
        AnswerCase(503, gateway("no available channel", code: "\"model_not_found\""), .refused, .unsupported),
        AnswerCase(500, gateway("upstream"), .ambiguous, .providerUnavailable),
        AnswerCase(400, #"{"code":"task_failed","message":"upstream said no"}"#, .refused, .refused),
        AnswerCase(200, #"{"error":{"message":"odd","code":null}}"#, .ambiguous, .providerUnavailable),
        AnswerCase(400, #"{"error":"plain words"}"#, .refused, .refused),
        AnswerCase(
            500,
            #"{"code":"fail_to_fetch_task","message":"{\"code\":1301,\"message\":\"policy\"}"}"#,
            .refused,
            .contentPolicy
        ),
        AnswerCase(502, #"{"code":"fail_to_fetch_task","message":"bad gateway"}"#, .ambiguous, .providerUnavailable),
        // Statuses alone, with what comes instead of JSON.
        AnswerCase(301, html, .refused, .refused),
        AnswerCase(308, "", .refused, .refused),
        AnswerCase(404, html, .refused, .refused),
        AnswerCase(405, "", .refused, .refused),
        AnswerCase(407, "", .refused, .refused),
        AnswerCase(408, "", .ambiguous, .providerUnavailable),
        AnswerCase(409, "{}", .refused, .refused),
        AnswerCase(413, html, .refused, .tooLarge),
        AnswerCase(423, "{}", .refused, .refused),
        AnswerCase(424, "{}", .ambiguous, .providerUnavailable),
        AnswerCase(425, "{}", .ambiguous, .providerUnavailable),
        AnswerCase(429, html, .throttled, .throttled),
        AnswerCase(431, "", .refused, .refused),
        AnswerCase(500, html, .ambiguous, .providerUnavailable),
        AnswerCase(502, html, .ambiguous, .providerUnavailable),
        AnswerCase(503, "", .ambiguous, .providerUnavailable),
        AnswerCase(504, "", .ambiguous, .providerUnavailable),
        AnswerCase(524, html, .ambiguous, .providerUnavailable),
        // A success that cannot be read proves nothing.
        AnswerCase(200, html, .ambiguous, .providerUnavailable),
        AnswerCase(200, "", .ambiguous, .providerUnavailable),
        AnswerCase(200, "[]", .ambiguous, .providerUnavailable),
        AnswerCase(200, #"{"code":0,"message":"SUCCEED"}"#, .ambiguous, .providerUnavailable),
        AnswerCase(400, #"{"code":0,"message":"SUCCEED"}"#, .ambiguous, .providerUnavailable),
        AnswerCase(200, #"{"code":0,"data":{"task_id":8.67283741759111202e17}}"#, .ambiguous, .providerUnavailable),
        AnswerCase(200, #"{"code":0,"data":{}}"#, .ambiguous, .providerUnavailable),
        AnswerCase(200, #"{"code":0,"data":{"task_id":""}}"#, .ambiguous, .providerUnavailable),
        AnswerCase(200, #"{"code":0,"data":{"task_id":"1"}"#, .ambiguous, .providerUnavailable),
        AnswerCase(200, #"{"code":null,"message":"404"}"#, .ambiguous, .providerUnavailable),
        AnswerCase(404, #"{"code":null,"message":"404"}"#, .refused, .refused),
    ]

    static let onlyCreates: [AnswerCase] = [
        AnswerCase(404, #"{"code":1203,"message":"model not found"}"#, .refused, .refused),
        AnswerCase(200, #"{"code":"task_not_exist","message":"?"}"#, .ambiguous, .providerUnavailable),
        AnswerCase(400, #"{"code":"task_not_exist","message":"?"}"#, .refused, .refused),
    ]

    static let onlyLookUps: [AnswerCase] = [
        AnswerCase(404, #"{"code":1203,"message":"task not found"}"#, .noSuchTask, .notFound),
        AnswerCase(400, #"{"code":"task_not_exist","message":"task_not_exist"}"#, .noSuchTask, .notFound),
        AnswerCase(200, #"{"code":"task_not_exist","message":"task_not_exist"}"#, .noSuchTask, .notFound),
        AnswerCase(400, gateway("gone", code: "\"task_not_exist\""), .noSuchTask, .notFound),
        AnswerCase(500, #"{"code":1203,"message":"task not found"}"#, .unavailable, .providerUnavailable),
        AnswerCase(200, #"{"code":0,"data":{"task_id":"999"}}"#, .unavailable, .providerUnavailable),
    ]

    @Test("of a create", arguments: shared + onlyCreates)
    func create(_ row: AnswerCase) {
        switch AnswerClassification.ofCreate(row.response) {
        case .accepted, .notSent: Issue.record("taken for \(AnswerClassification.ofCreate(row.response))")
        case .refused(let failure): check(failure, .refused, row)
        case .throttled(let failure): check(failure, .throttled, row)
        case .ambiguous(let failure): check(failure, .ambiguous, row)
        }
    }

    @Test("of a look-up", arguments: shared.map(\.toLookUp) + onlyLookUps)
    func lookUp(_ row: AnswerCase) {
        switch AnswerClassification.ofLookUp(row.response, of: .taskID("867283741759111202")) {
        case .found(let task): Issue.record("found \(task)")
        case .noSuchTask(let failure): check(failure, .noSuchTask, row)
        case .throttled(let failure): check(failure, .throttled, row)
        case .rejected(let failure): check(failure, .rejected, row)
        case .unavailable(let failure): check(failure, .unavailable, row)
        }
    }

    private func check(_ failure: ProviderFailure, _ outcome: AnswerCase.Expected, _ row: AnswerCase) {
        #expect(outcome == row.expected)
        #expect(failure.kind == row.kind)
        #expect(failure.httpStatus == row.status)
        #expect(failure.message.contains("HTTP \(row.status)"))
    }

    @Test("A code of success beside a task id is a task, whatever the status")
    func successBeforeStatus() {
        let response = HTTPResponse(status: 500, body: Array(#"{"code":0,"data":{"task_id":"7"}}"#.utf8))
        #expect(AnswerClassification.ofCreate(response) == .accepted(ProviderTask(taskID: "7", status: .submitted)))
    }

    @Test("An unknown code never makes a task, even beside a task id: it is looked up")
    func unknownCodeWithTask() {
        let response = HTTPResponse(status: 200, body: Array(#"{"code":9999,"data":{"task_id":"7"}}"#.utf8))
        guard case .ambiguous = AnswerClassification.ofCreate(response) else {
            Issue.record("taken for certain")
            return
        }
    }
}

@Suite("What a failure tells")
struct ProviderFailureTests {
    private func refusal(_ status: Int, _ body: String, _ headers: HTTPFields = [:]) throws -> ProviderFailure {
        let response = HTTPResponse(status: status, headers: headers, body: Array(body.utf8))
        switch AnswerClassification.ofCreate(response) {
        case .refused(let failure), .throttled(let failure), .ambiguous(let failure): return failure
        case .accepted, .notSent: throw UnexpectedOutcome()
        }
    }

    private struct UnexpectedOutcome: Error {}

    @Test("Code, words and request id of Kling as they were written")
    func kling() throws {
        let failure = try refusal(
            429,
            #"{"code":1303,"message":"parallel task over resource pack limit","request_id":"a7c1"}"#
        )
        #expect(failure.code == 1303)
        #expect(failure.providerMessage == "parallel task over resource pack limit")
        #expect(failure.requestID == "a7c1")
        #expect(failure.message.contains("code 1303: parallel task over resource pack limit"))
    }

    @Test("The request id that a gateway puts into its message")
    func gatewayRequestID() throws {
        let failure = try refusal(503, gateway("no available channel", code: "\"model_not_found\""))
        #expect(failure.requestID == "2026112299")
        #expect(failure.code == "model_not_found")
    }

    @Test("The request id of a header when the body has none")
    func headerRequestID() throws {
        #expect(try refusal(502, html, ["X-Oneapi-Request-Id": "r-1"]).requestID == "r-1")
    }

    @Test("A redirect tells where to, without what may be secret")
    func redirect() throws {
        let failure = try refusal(301, "", ["Location": "https://user:pw@www.cometapi.com/kling?token=abc"])
        #expect(failure.message.contains("https://www.cometapi.com/kling"))
        #expect(!failure.message.contains("abc") && !failure.message.contains("pw"))
    }

    @Test("A page or an endless message does not flood a log")
    func flood() throws {
        #expect(try refusal(502, html).providerMessage == nil)
        let long = String(repeating: "x\\n", count: 10_000)
        let failure = try refusal(400, #"{"code":1201,"message":"\#(long)"}"#)
        #expect(failure.message.count < 1_000)
        #expect(!failure.message.contains("\n"))
    }

    @Test(
        "Retry-After in seconds or as a date, at most a day",
        arguments: [
            ("30", .seconds(30)), (" 0 ", .zero), ("99999999999999999999999", .seconds(86_400)),
            ("Sun, 22 Nov 2026 10:00:45 GMT", .seconds(45)), ("Sun, 22 Nov 2026 09:00:00 GMT", .zero),
            ("soon", nil), ("-5", nil), ("1.5", nil), ("", nil), ("Sun, 22 Nov 2026 25:00:00 GMT", nil),
        ] as [(String, Duration?)]
    )
    func retryAfter(value: String, expected: Duration?) throws {
        let headers: HTTPFields = ["Retry-After": value, "Date": "Sun, 22 Nov 2026 10:00:00 GMT"]
        #expect(try refusal(429, "{}", headers).retryAfter == expected)
    }

    @Test("A date without the sender's own clock says nothing")
    func retryAfterWithoutDate() throws {
        #expect(try refusal(429, "{}", ["Retry-After": "Sun, 22 Nov 2026 10:00:45 GMT"]).retryAfter == nil)
    }

    @Test(
        "HTTP dates are read across leap days and centuries",
        arguments: [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799), ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ] as [(String, Int64)]
    )
    func dates(text: String, seconds: Int64) {
        #expect(RetryAfter.seconds(ofDate: text) == seconds)
    }
}
