import HTTPTransport
import JSON

/// What an answer means, for money and for a person: the one table of it (design section 6.4; kling-api-facts.md 1.4 to
/// 1.6 and 4). The business code decides where it can, the HTTP status where it cannot.
enum AnswerClassification {
    /// The outcome of a create that was answered.
    static func ofCreate(_ response: HTTPResponse) -> CreateOutcome {
        let answer = ProviderAnswer(response)
        let verdict = verdict(on: answer)
        if verdict == .success, let task = task(in: answer, statusWhenUnsaid: .submitted) { return .accepted(task) }
        // A success without a task contradicts itself, whatever its status: nothing is certain then.
        let failure = failure(verdict == .success ? .unreadable : verdict, answer)
        switch verdict.certainty {
        case .refused: return .refused(failure)
        case .throttled: return .throttled(failure)
        case .success, .noSuchTask, .uncertain: return .ambiguous(failure)
        }
    }

    /// The outcome of a look-up that was answered.
    static func ofLookUp(_ response: HTTPResponse, of reference: TaskReference) -> LookUpOutcome {
        let answer = ProviderAnswer(response)
        var verdict = verdict(on: answer, isLookUp: true)
        // It may lead to a second create: what contradicts itself is no proof.
        if verdict == .noSuchTask, !answer.isPlainAbsence { verdict = .unreadable }
        if verdict == .success, let task = task(in: answer, statusWhenUnsaid: .unknown) {
            guard reference.isMet(by: task) else { return .unavailable(failure(.anotherTask, answer)) }
            return .found(task)
        }
        let failure = failure(verdict == .success ? .unreadable : verdict, answer)
        switch verdict.certainty {
        case .noSuchTask: return .noSuchTask(failure)
        case .refused: return .rejected(failure)
        case .throttled: return .throttled(failure)
        case .success, .uncertain: return .unavailable(failure)
        }
    }

    /// The outcome of a question for a list that was answered.
    static func ofList(_ response: HTTPResponse) -> ListOutcome {
        let answer = ProviderAnswer(response)
        let verdict = verdict(on: answer)
        if verdict == .success, let items = answer.list {
            return .page(
                items.compactMap { ProviderTask($0, statusWhenUnsaid: .unknown, requestID: answer.requestID) }
            )
        }
        let failure = failure(verdict == .success ? .unreadable : verdict, answer)
        switch verdict.certainty {
        case .refused: return .rejected(failure)
        case .throttled: return .throttled(failure)
        case .success, .noSuchTask, .uncertain: return .unavailable(failure)
        }
    }

    private static func task(in answer: ProviderAnswer, statusWhenUnsaid: ProviderTaskStatus) -> ProviderTask? {
        answer.data.flatMap { ProviderTask($0, statusWhenUnsaid: statusWhenUnsaid, requestID: answer.requestID) }
    }

    private static func verdict(on answer: ProviderAnswer, isLookUp: Bool = false) -> Verdict {
        switch answer.code {
        case .none: byStatus(answer.status)
        case .number(let code): byNumber(code, isLookUp: isLookUp) ?? byUnknownCode(answer.status)
        case .word(let word): byWord(word, answer.status, isLookUp: isLookUp) ?? byUnknownCode(answer.status)
        }
    }

    private static func failure(_ verdict: Verdict, _ answer: ProviderAnswer) -> ProviderFailure {
        var evidence = "HTTP \(answer.status)"
        if let code = answer.writtenCode?.text { evidence += ", code \(code)" }
        if let location = answer.location, (300...399).contains(answer.status) { evidence += ", to \(location)" }
        if let message = answer.message { evidence += ": \(message)" }
        if !answer.isReadable { evidence += ", body not JSON" }
        return ProviderFailure(
            verdict.kind,
            "\(verdict.what) (\(evidence)); \(verdict.advice)",
            httpStatus: answer.status,
            code: answer.writtenCode,
            providerMessage: answer.message,
            requestID: answer.requestID,
            retryAfter: answer.retryAfter
        )
    }
}

/// One row of the table.
private struct Verdict: Equatable {
    /// How much an answer says about whether there is a task.
    enum Certainty {
        /// There is one, if the answer holds it.
        case success
        /// There is none, and there will be none for this request.
        case refused
        /// There is none yet.
        case throttled
        /// There is none of that id.
        case noSuchTask
        case uncertain
    }

    let certainty: Certainty
    let kind: FailureKind
    let what: String
    let advice: String

    init(_ certainty: Certainty, _ kind: FailureKind, _ what: String, _ advice: String) {
        self.certainty = certainty
        self.kind = kind
        self.what = what
        self.advice = advice
    }
}

extension AnswerClassification {
    /// Kling's business codes.
    private static func byNumber(_ code: Int64, isLookUp: Bool) -> Verdict? {
        switch code {
        case 0: .success
        case 1000...1002: .wrongKey
        case 1003, 1004: .staleToken
        case 1100...1102: .account
        case 1103: .forbidden
        case 1200...1202: .badRequest
        // On a look-up, the resource that is missing is the task itself.
        case 1203: isLookUp ? .noSuchTask : .missingResource
        case 1300, 1301: .contentPolicy
        case 1302, 1303: .throttled
        case 1304: .addressNotAllowed
        case 5000...5002: .outOfOrder
        default: nil
        }
    }

