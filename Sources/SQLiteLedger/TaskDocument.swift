import GenerationTasks
import JSON

/// What a task is beside the columns by which it is found: JSON, so that a member more is no new schema.
///
/// Unknown members are passed over, and those that are missing have the value of a new task: so klingds of different
/// age read each other's tasks.
enum TaskDocument {
    static func text(of task: GenerationTask) -> String {
        var writer = JSONWriter()
        writer.value(.object(encode(task)))
        return writer.withBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// Reads the members into a task that has its columns already.
    static func read(_ text: String, into task: inout GenerationTask) throws {
        do {
            // The request was within the limits of a line when it came; here it lies one level deeper.
            let value = try JSONValue.parse(text, limits: JSONLimits(depth: 160, bytes: .max))
            guard let object = value.objectValue else { throw UnreadableRecord("no JSON object") }
            try decode(object, into: &task)
        } catch let error as JSONParseError {
            throw UnreadableRecord(error.message)
        } catch let error as JSONDecodingError {
            throw UnreadableRecord(error)
        }
    }

    private static func encode(_ task: GenerationTask) -> JSONObject {
        var object = JSONObject()
        object.append("provider", .string(task.provider))
        object.append("request", .object(task.request))
        object.append("updated_at", .integer(task.updatedAt.milliseconds))
        object["submitted_at"] = task.submittedAt.map { .integer($0.milliseconds) }
        object["task_status"] = task.taskStatus.map(JSONValue.string)
        object["task_status_msg"] = task.taskStatusMessage.map(JSONValue.string)
        if !task.images.isEmpty { object["images"] = .array(task.images.map { .object(encode($0)) }) }
        object["final_unit_deduction"] = task.finalUnitDeduction.map(JSONValue.string)
        if task.lookUps != 0 { object["look_ups"] = .integer(Int64(task.lookUps)) }
        if !task.warnings.isEmpty { object["warnings"] = .array(task.warnings.map(JSONValue.string)) }
        object["error"] = task.error.map { .object(encode($0)) }
        if task.attempt != 0 { object["attempt"] = .integer(Int64(task.attempt)) }
        object["sender"] = task.sender.map { .string($0.description) }
        object["sent_at"] = task.sentAt.map { .integer($0.milliseconds) }
        if task.isRefused { object["is_refused"] = true }
        if task.mayBePaidBefore { object["may_be_paid_before"] = true }
        return object
    }

    private static func decode(_ object: JSONObject, into task: inout GenerationTask) throws {
        task.updatedAt = task.createdAt
        for member in object.members {
            let value = member.value
            switch member.name {
            case "provider": task.provider = try text(value, member.name)
            case "request": task.request = try members(value, member.name)
            case "updated_at": task.updatedAt = try time(value, member.name)
            case "submitted_at": task.submittedAt = try time(value, member.name)
            case "task_status": task.taskStatus = try text(value, member.name)
            case "task_status_msg": task.taskStatusMessage = try text(value, member.name)
            case "images":
                for image in value.arrayValue ?? [] {
                    task.images.append(try decodeImage(try members(image, member.name)))
                }
            case "final_unit_deduction": task.finalUnitDeduction = try text(value, member.name)
            case "look_ups": task.lookUps = Int(try integer(value, member.name))
            case "warnings": task.warnings = value.arrayValue?.compactMap(\.stringValue) ?? []
            case "error": task.error = try decodeError(try members(value, member.name))
            case "attempt": task.attempt = Int(try integer(value, member.name))
            case "sender": task.sender = OwnerID(try text(value, member.name))
            case "sent_at": task.sentAt = try time(value, member.name)
            case "is_refused": task.isRefused = value.boolValue ?? false
            case "may_be_paid_before": task.mayBePaidBefore = value.boolValue ?? false
            default: break
            }
        }
    }

    private static func text(_ value: JSONValue, _ name: String) throws -> String {
        guard let text = value.stringValue else { throw UnreadableRecord("'\(name)' is \(value.kindName)") }
        return text
    }

    private static func integer(_ value: JSONValue, _ name: String) throws -> Int64 {
        guard let integer = value.integerValue else { throw UnreadableRecord("'\(name)' is \(value.kindName)") }
        return integer
    }

    private static func time(_ value: JSONValue, _ name: String) throws -> Timestamp {
        Timestamp(milliseconds: try integer(value, name))
    }

    private static func members(_ value: JSONValue, _ name: String) throws -> JSONObject {
        guard let object = value.objectValue else { throw UnreadableRecord("'\(name)' is \(value.kindName)") }
        return object
    }

    // MARK: Images

    private static func encode(_ image: TaskImage) -> JSONObject {
        var object: JSONObject = ["index": .integer(Int64(image.index)), "url": .string(image.url)]
        guard let stored = image.stored else { return object }
        object.append("uri", .string(stored.uri))
        object["path"] = stored.path.map(JSONValue.string)
        object.append("bytes", .integer(stored.bytes))
        object.append("sha256", .string(stored.sha256))
        object.append("media_type", .string(stored.mediaType))
        object.append("width", .integer(Int64(stored.width)))
        object.append("height", .integer(Int64(stored.height)))
        return object
    }

    private static func decodeImage(_ object: JSONObject) throws(JSONDecodingError) -> TaskImage {
        var members = JSONMembers(object)
        var image = TaskImage(index: Int(try members.integer("index") ?? 0), url: try members.string("url") ?? "")
        guard let uri = try members.string("uri") else { return image }
        image.stored = TaskImage.Stored(
            uri: uri,
            path: try members.string("path"),
            bytes: try members.integer("bytes") ?? 0,
            sha256: try members.string("sha256") ?? "",
            mediaType: try members.string("media_type") ?? "",
            width: Int(try members.integer("width") ?? 0),
            height: Int(try members.integer("height") ?? 0)
        )
        return image
    }

    // MARK: Errors

    private static func encode(_ error: TaskError) -> JSONObject {
        var object: JSONObject = [
            "kind": .string(error.kind.rawValue), "message": .string(error.message),
            "charged": .string(error.charged.rawValue), "retryable": .bool(error.retryable),
        ]
        object["retry_after_ns"] = error.retryAfter.map { .integer($0.nanoseconds) }
        object["pointer"] = error.pointer.map { .string($0.description) }
        guard let provider = error.provider else { return object }
        var told = JSONObject()
        told["http_status"] = provider.httpStatus.map { .integer(Int64($0)) }
        told["code"] = provider.code
        told["message"] = provider.message.map(JSONValue.string)
        told["request_id"] = provider.requestID.map(JSONValue.string)
        object.append("provider", .object(told))
        return object
    }

    private static func decodeError(_ object: JSONObject) throws(JSONDecodingError) -> TaskError {
        var members = JSONMembers(object)
        let kind = try members.string("kind") ?? ""
        let charged = try members.string("charged") ?? ""
        var error = TaskError(
            // A word of a newer klingd: its message still tells what happened.
            ErrorKind(rawValue: kind) ?? .internal,
            try members.string("message") ?? "",
            charged: Charged(rawValue: charged) ?? .unknown,
            retryable: try members.bool("retryable") ?? false,
            retryAfter: try members.integer("retry_after_ns").map { .nanoseconds($0) },
            pointer: try members.string("pointer").map(JSONPointer.init(reading:))
        )
        if let told = try members.object("provider") {
            var members = JSONMembers(told)
            error.provider = TaskError.Provider(
                httpStatus: try members.integer("http_status").map { Int($0) },
                code: told["code"],
                message: try members.string("message"),
                requestID: try members.string("request_id")
            )
        }
        return error
    }
}

extension Duration {
    /// Whole nanoseconds; saturates at the ends of Int64, which is 292 years.
    var nanoseconds: Int64 { Int64(clamping: attoseconds / 1_000_000_000) }
}

extension JSONPointer {
    /// Reads a pointer as it is written (RFC 6901).
    fileprivate init(reading text: String) {
        self = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().reduce(.root) {
            pointer,
            token in
            var name = ""
            var isEscaped = false
            for scalar in token.unicodeScalars {
                if isEscaped {
                    name += scalar == "1" ? "/" : "~"
                    isEscaped = false
                } else if scalar == "~" {
                    isEscaped = true
                } else {
                    name.unicodeScalars.append(scalar)
                }
            }
            return pointer.member(name)
        }
    }
}
