import HTTPTransport
import JSON
import Testing

@testable import KlingAPI

/// Design section 6.4 word for word, over every code and status there is: what counts as certain decides about money.
@Suite("What is certain")
struct CertaintyTests {
    enum Outcome: String {
        case accepted, refused, throttled, ambiguous
    }

    private static let refusedCodes: Set<Int> = [
        1000, 1001, 1002, 1003, 1004, 1100, 1101, 1102, 1103, 1200, 1201, 1202, 1203, 1300, 1301, 1304,
    ]

    private static func expected(status: Int) -> Outcome {
        switch status {
        case 300...399, 400...407, 409...423, 431: .refused
        case 429: .throttled
        default: .ambiguous
        }
    }

    private func create(_ status: Int, _ body: String) -> Outcome {
        switch AnswerClassification.ofCreate(HTTPResponse(status: status, body: Array(body.utf8))) {
        case .accepted: .accepted
        case .refused: .refused
        case .throttled: .throttled
        case .ambiguous, .notSent: .ambiguous
        }
    }

    @Test("A status alone", arguments: ["", "{}", "<html>", #"{"error":{"message":"?","code":""}}"#])
    func statuses(body: String) {
        for status in 200...599 {
            #expect(create(status, body) == Self.expected(status: status), "HTTP \(status) \(body)")
        }
    }

    @Test("Every business code of Kling, whatever the status", arguments: [200, 400, 401, 403, 404, 429, 500, 503])
    func codes(status: Int) {
        for code in Array(1000...1399) + [5000, 5001, 5002] {
            let known: Outcome? =
                if Self.refusedCodes.contains(code) {
                    .refused
                } else if [1302, 1303].contains(code) {
                    .throttled
                } else if code >= 5000 {
                    .ambiguous
                } else {
                    nil
                }
            // What is in no table leaves it to the status.
            let expected = known ?? Self.expected(status: status)
            #expect(create(status, #"{"code":\#(code),"message":"m"}"#) == expected, "HTTP \(status), code \(code)")
        }
    }

    @Test(
        "A gateway's word makes certain only what design and status say",
        arguments: [
            "invalid_request", "model_not_found", "insufficient_user_quota", "pre_consume_token_quota_failed",
            "task_not_exist", "task_failed", "fail_to_fetch_task", "never_heard_of",
        ]
    )
    func words(word: String) {
        for status in 200...599 {
            let isExcepted = status == 500 && word == "invalid_request" || status == 503 && word == "model_not_found"
            let expected = isExcepted ? Outcome.refused : Self.expected(status: status)
            #expect(create(status, #"{"error":{"code":"\#(word)","message":"m"}}"#) == expected, "HTTP \(status)")
        }
    }

    @Test(
        "No such task is only what is plainly said, in JSON, by a server in order",
        arguments: [
            (404, #"{"code":1203,"message":"task not found"}"#, true),
            (404, #"{"code":"1203","message":"task not found"}"#, true),
            (200, #"{"code":1203,"message":"task not found","data":null}"#, true),
            (400, #"{"code":"task_not_exist","message":"task_not_exist"}"#, true),
            (404, "", false), (404, "<html>", false), (404, "{}", false), (404, "[]", false), (404, "null", false),
            (404, #"{"code":null,"message":"404"}"#, false), (404, #"{"message":"task not found"}"#, false),
            (404, #"{"code":1202,"message":"method"}"#, false), (404, #"{"code":404,"message":"?"}"#, false),
            (404, #"{"code":1203,"message":"task not fo"#, false),
            (500, #"{"code":1203,"message":"task not found"}"#, false),
            (502, #"{"code":"task_not_exist","message":"?"}"#, false),
            (301, #"{"code":1203,"message":"task not found"}"#, false),
            (429, #"{"code":1203,"message":"task not found"}"#, false),
            (404, #"{"code":1203,"message":"?","data":{"task_id":"867283741759111202"}}"#, false),
        ]
    )
    func absence(status: Int, body: String, isProof: Bool) {
        let response = HTTPResponse(status: status, body: Array(body.utf8))
        let outcome = AnswerClassification.ofLookUp(response, of: .externalTaskID("mine"))
        if case .noSuchTask = outcome { #expect(isProof) } else { #expect(!isProof, "\(outcome)") }
    }

    @Test("That it is the limit of images at once can be told from other throttling")
    func concurrencyLimit() {
        for (code, isLimit) in [(1302, false), (1303, true)] {
            let body = #"{"code":\#(code),"message":"m"}"#
            guard
                case .throttled(let failure) = AnswerClassification.ofCreate(
                    HTTPResponse(status: 429, body: Array(body.utf8))
                )
            else {
                Issue.record("not throttled")
                return
            }
            #expect((failure.code == 1303) == isLimit)
        }
    }
}
