import JSON

/// What can be told to and asked of the simulator itself, under `/_simulator/`; no key is needed.
struct Control: Sendable {
    static let root = "/_simulator/"

    private let state: SimulatorState

    init(_ state: SimulatorState) {
        self.state = state
    }

    /// Replies to `method` on the path below ``root``.
    func reply(to method: String, _ path: Substring, body: [UInt8]) async -> Reply {
        do throws(JSONDecodingError) {
            switch (method, path) {
            case ("GET", "health"): return Reply(json: ["status": "ok"])
            case ("GET", "bill"): return Reply(json: await state.bill())
            case ("POST", "faults"):
                let waiting = await state.add(try faults(in: body))
                return Reply(json: ["faults_waiting": .integer(Int64(waiting))])
            case ("DELETE", "faults"):
                await state.clearFaults()
                return Reply(json: ["faults_waiting": 0])
            case ("POST", "clock"):
                let now = await state.advanceClock(milliseconds: try advance(in: body))
                return Reply(json: ["now_ms": .integer(now)])
            default:
                let known = "GET health, GET bill, POST faults, DELETE faults, POST clock"
                return Reply(status: 404, json: ["error": .string("no such control; there are \(known)")])
            }
        } catch {
            let message = error.pointer == .root ? error.message : "\(error.pointer): \(error.message)"
            return Reply(status: 400, json: ["error": .string(message)])
        }
    }

    private func faults(in body: [UInt8]) throws(JSONDecodingError) -> [Fault] {
        var members = JSONMembers(try object(in: body))
        let pointer = members.pointer.member("faults")
        guard let elements = try members.array("faults") else {
            throw JSONDecodingError("'faults' is missing", at: .root)
        }
        try members.finish()
        var faults: [Fault] = []
        for (index, element) in elements.enumerated() {
            guard let fault = element.objectValue else {
                throw JSONDecodingError(
                    "a fault must be an object, not \(element.kindName)",
                    at: pointer.element(index)
                )
            }
            faults.append(try Fault(JSONMembers(fault, at: pointer.element(index))))
        }
        return faults
    }

    private func advance(in body: [UInt8]) throws(JSONDecodingError) -> Int64 {
        var members = JSONMembers(try object(in: body))
        // A hundred years.
        guard let milliseconds = try members.integer("advance_ms", in: 0...3_155_760_000_000) else {
            throw JSONDecodingError("'advance_ms' is missing", at: .root)
        }
        try members.finish()
        return milliseconds
    }

    private func object(in body: [UInt8]) throws(JSONDecodingError) -> JSONObject {
        let document: JSONValue
        do throws(JSONParseError) {
            document = try JSONValue.parse(body)
        } catch {
            throw JSONDecodingError("the body is not JSON: \(error.message)", at: .root)
        }
        guard let object = document.objectValue else {
            throw JSONDecodingError("the body must be an object, not \(document.kindName)", at: .root)
        }
        return object
    }
}
