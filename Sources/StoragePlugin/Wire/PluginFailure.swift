import JSON
package import JSONRPC
package import Storage

/// What the `error` of a plugin's answer says.
package enum PluginFailure: Error, Sendable, Equatable {
    case storage(StorageError)
    /// The request was cancelled.
    case cancelled(message: String)
    /// None of the versions that were offered; the plugin speaks these.
    case version(message: String, versions: [Int64])
    /// An error that the protocol has no kind for: a fault of the plugin, or of who asked it.
    case fault(RPCError)

    /// Reads an answer's error. A kind that is not known, or `data` that is not as it should be, is a ``fault(_:)``.
    package init(_ error: RPCError) {
        var members = JSONMembers(error.data ?? [:], at: JSONPointer.root.member("data"))
        do throws(JSONDecodingError) {
            switch try members.string("kind") {
            case "cancelled": self = .cancelled(message: error.message)
            case "version":
                self = .version(
                    message: error.message,
                    versions: try members.required("versions", try members.integers("versions"))
                )
            case let kind?:
                guard let kind = StorageErrorKind(rawValue: kind), let entry = kind.onTheWire else {
                    self = .fault(error)
                    return
                }
                self = .storage(
                    StorageError(
                        kind,
                        error.message,
                        isRetryable: try members.bool("retryable") ?? entry.isRetryable,
                        retryAfter: try members.integer("retry_after_ms", in: 0...Int64.max).map(Duration.milliseconds)
                    )
                )
            case nil: self = .fault(error)
            }
        } catch {
            self = .fault(RPCError(code: RPCError.internalErrorCode, message: "\(error.pointer): \(error.message)"))
        }
    }

    /// As it is answered.
    package var rpcError: RPCError {
        switch self {
        case .storage(let error): RPCError(error)
        case .cancelled(let message):
            RPCError(code: 10_024, message: message, data: ["kind": "cancelled", "retryable": true])
        case .version(let message, let versions):
            RPCError(
                code: 10_025,
                message: message,
                data: ["kind": "version", "retryable": false, "versions": JSONValue(versions)]
            )
        case .fault(let error): error
        }
    }
}

extension StorageErrorKind {
    /// The code, and whether the same call may succeed later unless the answer says so; `nil` for what a plugin cannot
    /// say of itself.
    fileprivate var onTheWire: (code: Int64, isRetryable: Bool)? {
        switch self {
        case .full: (10_015, true)
        case .denied: (10_016, false)
        case .unavailable: (10_017, true)
        case .configuration: (10_018, false)
        case .conflict: (10_003, false)
        case .source: (10_013, true)
        case .plugin: nil
        }
    }
}

extension RPCError {
    /// JSON-RPC 2.0 section 5.1: internal error.
    fileprivate static let internalErrorCode: Int64 = -32603

    fileprivate init(_ error: StorageError) {
        var data: JSONObject = ["kind": .string(error.kind.rawValue), "retryable": .bool(error.isRetryable)]
        data["retry_after_ms"] = error.retryAfter.map { .integer($0.wholeMilliseconds) }
        self.init(code: error.kind.onTheWire?.code ?? Self.internalErrorCode, message: error.message, data: data)
    }
}

extension Duration {
    /// Rounded up; never negative, and never beyond what a double counts exactly.
    fileprivate var wholeMilliseconds: Int64 {
        Int64(min(max((self / .milliseconds(1)).rounded(.up), 0), 0x1p53))
    }
}
