package import JSON

/// Turns the bytes of one line into messages; every deviation becomes the error that JSON-RPC 2.0 names for it.
package struct MessageParser: Sendable {
    package var limits: JSONLimits
    /// Elements of a batch.
    package var batchLimit: Int

    package init(limits: JSONLimits = JSONLimits(), batchLimit: Int = 100) {
        self.limits = limits
        self.batchLimit = batchLimit
    }

    package func parse(_ line: UnsafeRawBufferPointer) -> Incoming {
        let value: JSONValue
        do {
            value = try JSONValue.parse(line, limits: limits)
        } catch {
            return .single(refusal(of: line, error))
        }
        guard case .array(let elements) = value else { return .single(Self.message(value, in: line)) }
        // Section 6: an empty array is one invalid request, answered by one object.
        guard !elements.isEmpty else {
            return .single(.invalid(.invalidRequest("a batch must not be empty"), id: .null))
        }
        guard elements.count <= batchLimit else {
            let message = "a batch has at most \(batchLimit) messages, not \(elements.count); nothing of it was done"
            return .single(.invalid(.tooLarge(message, limit: batchLimit), id: .null))
        }
        guard elements.contains(where: { Self.hasManySpellings($0["id"]) }) else {
            return .batch(elements.map { Self.message($0, in: line) })
        }
        let texts = JSONScanner.topLevelElements(in: line)
        return .batch(zip(elements, texts).map { Self.message($0, in: UnsafeRawBufferPointer(rebasing: $1)) })
    }

    /// Whether an id can be spelt in other ways than the one in which it would be written: of the integers only zero.
    private static func hasManySpellings(_ id: JSONValue?) -> Bool {
        switch id {
        case .real?, .integer(0)?: true
        default: false
        }
    }

    /// The id of the message that is written in `text`.
    private static func requestID(_ value: JSONValue, in text: UnsafeRawBufferPointer) -> RequestID? {
        guard hasManySpellings(value), let spelt = JSONScanner.topLevelMembers(named: "id", in: text).first else {
            return RequestID(value)
        }
        return RequestID(spelling: UnsafeRawBufferPointer(rebasing: spelt)) ?? RequestID(value)
    }

    /// Section 5.1: -32700 is for what is not JSON; JSON beyond our limits is a request that we refuse, under its own id
    /// when exactly one can be read.
    private func refusal(of line: UnsafeRawBufferPointer, _ error: JSONParseError) -> Message {
        let place = "line \(error.line), column \(error.column), byte \(error.offset)"
        guard error.cause.isLimit else {
            return .invalid(.parseError("not JSON: \(error.message) (\(place))"), id: .null)
        }
        let refused = RPCError.invalidRequest("JSON beyond our limits: \(error.message) (\(place))")
        func members(_ name: String) -> [Slice<UnsafeRawBufferPointer>] {
            JSONScanner.topLevelMembers(named: name, in: line)
        }
        let ids = members("id")
        var id = RequestID.null
        if ids.count == 1, case let text = UnsafeRawBufferPointer(rebasing: ids[0]) {
            id = RequestID(spelling: text) ?? (try? JSONValue.parse(text)).flatMap { RequestID($0) } ?? .null
        }
        // A response is not answered, but whoever waits for it learns that it cannot be read.
        if members("method").isEmpty, !(members("result") + members("error")).isEmpty {
            return .response(Response(id: id, outcome: .failure(refused)))
        }
        return .invalid(refused, id: id)
    }

    private static func message(_ value: JSONValue, in text: UnsafeRawBufferPointer) -> Message {
        guard case .object(let object) = value else {
            return .invalid(.invalidRequest("a request is an object, not \(value.kindName)"), id: .null)
        }
        if object["method"] == nil, object["result"] != nil || object["error"] != nil {
            return response(object)
        }
        let id: RequestID?
        switch object["id"] {
        case nil: id = nil
        case let value?:
            guard let valid = requestID(value, in: text) else {
                return .invalid(
                    .invalidRequest("'id' must be a string, a number or null, not \(value.kindName)"),
                    id: .null
                )
            }
            id = valid
        }
        func invalid(_ message: String) -> Message { .invalid(.invalidRequest(message), id: id ?? .null) }
        guard object["jsonrpc"] == "2.0" else { return invalid("'jsonrpc' must be \"2.0\"") }
        guard let method = object["method"] else { return invalid("'method' is missing") }
        guard case .string(let method) = method else {
            return invalid("'method' must be a string, not \(method.kindName)")
        }
        switch object["params"] {
        case nil: return .request(Request(id: id, method: method))
        case .object(let params)?: return .request(Request(id: id, method: method, params: .byName(params)))
        case .array(let params)?: return .request(Request(id: id, method: method, params: .byPosition(params)))
        case let params?: return invalid("'params' must be an object or an array, not \(params.kindName)")
        }
    }

    private static func response(_ object: JSONObject) -> Message {
        guard object["jsonrpc"] == "2.0", let id = object["id"].flatMap(RequestID.init) else {
            return .ignored(reason: "a response without version or valid id")
        }
        switch (object["result"], object["error"]) {
        case (let result?, nil): return .response(Response(id: id, outcome: .success(result)))
        case (nil, .object(let error)?):
            guard let code = error["code"]?.integerValue, let message = error["message"]?.stringValue else {
                return .ignored(reason: "an error without code or message")
            }
            let read = RPCError(code: code, message: message, data: error["data"]?.objectValue)
            return .response(Response(id: id, outcome: .failure(read)))
        default: return .ignored(reason: "a response with both or neither of result and error")
        }
    }
}
