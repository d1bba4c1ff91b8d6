import Foundation
package import JSON

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Stands between klingd and a store and makes the faults that are queued (`fault_proxy.py` describes each).
package struct FaultProxy: Sendable {
    private let server: StorageServer
    private let store: StorageServer

    /// Starts one in front of `store`. Takes about half a second.
    package init(to store: StorageServer) async throws {
        server = try await StorageServer("fault_proxy.py", ["--upstream", store.endpoint])
        self.store = store
    }

    /// Where it listens, instead of the store.
    package var endpoint: String { server.endpoint }

    /// The store's ``StorageServer/environment`` with the way through this proxy.
    package var environment: [String: String] {
        store.environment.merging(["AWS_ENDPOINT_URL_S3": endpoint]) { $1 }
    }

    /// Ends it with all connections through it.
    package func stop() async { await server.stop() }

    /// Appends to the faults to make: the first one that matches a request decides about it.
    package func queue(_ faults: StoreFault...) async throws {
        _ = try await command("POST", "/faults", body: .array(faults.map(\.json)))
    }

    /// The faults that are still to be made.
    package func pendingFaults() async throws -> Int {
        try await command("GET", "/faults")["faults"]?.arrayValue?.count ?? 0
    }

    /// Every request seen so far, in the order of arrival.
    package func log() async throws -> [ProxiedRequest] {
        try await command("GET", "/log")["requests"]?.arrayValue?.map(ProxiedRequest.init) ?? []
    }

    /// Forgets what was seen and what was still to be made.
    package func reset() async throws {
        _ = try await command("DELETE", "/faults")
        _ = try await command("DELETE", "/log")
    }

    private func command(_ method: String, _ path: String, body: JSONValue? = nil) async throws -> JSONValue {
        guard let url = URL(string: (server.facts["control"]?.stringValue ?? "") + path) else {
            throw StorageServerError(description: "the proxy tells no address for its control")
        }
        var request = URLRequest(url: url)
        request.httpMethod = method
        request.httpBody = body.map { Data($0.serialized) }
        let (data, response) = try await URLSession.shared.data(for: request)
        guard (response as? HTTPURLResponse)?.statusCode == 200 else {
            throw StorageServerError(description: "the proxy refuses: \(String(decoding: data, as: UTF8.self))")
        }
        return try JSONValue.parse(Array(data))
    }
}

/// A fault to make, of which request and how often.
package struct StoreFault: Sendable {
    /// What is done to the request. `fault_proxy.py` tells what ``StoreFault/details`` each takes.
    package enum Action: String, Sendable, CaseIterable {
        case slowDown = "slow_down"
        case internalError = "internal_error"
        case errorIn200 = "error_in_200"
        case redirectRegion = "redirect_region"
        case wrongRegion = "wrong_region"
        case answer
        case resetBefore = "reset_before"
        case cutUpload = "cut_upload"
        case hang
        case stallUpload = "stall_upload"
        case stallBody = "stall_body"
        case delay
        case answerLost = "answer_lost"
        case cutAnswer = "cut_answer"
        case stallAnswer = "stall_answer"
        case wrongETag = "wrong_etag"
    }

    package var action: Action
    /// Of which requests; `nil` for all.
    package var method: String?
    /// What the request target has to contain; `nil` for all.
    package var path: String?
    /// How often it is made; `nil` for ever.
    package var times: Int?
    /// How many requests that match are let through first.
    package var after: Int
    /// Such as `["status": 507]` of ``Action/answer``.
    package var details: JSONObject

    package init(
        _ action: Action,
        method: String? = nil,
        path: String? = nil,
        times: Int? = 1,
        after: Int = 0,
        details: JSONObject = [:]
    ) {
        self.action = action
        self.method = method
        self.path = path
        self.times = times
        self.after = after
        self.details = details
    }

    var json: JSONValue {
        var match: JSONObject = [:]
        match["method"] = method.map { .string($0) }
        match["path"] = path.map { .string($0) }
        var fault = details
        fault["do"] = .string(action.rawValue)
        fault["match"] = .object(match)
        fault["times"] = times.map { .integer(Int64($0)) } ?? .null
        fault["after"] = .integer(Int64(after))
        return .object(fault)
    }
}

/// A request as the proxy saw it.
package struct ProxiedRequest: Sendable {
    package let method: String
    /// The request target with its query.
    package let path: String
    /// By names in lower case.
    package let headers: [String: String]
    /// Bytes of the body that came, with the framing of chunks.
    package let bytes: Int
    /// The fault that was made, if any.
    package let fault: String?
    /// What the client was answered; `nil` for no answer.
    package let status: Int?
    /// What the store answered; `nil` when it was not asked or did not answer.
    package let storeStatus: Int?
    /// Seconds since the proxy's start when the head had come.
    package let seconds: Double

    init(_ entry: JSONValue) {
        method = entry["method"]?.stringValue ?? ""
        path = entry["path"]?.stringValue ?? ""
        let members = entry["headers"]?.objectValue?.members ?? []
        headers = Dictionary(members.map { ($0.name, $0.value.stringValue ?? "") }) { $1 }
        bytes = Int(entry["bytes"]?.integerValue ?? 0)
        fault = entry["fault"]?.stringValue
        status = entry["status"]?.integerValue.map { Int($0) }
        storeStatus = entry["store_status"]?.integerValue.map { Int($0) }
        seconds = entry["at"]?.numberValue ?? 0
    }
}
