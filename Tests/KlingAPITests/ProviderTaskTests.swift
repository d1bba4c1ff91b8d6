import HTTPTransport
import JSON
import Testing

@testable import KlingAPI

@Suite("Tasks are read from every shape in which they come")
struct ProviderTaskTests {
    private struct NoTask: Error {}

    private func created(_ body: String) throws -> ProviderTask {
        let response = HTTPResponse(status: 200, body: Array(body.utf8))
        guard case .accepted(let task) = AnswerClassification.ofCreate(response) else { throw NoTask() }
        return task
    }

    private func found(_ body: String, _ id: String = "867283741759111202") throws -> ProviderTask {
        let response = HTTPResponse(status: 200, body: Array(body.utf8))
        guard case .found(let task) = AnswerClassification.ofLookUp(response, of: .taskID(id)) else { throw NoTask() }
        return task
    }

    @Test("Created, as CometAPI's older page has it: nulls everywhere, no request id")
    func createdOld() throws {
        let task = try created(
            #"""
            {"code":0,"message":"string","data":{"created_at":1781080778802,"updated_at":1781080778802,
            "task_id":"867283741759111202","task_status":"submitted","task_status_msg":null,
            "task_info":{"external_task_id":null},"task_result":null}}
            """#
        )
        let expected = ProviderTask(
            taskID: "867283741759111202",
            status: .submitted,
            statusWord: "submitted",
            createdAt: 1_781_080_778_802,
            updatedAt: 1_781_080_778_802
        )
        #expect(task == expected)
    }

    @Test("Created, as CometAPI's current page has it: no status, which means submitted")
    func createdCurrent() throws {
        let task = try created(
            #"""
            {"code":0,"message":"SUCCEED","request_id":"8c1a","data":{"task_id":"867283741759111202",
            "task_info":{"external_task_id":"mine"},"task_status_msg":"","task_result":{}}}
            """#
        )
        #expect(task.status == .submitted)
        #expect(task.statusWord == nil)
        #expect(task.externalTaskID == "mine")
        #expect(task.requestID == "8c1a")
    }

    @Test("Running: empty objects where data will be")
    func running() throws {
        let task = try found(
            #"""
            {"code":0,"message":"SUCCEED","request_id":"8c1a","data":{"task_id":"867283741759111202","task_info":{},
            "created_at":1781080778802,"updated_at":1781080780622,"task_result":{},"task_status":"processing"}}
            """#
        )
        #expect(task.status == .processing)
        #expect(task.images.isEmpty)
        #expect(task.externalTaskID == nil)
    }

    @Test("Done, in full: images by index, whole query strings, the deduction as a string")
    func done() throws {
        let task = try found(
            #"""
            {"code":0,"message":"SUCCEED","request_id":"8c1a","data":{"task_id":"867283741759111202",
            "task_status":"succeed","task_status_msg":"","final_unit_deduction":"16",
            "final_balance_deduction":{"quota":"1","list_price":"2"},"watermark_info":{"enabled":true},
            "task_info":{"external_task_id":"mine"},"created_at":1781080778802,"updated_at":1781080819368,
            "task_result":{"images":[
            {"index":1,"url":"https://cdn.klingai.com/b.png?cacheKey=1&x-kcdn-pid=112757&pkey=2","watermark_url":""},
            {"index":0,"url":"https://cdn.klingai.com/a.png","watermark_url":"https://cdn.klingai.com/aw.png"}]}}}
            """#
        )
        #expect(task.status == .succeed)
        #expect(task.statusMessage == "")
        #expect(task.finalUnitDeduction == "16")
        #expect(
            task.images == [
                ProviderImage(
                    index: 0,
                    url: "https://cdn.klingai.com/a.png",
                    watermarkURL: "https://cdn.klingai.com/aw.png"
                ),
                ProviderImage(index: 1, url: "https://cdn.klingai.com/b.png?cacheKey=1&x-kcdn-pid=112757&pkey=2"),
            ]
        )
    }

    @Test(
        "Images without usable indexes keep their order and never share an index",
        arguments: [
            #"[{"url":"a"},{"url":"b"}]"#, #"[{"id":"","url":"a"},{"id":"","url":"b"}]"#,
            #"[{"index":0,"url":"a"},{"index":0,"url":"b"}]"#, #"[{"index":5,"url":"a"},{"url":"b"}]"#,
            #"[{"index":-1,"url":"a"},{"index":0,"url":"b"}]"#, #"[{"url":"a"},{"index":0},{"url":"b"},null,7]"#,
        ]
    )
    func odd(images: String) throws {
        let task = try found(
            #"{"code":0,"data":{"task_id":"1","task_status":"succeed","task_result":{"images":\#(images)}}}"#,
            "1"
        )
        #expect(task.images == [ProviderImage(index: 0, url: "a"), ProviderImage(index: 1, url: "b")])
    }

    @Test("Failed, as Kling tells it: HTTP 200, code 0, the reason in words")
    func failed() throws {
        let task = try found(
            #"""
            {"code":0,"message":"SUCCEED","data":{"task_id":"867283741759111202","task_status":"failed",
            "task_status_msg":"Failure to pass the risk control system"}}
            """#
        )
        #expect(task.status == .failed)
        #expect(task.statusMessage == "Failure to pass the risk control system")
    }

    @Test(
        "Every word for an end is understood",
        arguments: [
            ("submitted", .submitted), ("processing", .processing), ("succeed", .succeed), ("succeeded", .succeed),
            ("SUCCESS", .succeed), ("failed", .failed), ("FAILURE", .failed), ("reticulating", .unknown),
        ] as [(String, ProviderTaskStatus)]
    )
    func words(word: String, status: ProviderTaskStatus) throws {
        let task = try found(#"{"code":0,"data":{"task_id":"1","task_status":"\#(word)"}}"#, "1")
        #expect(task.status == status)
        #expect(task.statusWord == word)
    }

    @Test("A look-up that says no status leaves it unknown")
    func noStatus() throws {
        #expect(try found(#"{"code":0,"data":{"task_id":"1"}}"#, "1").status == .unknown)
    }

    @Test(
        "The envelopes of relays",
        arguments: [
            #"{"code":"0","data":{"task_id":"867283741759111202"}}"#,
            #"{"code":0.0,"data":{"task_id":"867283741759111202"}}"#,
            #"{"code":"success","data":{"task_id":"867283741759111202"}}"#,
            #"{"data":{"task_id":"867283741759111202"}}"#,
            #"{"code":null,"data":{"task_id":"867283741759111202"}}"#,
            #"{"code":0,"error":null,"data":{"task_id":"867283741759111202"}}"#,
            #"{"task_id":"867283741759111202"}"#,
            #"{"code":0,"data":{"task_id":867283741759111202}}"#,
        ]
    )
    func envelopes(body: String) throws {
        #expect(try created(body).taskID == "867283741759111202")
    }

    @Test("Members of an unexpected type count as not said")
    func oddTypes() throws {
        let task = try found(
            #"""
            {"code":0,"data":{"task_id":"1","task_status":"processing","task_status_msg":7,"task_info":[],
            "task_result":"none","final_unit_deduction":8,"created_at":"1781080778802","updated_at":{}}}
            """#,
            "1"
        )
        let expected = ProviderTask(
            taskID: "1",
            status: .processing,
            statusWord: "processing",
            finalUnitDeduction: "8",
            createdAt: 1_781_080_778_802
        )
        #expect(task == expected)
    }

    @Test("A look-up by external id takes what says nothing of it, and refuses another's")
    func external() {
        func outcome(_ info: String) -> LookUpOutcome {
            let body = #"{"code":0,"data":{"task_id":"1","task_status":"processing","task_info":\#(info)}}"#
            let response = HTTPResponse(status: 200, body: Array(body.utf8))
            return AnswerClassification.ofLookUp(response, of: .externalTaskID("mine"))
        }
        for info in ["{}", "null", #"{"external_task_id":"mine"}"#] {
            guard case .found = outcome(info) else {
                Issue.record("not found with \(info)")
                continue
            }
        }
        guard case .unavailable = outcome(#"{"external_task_id":"theirs"}"#) else {
            Issue.record("another's task was adopted")
            return
        }
    }
}
