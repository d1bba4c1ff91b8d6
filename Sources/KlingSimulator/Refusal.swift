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

    /// 1202: the address is right, the method is not.
    static let method = Refusal(httpStatus: 404, code: 1202, message: "request method is not supported")

    /// 1000: the signature of a login is not right, or what it signs is not complete.
    static let badSignature = Refusal(httpStatus: 401, code: 1000, message: "authentication failed")
    /// 1001
    static let noKey = Refusal(httpStatus: 401, code: 1001, message: "Authorization is empty")
    /// 1002
    static let unknownKey = Refusal(httpStatus: 401, code: 1002, message: "api key not found")
    /// 1003
    static let tokenNotYetValid = Refusal(httpStatus: 401, code: 1003, message: "token is not valid yet")
    /// 1004
    static let tokenExpired = Refusal(httpStatus: 401, code: 1004, message: "token is expired")

    /// 1301: the prompt is against the content policy.
    static let contentPolicy = Refusal(httpStatus: 400, code: 1301, message: "content security policy violated")

    /// 1303: more images in flight than the account's pack allows.
    static let concurrency = Refusal(httpStatus: 429, code: 1303, message: "parallel task over resource pack limit")

    /// Says that an account has used an `external_task_id` before. The provider's code for it is not known.
    static let duplicateExternalID = Refusal.parameter("external_task_id already exists")

    var isThrottling: Bool { httpStatus == 429 }
}
