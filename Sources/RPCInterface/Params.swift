import GenerationTasks
import JSON
import JSONRPC
import KlingService

/// Reads params that several methods take, and declares them.
enum Params {
    /// Bounds of `wait_ms`.
    static let longestWait: Int64 = 3_600_000
    static let defaultWait: Int64 = 60_000
    /// Images take longer than being accepted.
    static let defaultWaitForStored: Int64 = 600_000
    /// Bounds of `limit`.
    static let pageSizes: ClosedRange<Int64> = 1...1000
    static let defaultPageSize: Int64 = 100
    /// Bytes of an `idempotency_key` or of a provider's id.
    static let keyLength = 1...256

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

    static func reference(_ members: inout JSONMembers) throws(RPCError) -> TaskReference {
        do {
            switch (try members.string("id"), try members.string("task_id")) {
            case (let text?, nil): return .id(try taskID(text))
            case (nil, let taskID?): return .taskID(try check(taskID: taskID))
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

    /// A text that cannot be an id names no task: that is not found, not a slip in the params.
    static func taskID(_ text: String) throws(RPCError) -> TaskID {
        guard let id = TaskID(text) else {
            throw RPCError(TaskError(.notFound, "no task has the id '\(text)'", pointer: .root.member("id")))
        }
        return id
    }

    static func check(taskID: String) throws(JSONDecodingError) -> String {
        guard keyLength.contains(taskID.utf8.count) else {
            throw JSONDecodingError("'task_id' must have 1 to 256 bytes", at: .root.member("task_id"))
        }
        return taskID
    }

    static func wait(_ members: inout JSONMembers) throws(JSONDecodingError) -> WaitBound? {
        let target = try word("wait_for", &members, WaitTarget.init, WaitTarget.allCases.map(\.rawValue))
        let milliseconds = try members.integer("wait_ms", in: 0...longestWait)
        guard target != nil || milliseconds != nil else { return nil }
        let bound = target ?? .submitted
        let byDefault = bound == .stored ? defaultWaitForStored : defaultWait
        return WaitBound(target: bound, duration: .milliseconds(milliseconds ?? byDefault))
    }

    static func pageSize(_ members: inout JSONMembers) throws(JSONDecodingError) -> Int {
        Int(try members.integer("limit", in: pageSizes) ?? defaultPageSize)
    }

    static func word<Word>(
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
}

extension [JSONSchema.Property] {
    /// What ``Params/reference(_:)`` reads.
    static let reference: [JSONSchema.Property] = [
        .optional("id", TaskID.givenSchema.described("klingd's id of the task.")),
        .optional("task_id", .string(length: Params.keyLength).described("The provider's id of the task.")),
    ]

    /// What ``Params/wait(_:)`` reads.
    static let wait: [JSONSchema.Property] = [
        .optional(
            "wait_for",
            .words(WaitTarget.allCases.map(\.rawValue)).described(
                "When to answer: queued, the ledger holds the task; submitted, the provider has taken it, or it has "
                    + "ended; stored, it has ended."
            )
        ),
        .optional(
            "wait_ms",
            .integer(in: 0...Params.longestWait).described(
                "How long to wait at most; \(Params.defaultWait) unless given, \(Params.defaultWaitForStored) for "
                    + "stored. A wait that runs out is answered with the task as it is."
            )
        ),
    ]

    /// What ``Params/pageSize(_:)`` reads.
    static let pageSize: [JSONSchema.Property] = [
        .optional(
            "limit",
            .integer(in: Params.pageSizes).described("At most so many; \(Params.defaultPageSize) unless given.")
        )
    ]
}
