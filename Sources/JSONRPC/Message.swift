package import JSON

/// A request, or a notification when it has no id (JSON-RPC 2.0 section 4).
package struct Request: Sendable, Equatable {
    /// `nil` makes it a notification, which is never answered, not even with an error.
    package var id: RequestID?
    package var method: String
    package var params: Params

    package enum Params: Sendable, Equatable {
        case absent
        case byName(JSONObject)
        case byPosition([JSONValue])
    }

    package init(id: RequestID?, method: String, params: Params = .absent) {
        self.id = id
        self.method = method
        self.params = params
    }
}

/// The answer to a request of ours (JSON-RPC 2.0 section 5).
package struct Response: Sendable, Equatable {
    package var id: RequestID
    package var outcome: Result<JSONValue, RPCError>
}

/// One well-formed or refused element of what came in.
package enum Message: Sendable, Equatable {
    case request(Request)
    case response(Response)
    /// To be answered with the error under `id`, which is null when none could be read.
    case invalid(RPCError, id: RequestID)
    /// A response that makes no sense; answering it could start a ping-pong of errors.
    case ignored(reason: String)
}

/// What one line holds.
package enum Incoming: Sendable, Equatable {
    case single(Message)
    case batch([Message])
}
