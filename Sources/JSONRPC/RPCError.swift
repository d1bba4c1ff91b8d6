package import JSON

/// The `error` of a response (JSON-RPC 2.0 section 5.1).
package struct RPCError: Error, Sendable, Equatable {
    package var code: Int64
    /// One sentence: what happened, what to do.
    package var message: String
    package var data: JSONObject?

    package init(code: Int64, message: String, data: JSONObject? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("code")
        writer.integer(code)
        writer.name("message")
        writer.string(message)
        if let data {
            writer.name("data")
            writer.value(.object(data))
        }
        writer.endObject()
    }
}

extension RPCError {
    /// Errors of the protocol itself: nothing was done, nothing was paid, and the same message fails again.
    private init(protocolError code: Int64, kind: String, _ message: String) {
        self.init(
            code: code,
            message: message,
            data: ["kind": .string(kind), "charged": "no", "retryable": false]
        )
    }

    package static func parseError(_ message: String) -> RPCError {
        RPCError(protocolError: -32700, kind: "parse_error", message)
    }

    package static func invalidRequest(_ message: String) -> RPCError {
        RPCError(protocolError: -32600, kind: "invalid_request", message)
    }

    package static func tooLarge(_ message: String, limit: Int) -> RPCError {
        var error = RPCError(protocolError: -32600, kind: "too_large", message)
        error.data?["limit"] = .integer(Int64(limit))
        return error
    }

    package static func methodNotFound(_ message: String) -> RPCError {
        RPCError(protocolError: -32601, kind: "method_not_found", message)
    }

    package static func invalidParams(_ message: String, pointer: JSONPointer = .root) -> RPCError {
        var error = RPCError(protocolError: -32602, kind: "invalid_params", message)
        error.data?["pointer"] = .string(pointer.description)
        return error
    }
}
