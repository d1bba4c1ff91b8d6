import JSON

/// Whose face the simulator shows: addresses, login and the shapes of answers. What a task does is the same in all.
package enum Dialect: String, Sendable, CaseIterable {
    /// The CometAPI gateway (kling-api-facts.md section 1).
    case cometapi

    /// Where image tasks are made, and below which they are looked up.
    var generationsPath: String { "/kling/v1/images/generations" }

    /// Checks a request's `Authorization` header; the reply is the refusal.
    func refusal(authorization: String?, apiKey: String?, requestID: String) -> Reply? {
        guard let authorization, !authorization.isEmpty else {
            return gatewayError(401, "Authorization header is missing", requestID: requestID)
        }
        guard let key = authorization.credentials(ofScheme: "Bearer"), !key.isEmpty, apiKey == nil || key == apiKey
        else {
            return gatewayError(401, "Invalid API key", requestID: requestID)
        }
        return nil
    }

    /// An error of the gateway itself: the request id stands inside the message (kling-api-facts.md 1.6).
    func gatewayError(_ status: Int, _ message: String, code: String = "", requestID: String) -> Reply {
        Reply(
            status: status,
            json: [
                "error": [
                    "message": .string("\(message) (request id: \(requestID))"), "type": "comet_api_error", "param": "",
                    "code": .string(code),
                ]
            ]
        )
    }

    /// An error of the provider behind the gateway, which passes it on as it is.
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
        guard let known else { return gatewayError(status, "request failed", requestID: requestID) }
        return refusal(
            Refusal(httpStatus: status, code: known.code, message: known.message),
            requestID: requestID
        )
    }

    /// What a look-up of an unknown task gets (kling-api-facts.md 1.5, 1.6).
    var noSuchTask: Reply {
        Reply(status: 400, json: ["code": "task_not_exist", "message": "task_not_exist"])
    }

    /// What an address gets that is none of the provider's: no JSON, but a redirect to a page for people.
    func unknownPath(_ path: String) -> Reply {
        path == "/" ? .page(status: 200) : .redirect
    }

    /// The answer to a create, in the edition of the page that `limits` names (kling-api-facts.md 1.4).
    func created(_ task: SimulatedTask, at now: Int64, limits: LimitsProfile, requestID: String) -> JSONObject {
        var data = commonData(task, at: now)
        switch limits {
        case .classic:
            data["task_status"] = .string(task.lifecycle.status(at: now).rawValue)
            data["task_result"] = .null
        case .current:
            data["task_result"] = [:]
        }
        return envelope(data, requestID: requestID)
    }

    /// The answer to a look-up (kling-api-facts.md 1.4, 3.3). The images of a task that has succeeded are at `urls`.
    func found(_ task: SimulatedTask, at now: Int64, urls: [String], requestID: String) -> JSONObject {
        let status = task.lifecycle.status(at: now)
        var data = commonData(task, at: now)
        data["task_status"] = .string(status.rawValue)
        data["task_status_msg"] = status.isTerminal ? .string(task.lifecycle.failure ?? "") : nil
        if task.externalTaskID == nil { data["task_info"] = [:] }
        data["task_result"] = [:]
        if status == .succeed {
            let images = urls.enumerated().map { index, url -> JSONValue in
                ["index": .integer(Int64(index)), "url": .string(url)]
            }
            data["task_result"] = ["images": .array(images)]
            data["final_unit_deduction"] = .string(String(task.units))
        }
        return envelope(data, requestID: requestID)
    }

    private func commonData(_ task: SimulatedTask, at now: Int64) -> JSONObject {
        [
            "task_id": .string(String(task.id)),
            "task_info": ["external_task_id": task.externalTaskID.map(JSONValue.string) ?? .null],
            "task_status_msg": .null,
            "created_at": .integer(task.lifecycle.createdAt),
            "updated_at": .integer(task.lifecycle.updatedAt(at: now)),
        ]
    }

    private func envelope(_ data: JSONObject, requestID: String) -> JSONObject {
        ["code": 0, "message": "SUCCEED", "request_id": .string(requestID), "data": .object(data)]
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
