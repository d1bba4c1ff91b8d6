import JSON

/// Whose face the simulator shows: addresses, login and the shapes of answers. What a task does is the same in all.
package enum Dialect: String, Sendable, CaseIterable {
    /// The CometAPI gateway (kling-api-facts.md section 1).
    case cometapi
    /// Kling's own API (kling-api-facts.md sections 2 to 4).
    case kling

    /// Where image tasks are made, and below which they are looked up.
    var generationsPath: String {
        switch self {
        case .cometapi: "/kling/v1/images/generations"
        case .kling: "/v1/images/generations"
        }
    }

    /// Whether the tasks of an account can be listed.
    var hasList: Bool { self == .kling }

    /// Checks a request's `Authorization` header at `now`, in Unix milliseconds; the reply is the refusal.
    func refusal(
        authorization: String?,
        configuration: SimulatorConfiguration,
        at now: Int64,
        requestID: String
    ) -> Reply? {
        switch self {
        case .cometapi:
            guard let authorization, !authorization.isEmpty else {
                return gatewayError(401, "Authorization header is missing", requestID: requestID)
            }
            guard let key = authorization.credentials(ofScheme: "Bearer"), !key.isEmpty,
                configuration.apiKey == nil || key == configuration.apiKey
            else { return gatewayError(401, "Invalid API key", requestID: requestID) }
            return nil
        case .kling:
            // As they were seen: without a request id (kling-api-facts.md 2.2).
            return loginRefusal(authorization, configuration, at: now).map { refusal in
                Reply(
                    status: refusal.httpStatus,
                    json: ["code": .integer(Int64(refusal.code)), "message": .string(refusal.message)]
                )
            }
        }
    }

    private func loginRefusal(
        _ authorization: String?,
        _ configuration: SimulatorConfiguration,
        at now: Int64
    ) -> Refusal? {
        guard let authorization, !authorization.isEmpty else { return .noKey }
        guard let key = authorization.credentials(ofScheme: "Bearer"), !key.isEmpty else { return .unknownKey }
        if let token = SignedToken(key) {
            return token.refusal(accessKey: configuration.accessKey, secretKey: configuration.secretKey, at: now)
        }
        return configuration.apiKey == nil || key == configuration.apiKey ? nil : .unknownKey
    }

    /// An error of the gateway itself: the request id stands inside the message (kling-api-facts.md 1.6).
    private func gatewayError(_ status: Int, _ message: String, requestID: String) -> Reply {
        Reply(
            status: status,
            json: [
                "error": [
                    "message": .string("\(message) (request id: \(requestID))"), "type": "comet_api_error", "param": "",
                    "code": "",
                ]
            ]
        )
    }

    /// An error of the provider; a gateway passes it on as it is.
    func refusal(_ refusal: Refusal, requestID: String) -> Reply {
        Reply(
            status: refusal.httpStatus,
            json: [
                "code": .integer(Int64(refusal.code)), "message": .string(refusal.message),
                "request_id": .string(requestID),
            ]
        )
    }

    /// The body that usually comes with an error status.
    func typicalError(_ status: Int, requestID: String) -> Reply {
        let known: (code: Int, message: String)? =
            switch status {
            case 429: (1302, "request too frequently, please try again later")
            case 500: (5000, "internal error")
            case 503: (5001, "service temporarily unavailable")
            case 504: (5002, "internal timeout")
            default: nil
            }
        if let known {
            let refusal = Refusal(httpStatus: status, code: known.code, message: known.message)
            return self.refusal(refusal, requestID: requestID)
        }
        switch self {
        case .cometapi: return gatewayError(status, "request failed", requestID: requestID)
        // Any other status is not Kling's but that of a server before it.
        case .kling: return .page(status: status)
        }
    }

    /// What a look-up of an unknown task gets (kling-api-facts.md 1.5, 1.6). Kling's own code for it is not known; 1203
    /// is what its table has for a resource that is missing.
    func noSuchTask(requestID: String) -> Reply {
        switch self {
        case .cometapi: Reply(status: 400, json: ["code": "task_not_exist", "message": "task_not_exist"])
        case .kling: refusal(.missing("task not found"), requestID: requestID)
        }
    }

    /// What a request gets that is none of the provider's. A gateway makes no difference, and answers without JSON: by a
    /// redirect to a page for people.
    func stray(path: String, isWrongMethod: Bool, requestID: String) -> Reply {
        switch self {
        case .cometapi: path == "/" ? .page(status: 200) : .redirect
        case .kling: refusal(isWrongMethod ? .method : .missing("path not found"), requestID: requestID)
        }
    }

    /// The answer to a create: at CometAPI in the edition of the page that `limits` names (kling-api-facts.md 1.4), at
    /// Kling in the only one there is (3.2).
    func created(_ task: SimulatedTask, at now: Int64, limits: LimitsProfile, requestID: String) -> JSONObject {
        var data = commonData(task, at: now)
        switch (self, limits) {
        case (.kling, _):
            data["task_status"] = .string(task.lifecycle.status(at: now).rawValue)
            data["task_status_msg"] = nil
        case (.cometapi, .classic):
            data["task_status"] = .string(task.lifecycle.status(at: now).rawValue)
            data["task_result"] = .null
        case (.cometapi, .current):
            data["task_result"] = [:]
        }
        return envelope(.object(data), requestID: requestID)
    }

    /// The answer to a look-up. The images of a task that has succeeded are at `urls`.
    func found(_ task: SimulatedTask, at now: Int64, urls: [String], requestID: String) -> JSONObject {
        envelope(.object(description(of: task, at: now, urls: urls)), requestID: requestID)
    }

    /// A task as look-ups and lists show it (kling-api-facts.md 1.4, 3.3).
    func description(of task: SimulatedTask, at now: Int64, urls: [String]) -> JSONObject {
        let status = task.lifecycle.status(at: now)
        var data = commonData(task, at: now)
        data["task_status"] = .string(status.rawValue)
        data["task_status_msg"] = status.isTerminal ? .string(task.lifecycle.failure ?? "") : nil
        if task.externalTaskID == nil { data["task_info"] = [:] }
        data["task_result"] = [:]
        if self == .kling { data["watermark_info"] = ["enabled": .bool(task.wantsWatermark)] }
        guard status == .succeed else { return data }
        let images = urls.enumerated().map { index, url -> JSONValue in
            var image: JSONObject = ["index": .integer(Int64(index)), "url": .string(url)]
            if self == .kling, task.wantsWatermark { image["watermark_url"] = .string(url + "&watermark=1") }
            return .object(image)
        }
        data["task_result"] = ["images": .array(images)]
        data["final_unit_deduction"] = .string(String(task.units))
        // Units come from a resource pack; the balance is not touched then.
        if self == .kling { data["final_balance_deduction"] = ["quota": "0", "list_price": "0"] }
        return data
    }

    private func commonData(_ task: SimulatedTask, at now: Int64) -> JSONObject {
        let externalTaskID = task.externalTaskID.map(JSONValue.string)
        return [
            "task_id": .string(String(task.id)),
            // Kling leaves out what was not given.
            "task_info": self == .kling && externalTaskID == nil ? [:] : ["external_task_id": externalTaskID ?? .null],
            "task_status_msg": .null,
            "created_at": .integer(task.lifecycle.createdAt),
            "updated_at": .integer(task.lifecycle.updatedAt(at: now)),
        ]
    }

    /// An answer of success around its `data`.
    func envelope(_ data: JSONValue, requestID: String) -> JSONObject {
        ["code": 0, "message": "SUCCEED", "request_id": .string(requestID), "data": data]
    }
}

extension String {
    /// What follows `scheme` and one space in an `Authorization` header; the scheme's case does not matter.
    fileprivate func credentials(ofScheme scheme: String) -> String? {
        let parts = split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].lowercased() == scheme.lowercased() else { return nil }
        return String(parts[1])
    }
}