    /// The words of gateways. That a create is refused for certain is the status's to say, except for two words that
    /// come with a status of another meaning (kling-api-facts.md 1.6).
    private static func byWord(_ word: String, _ status: Int, isLookUp: Bool) -> Verdict? {
        let isRefused = byStatus(status).certainty == .refused
        switch word {
        case "success": return .success
        case "task_not_exist" where isLookUp: return .noSuchTask
        case "invalid_request" where isRefused || status == 500: return .badRequest
        case "model_not_found" where isRefused || status == 503: return .noChannel
        case "insufficient_user_quota" where isRefused, "pre_consume_token_quota_failed" where isRefused:
            return .account
        default: return nil
        }
    }

    private static func byStatus(_ status: Int) -> Verdict {
        switch status {
        case 200...299: .success
        case 300...399: .redirect
        case 401: .wrongKey
        case 402: .account
        case 403: .forbidden
        case 404, 405: .wrongAddress
        case 407: .proxyLogin
        case 413: .tooLarge
        case 400...407, 409...423, 431: .badRequest
        case 429: .throttled
        default: .outOfOrder
        }
    }

    /// A code that nobody has documented contradicts a status of success, and adds nothing to any other.
    private static func byUnknownCode(_ status: Int) -> Verdict {
        let verdict = byStatus(status)
        return verdict == .success ? .unreadable : verdict
    }
}

extension Verdict {
    static let success = Verdict(.success, .providerUnavailable, "", "")

    static let wrongKey = Verdict(
        .refused,
        .auth,
        "the provider does not accept the key",
        "check that it is whole, valid, and of this provider"
    )
    static let staleToken = Verdict(
        .refused,
        .auth,
        "the provider takes the login for expired or not yet valid",
        "check this machine's clock, or make a new key"
    )
    static let forbidden = Verdict(
        .refused,
        .auth,
        "the key may not do this",
        "check the key's rights, and that the account may use this model and these parameters"
    )
    static let addressNotAllowed = Verdict(
        .refused,
        .auth,
        "the provider does not serve this machine's network address",
        "add it to the account's allow-list"
    )
    static let account = Verdict(
        .refused,
        .account,
        "the account cannot pay for this",
        "check its balance, resource packs and state with the provider"
    )
    static let badRequest = Verdict(
        .refused,
        .refused,
        "the provider does not take the request",
        "change it as the provider says"
    )
    static let missingResource = Verdict(
        .refused,
        .refused,
        "the provider does not have what the request names",
        "check model_name and element_list"
    )
    static let noChannel = Verdict(
        .refused,
        .unsupported,
        "the gateway has no channel for this model",
        "choose another model_name, or a key of another group"
    )
    static let contentPolicy = Verdict(
        .refused,
        .contentPolicy,
        "the provider's content policy refuses the prompt or the image",
        "change them"
    )
    static let tooLarge = Verdict(
        .refused,
        .tooLarge,
        "the request is larger than the provider takes",
        "send a smaller image, or its URL"
    )
    static let redirect = Verdict(
        .refused,
        .refused,
        "the provider's address answers with a redirect, which is not followed",
        "check the base URL"
    )
    static let wrongAddress = Verdict(
        .refused,
        .refused,
        "there is no such service at the provider's address",
        "check the base URL"
    )
    static let proxyLogin = Verdict(
        .refused,
        .refused,
        "the proxy asks for a login",
        "check the proxy in the environment"
    )
    static let throttled = Verdict(
        .throttled,
        .throttled,
        "the provider has too many requests or images of this account",
        "it is tried again later"
    )
    static let noSuchTask = Verdict(
        .noSuchTask,
        .notFound,
        "the provider knows no such task with this key",
        "its record may have expired, or it belongs to another account"
    )
    static let outOfOrder = Verdict(
        .uncertain,
        .providerUnavailable,
        "the provider is out of order",
        "the task is looked up again"
    )
    static let unreadable = Verdict(
        .uncertain,
        .providerUnavailable,
        "the provider's answer holds no task that can be read",
        "the task is looked up again"
    )
    static let anotherTask = Verdict(
        .uncertain,
        .providerUnavailable,
        "the provider answered with another task than was asked for",
        "the task is looked up again"
    )
}

extension ProviderAnswer {
    /// Whether what says that there is no such task says nothing else: by a status of a server in order, and without a
    /// task beside it.
    fileprivate var isPlainAbsence: Bool { [200, 400, 404].contains(status) && data?["task_id"] == nil }
}

extension ProviderFailure {
    /// Whether the provider takes the login for expired or not yet valid: another one may do (kling-api-facts.md 4).
    var isStaleLogin: Bool { code?.wholeNumber == 1003 || code?.wholeNumber == 1004 }
}

extension TaskReference {
    /// Whether `task` is the one that was asked for, as far as it says.
    fileprivate func isMet(by task: ProviderTask) -> Bool {
        switch self {
        case .taskID(let id): task.taskID == id
        case .externalTaskID(let id): task.externalTaskID == nil || task.externalTaskID == id
        }
    }
}
