import GenerationTasks
import JSON
import JSONRPC
import KlingAPI
import KlingService

/// Reads the `params` of each method.
enum Params {
    /// Bounds of `wait_ms`.
    static let longestWait: Int64 = 3_600_000
    static let defaultWait: Int64 = 60_000
    /// Images take longer than being accepted.
    static let defaultWaitForStored: Int64 = 600_000

    private static let waitNames = ["wait_for", "wait_ms"]

    /// How to name a task: by our id, or by the provider's.
    enum TaskReference {
        case id(TaskID)
        case taskID(String)
    }

    static func byName(_ request: Request) throws(RPCError) -> JSONObject {
        switch request.params {
        case .absent: return [:]
        case .byName(let object): return object
        case .byPosition: throw .invalidParams("'params' must be an object: '\(request.method)' takes them by name")
        }
    }

    /// What `generate` is asked for.
    struct Generation: Sendable {
        var command: GenerateCommand
        var bound: WaitBound
        var isRehearsal: Bool
    }

    /// Whether reading these params means reading a file.
    static func namesAFile(_ params: JSONObject) -> Bool {
        guard let image = params["image"]?.stringValue else { return false }
        return image.hasPrefix("/") || image.lowercased().hasPrefix("file:")
    }

    static func generate(_ params: JSONObject, _ limits: LimitsProfile) throws(RPCError) -> Generation {
        let own = ["storage", "idempotency_key", "dry_run"] + waitNames
        try refuseUnknown(params, known: ImageGenerationRequest.memberNames + own)
        var members = JSONMembers(params)
        do {
            let request = try ImageGenerationRequest.decode(&members, profile: limits)
            let key = try members.string("idempotency_key")
            if let key, !(1...256).contains(key.utf8.count) {
                throw JSONDecodingError(
                    "'idempotency_key' must have 1 to 256 bytes, not \(key.utf8.count)",
                    at: .root.member("idempotency_key")
                )
            }
            let command = GenerateCommand(
                request: request,
                storage: try members.string("storage"),
                idempotencyKey: key
            )
            let bound = try wait(&members) ?? WaitBound(target: .submitted, duration: .milliseconds(defaultWait))
            return Generation(
                command: command,
                bound: bound,
                isRehearsal: try members.bool("dry_run") ?? false
            )
        } catch let error as RequestError {
            throw RPCError(TaskError(error))
        } catch let error as JSONDecodingError {
            throw .invalidParams(error.message, pointer: error.pointer)
        } catch {
            throw RPCError(TaskError(.internal, "\(error)"))
        }
    }

    static func status(_ params: JSONObject) throws(RPCError) -> (TaskReference, WaitBound?) {
        try refuseUnknown(params, known: ["id", "task_id"] + waitNames)
        var members = JSONMembers(params)
        let reference = try reference(&members)
        do {
            return (reference, try wait(&members))
        } catch {
            throw .invalidParams(error.message, pointer: error.pointer)
        }
    }

    static func reference(_ params: JSONObject, alsoKnown: [String] = []) throws(RPCError) -> TaskReference {
        try refuseUnknown(params, known: ["id", "task_id"] + alsoKnown)
        var members = JSONMembers(params)
        return try reference(&members)
    }

    static func list(_ params: JSONObject) throws(RPCError) -> TaskQuery {
        try refuseUnknown(params, known: ["state", "watch", "limit", "cursor"])
        var members = JSONMembers(params)
        do {
            return TaskQuery(
                state: try word("state", &members, TaskState.init, TaskState.allCases.map(\.rawValue)),
                watch: try word("watch", &members, WatchState.init, WatchState.allCases.map(\.rawValue)),
                limit: Int(try members.integer("limit", in: 1...1000) ?? 100),
                cursor: try members.string("cursor")
            )
        } catch {
            throw .invalidParams(error.message, pointer: error.pointer)
        }
    }

