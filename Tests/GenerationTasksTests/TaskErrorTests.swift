import GenerationTasks
import JSON
import Testing

@Suite("Errors")
struct TaskErrorTests {
    @Test("have the kinds of the design, each with a code of its own outside of every reserved range")
    func kinds() {
        let words = [
            "invalid_params", "unsupported", "not_found", "conflict", "no_credentials", "auth", "account",
            "content_policy", "refused", "throttled", "provider_unavailable", "provider_silent", "withdrawn",
            "image_unavailable", "result_expired", "storage_full", "storage_denied", "storage_unavailable",
            "storage_config", "plugin", "ledger_busy", "ledger", "limit", "too_large", "internal",
        ]
        #expect(Set(ErrorKind.all.map(\.rawValue)) == Set(words))
        #expect(ErrorKind.all.count == words.count)
        #expect(Set(ErrorKind.all.map(\.code)).count == words.count)
        for kind in ErrorKind.all {
            #expect(kind == .invalidParams ? kind.code == -32_602 : kind.code >= 10_000)
            #expect(ErrorKind(rawValue: kind.rawValue) == kind)
        }
        #expect(ErrorKind(rawValue: "oops") == nil)
    }

    @Test("show code and message with kind, charged and retryable beside them, and nothing that is not known")
    func least() {
        let error = TaskError(.auth, "the key was refused; give another")
        #expect(
            "\(JSONValue.object(error.json))"
                == #"{"code":10005,"message":"the key was refused; give another","kind":"auth","charged":"no","#
                + #""retryable":false}"#
        )
    }

    @Test("show everything that is known")
    func most() {
        let error = TaskError(
            .throttled,
            "too many requests",
            charged: .unknown,
            retryable: true,
            retryAfter: .milliseconds(1500),
            pointer: .root.member("a/b"),
            provider: TaskError.Provider(httpStatus: 429, code: 1302, message: "rate limit", requestID: "r-1")
        )
        #expect(
            "\(JSONValue.object(error.json))"
                == #"{"code":10009,"message":"too many requests","kind":"throttled","charged":"unknown","#
                + #""retryable":true,"retry_after_ms":1500,"pointer":"/a~1b","#
                + #""provider":{"http_status":429,"code":1302,"message":"rate limit","request_id":"r-1"}}"#
        )
        #expect(error.details["code"] == nil)
        #expect(error.details["message"] == nil)
    }

    @Test("keep the provider's code as it came, also when a gateway makes it a string")
    func providerCode() {
        let error = TaskError(.auth, "no", provider: TaskError.Provider(code: "invalid_api_key"))
        #expect(error.details["provider"]?["code"] == "invalid_api_key")
        #expect(error.details["provider"]?["http_status"] == .null)
    }
}
