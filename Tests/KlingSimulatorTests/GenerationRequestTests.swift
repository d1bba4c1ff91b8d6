import Testing

@testable import KlingSimulator

@Suite struct GenerationRequestTests {
    @Test func aPromptAloneIsEnough() throws {
        let request = try read(#"{"prompt":"a lighthouse"}"#)
        let expected = GenerationRequest(prompt: "a lighthouse", n: 1, size: PixelSize(width: 1360, height: 768))
        #expect(request == expected)
    }

    @Test func nullEmptyAndUnknownMembersCountAsNotGiven() throws {
        let body = """
            {"prompt":"x","negative_prompt":"","image":null,"n":null,"model":"old","external_task_id":"","extra":[1]}
            """
        #expect(try read(body).externalTaskID == nil)
    }

    @Test(arguments: [
        (#"{"prompt":"x","aspect_ratio":"3:2"}"#, PixelSize(width: 1248, height: 832)),
        (#"{"prompt":"x","aspect_ratio":"9:16"}"#, PixelSize(width: 768, height: 1360)),
        (#"{"prompt":"x","aspect_ratio":"1:1","resolution":"2k"}"#, PixelSize(width: 2048, height: 2048)),
    ])
    func thePictureHasTheSizeOfRatioAndResolution(body: String, size: PixelSize) throws {
        #expect(try read(body).size == size)
    }

    @Test(arguments: [
        ("", 400, 1200), ("[]", 400, 1200), ("{", 400, 1200),
        ("{}", 400, 1201),
        (#"{"prompt":""}"#, 400, 1201),
        (#"{"prompt":7}"#, 400, 1201),
        (#"{"prompt":"x","n":0}"#, 400, 1201),
        (#"{"prompt":"x","n":10}"#, 400, 1201),
        (#"{"prompt":"x","n":1.5}"#, 400, 1201),
        (#"{"prompt":"x","n":"1"}"#, 400, 1201),
        (#"{"prompt":"x","aspect_ratio":"5:4"}"#, 400, 1201),
        (#"{"prompt":"x","resolution":"4k"}"#, 400, 1201),
        (#"{"prompt":"x","image_fidelity":1.1}"#, 400, 1201),
        (#"{"prompt":"x","image":"https://example.com/a.png","negative_prompt":"y"}"#, 400, 1201),
        (#"{"prompt":"x","callback_url":"ftp://example.com"}"#, 400, 1201),
        (#"{"prompt":"x","callback_url":"https://"}"#, 400, 1201),
        (#"{"prompt":"x","model_name":"kling-v1"}"#, 404, 1203),
        (#"{"prompt":"x","model_name":"kling-v1-5"}"#, 404, 1203),
        (#"{"prompt":"x","model_name":"kling-v2"}"#, 404, 1203),
        (#"{"prompt":"x","model_name":"kling-v2-new"}"#, 404, 1203),
        (#"{"prompt":"x","model_name":"other"}"#, 404, 1203),
    ])
    func whatTheProviderRefusesIsRefusedWithItsCode(body: String, status: Int, code: Int) {
        let refusal = #expect(throws: Refusal.self) { try read(body) }
        #expect(refusal?.httpStatus == status)
        #expect(refusal?.code == code)
    }

    @Test func promptsAreMeasuredInUnicodeScalars() throws {
        // One character of two scalars, six bytes.
        let accent = "e\u{301}"
        _ = try read(#"{"prompt":"\#(String(repeating: accent, count: 250))"}"#)
        #expect(throws: Refusal.self) { try read(#"{"prompt":"\#(String(repeating: accent, count: 250))x"}"#) }
        #expect(throws: Refusal.self) {
            try read(#"{"prompt":"x","negative_prompt":"\#(String(repeating: "n", count: 201))"}"#)
        }
    }

    @Test func theCurrentPageAllowsMore() throws {
        let long = String(repeating: "x", count: 2500)
        let body = #"{"prompt":"\#(long)","negative_prompt":"\#(long)","aspect_ratio":"21:9"}"#
        #expect(throws: Refusal.self) { try read(body) }
        #expect(try read(body, .current).size == PixelSize(width: 1552, height: 656))
    }

    @Test(arguments: [
        #"{"prompt":"x","image_reference":"subject"}"#,
        #"{"prompt":"x","image":"https://example.com/a.png","image_reference":"hat"}"#,
        #"{"prompt":"x","human_fidelity":-1}"#,
    ])
    func theCurrentPageChecksWhatItAdds(body: String) throws {
        #expect(throws: Refusal.self) { try read(body, .current) }
        _ = try read(body, .classic)
    }

    private func read(_ body: String, _ limits: LimitsProfile = .classic) throws -> GenerationRequest {
        try GenerationRequest(body: Array(body.utf8), limits: limits)
    }
}
