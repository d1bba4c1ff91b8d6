/// Why a request was not taken, in the provider's terms (kling-api-facts.md section 4).
struct Refusal: Error, Equatable, Sendable {
    var httpStatus: Int
    var code: Int
    var message: String

    /// 1201: a parameter's name or value is wrong.
    static func parameter(_ message: String) -> Refusal {
        Refusal(httpStatus: 400, code: 1201, message: message)
    }

    /// 1200: the body is no request at all.
    static func body(_ message: String) -> Refusal {
        Refusal(httpStatus: 400, code: 1200, message: message)
    }

    /// 1203: what the request names does not exist, a model for example.
    static func missing(_ message: String) -> Refusal {
        Refusal(httpStatus: 404, code: 1203, message: message)
    }

    /// 1301: the prompt is against the content policy.
    static let contentPolicy = Refusal(httpStatus: 400, code: 1301, message: "content security policy violated")

    /// 1303: more images in flight than the account's pack allows.
    static let concurrency = Refusal(httpStatus: 429, code: 1303, message: "parallel task over resource pack limit")

    /// Says that an account has used an `external_task_id` before. The provider's code for it is not known.
    static let duplicateExternalID = Refusal.parameter("external_task_id already exists")

    var isThrottling: Bool { httpStatus == 429 }
}