    /// A person's decision on an unresolved task: exactly one of three.
    static func resolve(_ params: JSONObject) throws(RPCError) -> (TaskID, GenerationService.Resolution) {
        try refuseUnknown(params, known: ["id", "task_id", "resend", "abandon"])
        var members = JSONMembers(params)
        do {
            guard let text = try members.string("id") else {
                throw JSONDecodingError("'id' is missing: it tells which task is to be resolved", at: .root)
            }
            var decisions: [GenerationService.Resolution] = []
            if let taskID = try members.string("task_id") {
                guard (1...256).contains(taskID.utf8.count) else {
                    throw JSONDecodingError("'task_id' must have 1 to 256 bytes", at: .root.member("task_id"))
                }
                decisions.append(.job(taskID: taskID))
            }
            let flags: [(String, GenerationService.Resolution)] = [("resend", .resend), ("abandon", .abandon)]
            for (name, decision) in flags {
                guard let isOn = try members.bool(name) else { continue }
                guard isOn else {
                    throw JSONDecodingError("'\(name)' must be true, or left out", at: .root.member(name))
                }
                decisions.append(decision)
            }
            guard decisions.count == 1 else {
                throw JSONDecodingError(
                    "give exactly one of 'task_id' (this job is the task's), 'resend': true and 'abandon': true",
                    at: .root
                )
            }
            guard let id = TaskID(text) else {
                throw RPCError(TaskError(.notFound, "no task has the id '\(text)'", pointer: .root.member("id")))
            }
            return (id, decisions[0])
        } catch let error as JSONDecodingError {
            throw .invalidParams(error.message, pointer: error.pointer)
        } catch let error as RPCError {
            throw error
        } catch {
            throw RPCError(TaskError(.internal, "\(error)"))
        }
    }

    static func events(_ params: JSONObject) throws(RPCError) -> (after: String?, limit: Int) {
        try refuseUnknown(params, known: ["after", "limit"])
        var members = JSONMembers(params)
        do {
            return (try members.string("after"), Int(try members.integer("limit", in: 1...1000) ?? 100))
        } catch {
            throw .invalidParams(error.message, pointer: error.pointer)
        }
    }

    static func none(_ params: JSONObject) throws(RPCError) {
        try refuseUnknown(params, known: [])
    }

    private static func reference(_ members: inout JSONMembers) throws(RPCError) -> TaskReference {
        do {
            switch (try members.string("id"), try members.string("task_id")) {
            case (let text?, nil):
                // A text that cannot be an id names no task: that is not found, not a slip in the params.
                guard let id = TaskID(text) else {
                    throw RPCError(TaskError(.notFound, "no task has the id '\(text)'", pointer: .root.member("id")))
                }
                return .id(id)
            case (nil, let taskID?):
                guard (1...256).contains(taskID.utf8.count) else {
                    throw JSONDecodingError("'task_id' must have 1 to 256 bytes", at: .root.member("task_id"))
                }
                return .taskID(taskID)
            case (nil, nil): throw RPCError.invalidParams("give 'id' or 'task_id'")
            case (.some, .some): throw RPCError.invalidParams("give 'id' or 'task_id', not both")
            }
        } catch let error as JSONDecodingError {
            throw .invalidParams(error.message, pointer: error.pointer)
        } catch let error as RPCError {
            throw error
        } catch {
            throw RPCError(TaskError(.internal, "\(error)"))
        }
    }

    private static func wait(_ members: inout JSONMembers) throws(JSONDecodingError) -> WaitBound? {
        let target = try word("wait_for", &members, WaitTarget.init, WaitTarget.allCases.map(\.rawValue))
        let milliseconds = try members.integer("wait_ms", in: 0...longestWait)
        guard target != nil || milliseconds != nil else { return nil }
        let bound = target ?? .submitted
        let byDefault = bound == .stored ? defaultWaitForStored : defaultWait
        return WaitBound(target: bound, duration: .milliseconds(milliseconds ?? byDefault))
    }

    private static func word<Word>(
        _ name: String,
        _ members: inout JSONMembers,
        _ read: (String) -> Word?,
        _ known: [String]
    ) throws(JSONDecodingError) -> Word? {
        guard let text = try members.string(name) else { return nil }
        guard let word = read(text) else {
            let hint = Spelling.nearest(to: text, among: known).map { "; did you mean '\($0)'?" } ?? ""
            throw JSONDecodingError(
                "'\(name)' must be one of \(known.joined(separator: ", ")), not '\(text)'\(hint)",
                at: .root.member(name)
            )
        }
        return word
    }

    /// Before anything else: a slip in a name is more likely than a member left out on purpose.
    private static func refuseUnknown(_ params: JSONObject, known: [String]) throws(RPCError) {
        do {
            try params.refuseMembers(otherThan: known)
        } catch {
            throw .invalidParams(error.message, pointer: error.pointer)
        }
    }
}

extension RPCError {
    /// A task's error as the answer to a request that made no task.
    init(_ error: TaskError) {
        self.init(code: error.kind.code, message: error.message, data: error.details)
    }
}
