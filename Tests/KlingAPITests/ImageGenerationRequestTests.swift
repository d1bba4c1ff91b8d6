import JSON
import KlingAPI
import Testing

func decode(_ text: String, _ profile: LimitsProfile = .classic) throws -> ImageGenerationRequest {
    var members = JSONMembers(try #require(try JSONValue.parse(text).objectValue))
    return try ImageGenerationRequest.decode(&members, profile: profile)
}

/// The refusal of a request; a test fails when there is none.
func refusal(_ text: String, _ profile: LimitsProfile = .classic) throws -> RequestError {
    try #require(throws: RequestError.self) { _ = try decode(text, profile) }
}

private func text(_ count: Int, of character: Character = "x") -> String { String(repeating: character, count: count) }

@Suite("A request for images")
struct ImageGenerationRequestTests {
    @Test("needs a prompt and nothing else; n and model_name have defaults that are sent")
    func smallest() throws {
        let request = try decode(#"{"prompt":"a lighthouse"}"#)
        #expect(request.n == 1)
        #expect(
            String(decoding: request.body(externalTaskID: nil), as: UTF8.self)
                == #"{"prompt":"a lighthouse","n":1,"model_name":"kling-v3"}"#
        )
    }

    @Test("is sent in one fixed order with every member, an element_id above 2^53 to the last digit")
    func whole() throws {
        let request = try decode(
            #"""
            {"model_name":"kling-v2-1","external_task_id":"mine","prompt":"p","image":"https://example.com/a.png?x=1",
            "image_reference":"subject","image_fidelity":0.5,"human_fidelity":0.45,"resolution":"2k","n":9,
            "element_list":[{"element_id":829836802793406551},{"element_id":"829836802793406553"}],
            "aspect_ratio":"21:9","watermark_info":{"enabled":true},"callback_url":"https://example.com/hook"}
            """#,
            .current
        )
        let expected =
            #"{"prompt":"p","image":"https://example.com/a.png?x=1","image_reference":"subject","image_fidelity":0.5,"#
            + #""human_fidelity":0.45,"element_list":[{"element_id":829836802793406551},"#
            + #"{"element_id":829836802793406553}],"resolution":"2k","n":9,"aspect_ratio":"21:9","#
            + #""watermark_info":{"enabled":true},"callback_url":"https://example.com/hook","#
            + #""model_name":"kling-v2-1","external_task_id":"sent"}"#
        #expect(String(decoding: request.body(externalTaskID: "sent"), as: UTF8.self) == expected)
        #expect(request.externalTaskID == "mine")
        #expect(request.parameters["external_task_id"] == "mine")
        #expect(request.parameters["image"] == "https://example.com/a.png?x=1")
    }

    @Test("takes null as not given")
    func null() throws {
        let names = ImageGenerationRequest.memberNames.filter { $0 != "prompt" }
        let nulls = names.map { #","\#($0)":null"# }.joined()
        for profile in LimitsProfile.all {
            let request = try decode(#"{"prompt":"p"\#(nulls)}"#, profile)
            #expect(request == (try decode(#"{"prompt":"p"}"#, profile)))
        }
    }

    @Test(
        "refuses an empty string: a script whose variable is empty must not pay for something else",
        arguments: [
            "negative_prompt", "image", "image_reference", "resolution", "aspect_ratio", "callback_url", "model_name",
            "external_task_id",
        ]
    )
    func empty(name: String) throws {
        let error = try refusal(#"{"prompt":"p","\#(name)":""}"#, .current)
        #expect(error.kind == .invalidParams)
        #expect(error.pointer?.description == "/\(name)")
        #expect(error.message.contains("'\(name)' must not be empty"))
    }

    @Test(
        "quotes no more than 80 characters of what was given",
        arguments: ["aspect_ratio", "resolution", "image_reference"]
    )
    func excerpt(name: String) throws {
        let whole = try refusal(#"{"prompt":"p","\#(name)":"\#(text(80))"}"#, .current)
        #expect(whole.message.contains("'\(text(80))'"))
        let cut = try refusal(#"{"prompt":"p","\#(name)":"\#(text(81))"}"#, .current)
        #expect(cut.message.contains("'\(text(80))…'"))
    }

    @Test("quotes no more than 80 characters of a path")
    func pathExcerpt() throws {
        let error = try refusal(#"{"prompt":"p","image":"/\#(text(100_000))"}"#)
        #expect(error.kind == .imageUnavailable)
        #expect(error.message.contains("'/\(text(79))…'"))
        #expect(error.message.utf8.count < 300)
    }

    @Test("leaves members of other names to the caller, and calls its own by name")
    func unknown() throws {
        var members = JSONMembers(["prompt": "p", "aspect_ration": "1:1"])
        _ = try ImageGenerationRequest.decode(&members, profile: .classic)
        let error = try #require(throws: JSONDecodingError.self) { try members.finish() }
        #expect(error.message.contains("did you mean 'aspect_ratio'"))
    }

    @Test("takes every value at its limit")
    func limits() throws {
        for (profile, prompt, negative) in [(LimitsProfile.classic, 500, 200), (.current, 2500, 2500)] {
            let request = try decode(
                #"{"prompt":"\#(text(prompt))","negative_prompt":"\#(text(negative))","n":1,"image_fidelity":0}"#,
                profile
            )
            #expect(request.prompt.count == prompt)
            for ratio in profile.aspectRatios {
                #expect(try decode(#"{"prompt":"p","n":9,"aspect_ratio":"\#(ratio)"}"#, profile).aspectRatio == ratio)
            }
        }
        #expect(LimitsProfile.classic.aspectRatios.count == 7)
        #expect(LimitsProfile.current.aspectRatios.count == 8)
    }

    @Test("counts characters as Unicode scalars")
    func scalars() throws {
        _ = try decode(#"{"prompt":"\#(text(500, of: "é"))"}"#)
        // Two scalars that look like one character.
        #expect(try refusal(#"{"prompt":"\#(text(251, of: "e\u{301}"))"}"#).message.contains("not 502"))
    }

    /// A request, the member at fault and the words that the refusal must have.
    struct Refused: Sendable, CustomTestStringConvertible {
        let request: String
        let pointer: String
        let kind: FailureKind
        let words: [String]

        init(_ request: String, _ pointer: String, _ kind: FailureKind = .invalidParams, _ words: String...) {
            self.request = request
            self.pointer = pointer
            self.kind = kind
            self.words = words
        }

        var testDescription: String { "\(pointer) \(request.prefix(80))" }
    }

    static let refusedByBoth: [Refused] = [
        Refused("{}", "/prompt", .invalidParams, "required"),
        Refused(#"{"prompt":""}"#, "/prompt", .invalidParams, "required"),
        Refused(#"{"prompt":" \n"}"#, "/prompt", .invalidParams, "required"),
        Refused(#"{"prompt":7}"#, "/prompt", .invalidParams, "must be a string"),
        Refused(#"{"prompt":"\#(text(2501))"}"#, "/prompt", .invalidParams, "not 2501"),
        Refused(#"{"prompt":"p","negative_prompt":"\#(text(2501))"}"#, "/negative_prompt", .invalidParams, "not 2501"),
        Refused(#"{"prompt":"p","n":0}"#, "/n", .invalidParams, "1 to 9"),
        Refused(#"{"prompt":"p","n":10}"#, "/n", .invalidParams, "1 to 9"),
        Refused(#"{"prompt":"p","n":1.5}"#, "/n", .invalidParams, "integer"),
        Refused(#"{"prompt":"p","n":"2"}"#, "/n", .invalidParams, "integer"),
        Refused(#"{"prompt":"p","aspect_ratio":"5:4"}"#, "/aspect_ratio", .invalidParams, "16:9", "2:3", "'5:4'"),
        Refused(#"{"prompt":"p","image_fidelity":1.01}"#, "/image_fidelity", .invalidParams, "0 to 1"),
        Refused(#"{"prompt":"p","image_fidelity":-0.1}"#, "/image_fidelity", .invalidParams, "0 to 1"),
        Refused(#"{"prompt":"p","image_fidelity":"high"}"#, "/image_fidelity", .invalidParams, "a number"),
        Refused(#"{"prompt":"p","model_name":3}"#, "/model_name", .invalidParams, "a string"),
        Refused(#"{"prompt":"p","callback_url":"ftp://example.com"}"#, "/callback_url", .invalidParams, "http"),
        Refused(#"{"prompt":"p","callback_url":"https://u:pw@example.com"}"#, "/callback_url", .invalidParams, "http"),
        Refused(#"{"prompt":"p","callback_url":"example.com/hook"}"#, "/callback_url", .invalidParams, "http"),
        Refused(#"{"prompt":"p","external_task_id":".."}"#, "/external_task_id"),
        Refused(#"{"prompt":"p","external_task_id":"a\nb"}"#, "/external_task_id"),
        Refused(#"{"prompt":"p","external_task_id":"\#(text(257))"}"#, "/external_task_id", .invalidParams, "256"),
    ]

    @Test("is refused under either profile", arguments: refusedByBoth)
    func refused(_ row: Refused) throws {
        for profile in LimitsProfile.all {
            let error = try refusal(row.request, profile)
            check(error, row)
            #expect(!error.message.contains("--api-revision"))
        }
    }

    static let refusedByClassic: [Refused] = [
        Refused(#"{"prompt":"\#(text(501))"}"#, "/prompt", .invalidParams, "at most 500", "not 501", "allows 2500"),
        Refused(#"{"prompt":"p","negative_prompt":"\#(text(201))"}"#, "/negative_prompt", .invalidParams, "not 201"),
        Refused(#"{"prompt":"p","aspect_ratio":"21:9"}"#, "/aspect_ratio"),
        Refused(#"{"prompt":"p","resolution":"1k"}"#, "/resolution", .unsupported),
        Refused(
            #"{"prompt":"p","image":"https://e.com/a.png","image_reference":"face"}"#,
            "/image_reference",
            .unsupported
        ),
        Refused(
            #"{"prompt":"p","image":"https://e.com/a.png","image_reference":"subject","human_fidelity":0.5}"#,
            "/image_reference",
            .unsupported
        ),
        Refused(#"{"prompt":"p","element_list":[{"element_id":1}]}"#, "/element_list", .unsupported),
        Refused(#"{"prompt":"p","watermark_info":{"enabled":false}}"#, "/watermark_info", .unsupported),
    ]

    @Test("is refused by classic with a word that current allows it, and it does", arguments: refusedByClassic)
    func classic(_ row: Refused) throws {
        let error = try refusal(row.request, .classic)
        check(error, row)
        #expect(error.message.contains("--api-revision current allows"))
        _ = try decode(row.request, .current)
    }

    static let refusedByCurrent: [Refused] = [
        Refused(#"{"prompt":"p","resolution":"4k"}"#, "/resolution", .invalidParams, "1k or 2k", "'4k'"),
        Refused(#"{"prompt":"p","image_reference":"style"}"#, "/image_reference", .invalidParams, "subject or face"),
        Refused(#"{"prompt":"p","image_reference":"face"}"#, "/image_reference", .invalidParams, "'image'"),
        Refused(#"{"prompt":"p","human_fidelity":0.5}"#, "/human_fidelity", .invalidParams, "subject"),
        Refused(#"{"prompt":"p","human_fidelity":2}"#, "/human_fidelity", .invalidParams, "0 to 1"),
        Refused(#"{"prompt":"p","element_list":{}}"#, "/element_list", .invalidParams, "an array"),
        Refused(#"{"prompt":"p","element_list":[7]}"#, "/element_list/0", .invalidParams, "element_id"),
        Refused(#"{"prompt":"p","element_list":[{"element_id":1},{}]}"#, "/element_list/1/element_id"),
        Refused(#"{"prompt":"p","element_list":[{"element_id":1e17}]}"#, "/element_list/0/element_id"),
        Refused(#"{"prompt":"p","element_list":[{"element_id":1,"x":2}]}"#, "/element_list/0/x", .invalidParams, "'x'"),
        Refused(
            #"{"prompt":"p","element_list":["#
                + [String](repeating: #"{"element_id":1}"#, count: 11).joined(separator: ",") + "]}",
            "/element_list",
            .invalidParams,
            "at most 10"
        ),
        Refused(
            #"{"prompt":"p","image":"https://e.com/a.png","element_list":["#
                + [String](repeating: #"{"element_id":1}"#, count: 10).joined(separator: ",") + "]}",
            "/element_list",
            .invalidParams,
            "not 11"
        ),
        Refused(#"{"prompt":"p","watermark_info":true}"#, "/watermark_info", .invalidParams, "an object"),
        Refused(#"{"prompt":"p","watermark_info":{"enabled":1}}"#, "/watermark_info/enabled"),
        Refused(#"{"prompt":"p","watermark_info":{"text":"x"}}"#, "/watermark_info/text"),
        Refused(
            #"{"prompt":"p","negative_prompt":"q","image":"https://e.com/a.png"}"#,
            "/negative_prompt",
            .invalidParams,
            "'image'"
        ),
    ]

    @Test("is refused by current", arguments: refusedByCurrent)
    func current(_ row: Refused) throws {
        check(try refusal(row.request, .current), row)
    }

    @Test("may have a negative prompt beside an image under classic, which says nothing against it")
    func negativePromptWithImage() throws {
        _ = try decode(#"{"prompt":"p","negative_prompt":"q","image":"https://e.com/a.png"}"#, .classic)
    }

    @Test("says that a member is foreign to classic before it says what else is wrong with it")
    func foreignFirst() throws {
        let error = try refusal(#"{"prompt":"p","human_fidelity":0.5}"#, .classic)
        #expect(error.kind == .unsupported)
        #expect(error.pointer?.description == "/human_fidelity")
    }

    @Test("finds its profile by name")
    func profiles() {
        #expect(LimitsProfile.named("classic") == .classic)
        #expect(LimitsProfile.named("current") == .current)
        #expect(LimitsProfile.named("future") == nil)
    }

    private func check(_ error: RequestError, _ row: Refused) {
        #expect(error.pointer?.description == row.pointer)
        #expect(error.kind == row.kind)
        for word in row.words { #expect(error.message.contains(word)) }
    }
}
