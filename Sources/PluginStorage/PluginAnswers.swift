import JSON
import Storage

/// Reads the results of operations; what is missing in them or of another type is told with its place in the answer.
enum PluginAnswers {
    /// What a plugin says of a put. klingd believes what `head` says afterwards.
    struct Put: Sendable, Hashable {
        var size: Int64
        var sha256: String?
        var uri: String?
        var wasThere: Bool
    }

    static func put(_ answer: JSONValue) throws(JSONDecodingError) -> Put {
        let (object, pointer) = try result(answer)
        var members = JSONMembers(object, at: pointer)
        let uri = try members.string("uri")
        if let uri, uri.utf8.count > 4096 || uri != Excerpt.line(uri, limit: 4096) {
            throw JSONDecodingError("'uri' must be one line of at most 4096 bytes", at: pointer.member("uri"))
        }
        return Put(
            size: try size(&members, at: pointer),
            sha256: try sha256(&members, at: pointer),
            uri: uri,
            wasThere: try members.bool("was_there") ?? false
        )
    }

    static func state(of key: ObjectKey, _ answer: JSONValue) throws(JSONDecodingError) -> ObjectState {
        let (object, pointer) = try result(answer)
        var members = JSONMembers(object, at: pointer)
        switch try required("state", try members.string("state"), at: pointer) {
        case "absent": return .absent
        case "present":
            var summary = ObjectSummary(key: key, size: try size(&members, at: pointer))
            summary.sha256 = try sha256(&members, at: pointer)
            summary.mediaType = try members.string("media_type")
            for member in (try members.object("metadata") ?? [:]).members {
                guard let text = member.value.stringValue else {
                    throw JSONDecodingError(
                        "a value of 'metadata' must be a string, not \(member.value.kindName)",
                        at: pointer.member("metadata").member(member.name)
                    )
                }
                summary.metadata[member.name.lowercased()] = text
            }
            return .present(summary)
        default: throw JSONDecodingError("'state' must be \"present\" or \"absent\"", at: pointer.member("state"))
        }
    }

    static func empty(_ answer: JSONValue) throws(JSONDecodingError) {
        _ = try result(answer)
    }

    static func url(_ answer: JSONValue) throws(JSONDecodingError) -> String {
        let (object, pointer) = try result(answer)
        var members = JSONMembers(object, at: pointer)
        let url = try required("url", try members.string("url"), at: pointer)
        guard url.utf8.allSatisfy({ (0x21..<0x7F).contains($0) }) else {
            throw JSONDecodingError("'url' must be a URL in printable ASCII", at: pointer.member("url"))
        }
        return url
    }

    static func page(
        _ answer: JSONValue,
        prefix: String,
        after cursor: String?,
        limit: Int
    ) throws(JSONDecodingError) -> ObjectPage {
        let (object, pointer) = try result(answer)
        var members = JSONMembers(object, at: pointer)
        let values = try required("objects", try members.array("objects"), at: pointer)
        let place = pointer.member("objects")
        guard values.count <= limit else {
            throw JSONDecodingError("'objects' has \(values.count) elements, asked for were \(limit)", at: place)
        }
        var objects: [ObjectSummary] = []
        var seen: Set<ObjectKey> = []
        for (index, value) in values.enumerated() {
            let object = try element(value, at: place.element(index))
            let keyPlace = place.element(index).member("key")
            guard object.key.description.hasPrefix(prefix) else {
                throw JSONDecodingError("'\(object.key)' does not begin with the prefix '\(prefix)'", at: keyPlace)
            }
            guard seen.insert(object.key).inserted else {
                throw JSONDecodingError("'\(object.key)' comes twice", at: keyPlace)
            }
            objects.append(object)
        }
        let next = try members.string("next")
        if let next, next == cursor {
            throw JSONDecodingError(
                "'next' is the page that was asked for: it must lead on",
                at: pointer.member("next")
            )
        }
        return ObjectPage(objects: objects, next: next)
    }

    private static func element(_ value: JSONValue, at place: JSONPointer) throws(JSONDecodingError) -> ObjectSummary {
        guard let object = value.objectValue else {
            throw JSONDecodingError("an object of the listing must be an object, not \(value.kindName)", at: place)
        }
        var members = JSONMembers(object, at: place)
        let name = try required("key", try members.string("key"), at: place)
        let key: ObjectKey
        do {
            key = try ObjectKey(name)
        } catch {
            throw JSONDecodingError("\(error.message); such names must be left out", at: place.member("key"))
        }
        return ObjectSummary(key: key, size: try size(&members, at: place))
    }

    static func result(_ answer: JSONValue) throws(JSONDecodingError) -> (JSONObject, JSONPointer) {
        let pointer = JSONPointer.root.member("result")
        guard let object = answer.objectValue else {
            throw JSONDecodingError("the result must be an object, not \(answer.kindName)", at: pointer)
        }
        return (object, pointer)
    }

    static func required<Value>(
        _ name: String,
        _ value: Value?,
        at pointer: JSONPointer
    ) throws(JSONDecodingError) -> Value {
        guard let value else { throw JSONDecodingError("'\(name)' is missing", at: pointer.member(name)) }
        return value
    }

    private static func size(
        _ members: inout JSONMembers,
        at pointer: JSONPointer
    ) throws(JSONDecodingError) -> Int64 {
        try required("size", try members.integer("size", in: 0...Int64.max), at: pointer)
    }

    private static func sha256(
        _ members: inout JSONMembers,
        at pointer: JSONPointer
    ) throws(JSONDecodingError) -> String? {
        guard let text = try members.string("sha256") else { return nil }
        guard text.utf8.count == 64, text.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else {
            throw JSONDecodingError("'sha256' must be 64 hexadecimal digits", at: pointer.member("sha256"))
        }
        return text.lowercased()
    }
}
