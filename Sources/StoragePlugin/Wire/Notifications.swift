package import JSON
package import JSONRPC

/// The params of `$/progress`.
package struct ProgressParams: WireObject {
    /// Of the request that goes on.
    package var id: RequestID
    package var bytes: Int64

    package init(id: RequestID, bytes: Int64) {
        self.id = id
        self.bytes = bytes
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        id = try members.requestID()
        bytes = try members.size("bytes")
    }

    package var json: JSONObject { ["id": id.json, "bytes": .integer(bytes)] }
}

/// The params of `$/cancelRequest`.
package struct CancelParams: WireObject {
    package var id: RequestID

    package init(id: RequestID) {
        self.id = id
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        id = try members.requestID()
    }

    package var json: JSONObject { ["id": id.json] }
}

/// The params of `$/log`.
package struct LogParams: WireObject {
    package var level: PluginLogLevel
    package var message: String

    package init(level: PluginLogLevel, message: String) {
        self.level = level
        self.message = message
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        let word = try members.requiredString("level")
        guard let level = PluginLogLevel(rawValue: word) else {
            let known = PluginLogLevel.allCases.map(\.rawValue).joined(separator: ", ")
            throw JSONDecodingError("'level' must be one of \(known)", at: members.pointer.member("level"))
        }
        self.level = level
        message = try members.requiredString("message")
    }

    package var json: JSONObject { ["level": .string(level.rawValue), "message": .string(message)] }
}

extension JSONMembers {
    fileprivate mutating func requestID() throws(JSONDecodingError) -> RequestID {
        guard let id = RequestID(try required("id", value("id"))) else {
            throw JSONDecodingError("'id' must be a string or a number", at: pointer.member("id"))
        }
        return id
    }
}

extension RequestID {
    fileprivate var json: JSONValue {
        switch self {
        case .null: .null
        case .integer(let value): .integer(value)
        case .real(let value, _): .real(value)
        case .string(let value): .string(value)
        }
    }
}
