import HTTPTransport
import JSON
import Testing

@testable import KlingAPI

@Suite("Lists are read")
struct ListTests {
    private func list(_ body: String, status: Int = 200) -> ListOutcome {
        AnswerClassification.ofList(HTTPResponse(status: status, body: Array(body.utf8)))
    }

    @Test("task by task, in the provider's order, without what cannot be read")
    func tasks() {
        let outcome = list(
            #"""
            {"code":0,"message":"SUCCEED","request_id":"r","data":[
            {"task_id":"3","task_status":"succeed","task_status_msg":"","final_unit_deduction":"8",
             "task_info":{"external_task_id":"c"},"created_at":30,"updated_at":40,
             "task_result":{"images":[{"index":0,"url":"https://h/c.png"}]}},
            null, 7, "x", [], {}, {"task_id":""}, {"task_id":null}, {"task_id":{"a":1}}, {"task_status":"succeed"},
            {"task_id":2,"task_status":"processing","task_info":{},"task_result":{}},
            {"task_id":"1"}
            ]}
            """#
        )
        let third = ProviderTask(
            taskID: "3",
            status: .succeed,
            statusWord: "succeed",
            statusMessage: "",
            externalTaskID: "c",
            images: [ProviderImage(index: 0, url: "https://h/c.png")],
            finalUnitDeduction: "8",
            createdAt: 30,
            updatedAt: 40,
            requestID: "r"
        )
        let second = ProviderTask(taskID: "2", status: .processing, statusWord: "processing", requestID: "r")
        let first = ProviderTask(taskID: "1", status: .unknown, requestID: "r")
        #expect(outcome == .page([third, second, first]))
    }

    @Test("as empty when the account has none")
    func empty() {
        #expect(list(#"{"code":0,"message":"SUCCEED","data":[]}"#) == .page([]))
    }

    @Test(
        "only from what is a list: the rest is unavailable",
        arguments: [
            "", "<html>", "[]", #"{"code":0,"message":"SUCCEED"}"#, #"{"code":0,"data":null}"#,
            #"{"code":0,"data":{"task_id":"1"}}"#, #"{"code":0,"data":[{"task_id":"1"}]"#,
            #"{"code":9999,"data":[]}"#, #"{"code":5000,"data":[]}"#,
        ]
    )
    func unreadable(body: String) {
        guard case .unavailable(let failure) = list(body) else {
            Issue.record("\(list(body))")
            return
        }
        #expect(failure.kind == .providerUnavailable)
    }

    @Test("with failures told apart by the same table")
    func failures() {
        guard case .rejected(let auth) = list(#"{"code":1002,"message":"api key not found"}"#, status: 401),
            case .rejected(let page) = list(#"{"code":1201,"message":"pageNum"}"#, status: 400),
            case .rejected(let gone) = list(#"{"code":1203,"message":"?"}"#, status: 404),
            case .throttled(let slow) = list(#"{"code":1302,"message":"too fast"}"#, status: 429),
            case .unavailable(let down) = list("<html>", status: 502)
        else {
            Issue.record("taken for something else")
            return
        }
        #expect(
            [auth, page, gone, slow, down].map(\.kind) == [.auth, .refused, .refused, .throttled, .providerUnavailable]
        )
    }
}
