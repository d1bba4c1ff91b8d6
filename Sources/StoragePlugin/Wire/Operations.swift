package import JSON
package import Storage

/// The params of `put`.
package struct PutParams: WireObject {
    package var key: ObjectKey
    package var path: String
    /// In bytes.
    package var size: Int64
    package var sha256: String
    package var mediaType: String
    package var metadata: [String: String]

    package init(
        key: ObjectKey,
        path: String,
        size: Int64,
        sha256: String,
        mediaType: String,
        metadata: [String: String]
    ) {
        self.key = key
        self.path = path
        self.size = size
        self.sha256 = sha256
        self.mediaType = mediaType
        self.metadata = metadata
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        key = try members.key()
        path = try members.absolutePath("path")
        size = try members.size()
        sha256 = try members.required("sha256", try members.digest())
        mediaType = try members.requiredString("media_type")
        metadata = try members.required("metadata", try members.stringsByName("metadata"))
    }

    package var json: JSONObject {
        [
            "key": .string(key.description), "path": .string(path), "size": .integer(size), "sha256": .string(sha256),
            "media_type": .string(mediaType), "metadata": .object(JSONObject(metadata)),
        ]
    }
}

/// The result of `put`.
package struct PutResult: WireObject {
    /// In bytes.
    package var size: Int64
    package var sha256: String?
    package var uri: String?
    package var wasThere: Bool

    package init(size: Int64, sha256: String? = nil, uri: String? = nil, wasThere: Bool = false) {
        self.size = size
        self.sha256 = sha256
        self.uri = uri
        self.wasThere = wasThere
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        size = try members.size()
        sha256 = try members.digest()
        uri = try members.string("uri")
        wasThere = try members.bool("was_there") ?? false
    }

    package var json: JSONObject {
        var object: JSONObject = ["size": .integer(size)]
        object["sha256"] = sha256.map(JSONValue.string)
        object["uri"] = uri.map(JSONValue.string)
        object["was_there"] = .bool(wasThere)
        return object
    }
}

/// The params of `head` and `delete`.
package struct KeyParams: WireObject {
    package var key: ObjectKey

    package init(key: ObjectKey) {
        self.key = key
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        key = try members.key()
    }

    package var json: JSONObject { ["key": .string(key.description)] }
}

/// The params of `get`.
package struct GetParams: WireObject {
    package var key: ObjectKey
    /// Of the file that is to be made.
    package var path: String

    package init(key: ObjectKey, path: String) {
        self.key = key
        self.path = path
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        key = try members.key()
        path = try members.absolutePath("path")
    }

    package var json: JSONObject { ["key": .string(key.description), "path": .string(path)] }
}

/// The result of `head` and `get`.
package enum HeadResult: WireObject {
    case present(size: Int64, sha256: String?, mediaType: String?, metadata: [String: String])
    case absent

    package init(_ state: ObjectState) {
        switch state {
        case .present(let object):
            self = .present(
                size: object.size,
                sha256: object.sha256,
                mediaType: object.mediaType,
                metadata: object.metadata
            )
        case .absent: self = .absent
        }
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        switch try members.requiredString("state") {
        case "present":
            self = .present(
                size: try members.size(),
                sha256: try members.digest(),
                mediaType: try members.string("media_type"),
                metadata: try members.stringsByName("metadata") ?? [:]
            )
        case "absent": self = .absent
        default:
            throw JSONDecodingError(
                "'state' must be 'present' or 'absent'",
                at: members.pointer.member("state")
            )
        }
    }

    package var json: JSONObject {
        guard case .present(let size, let sha256, let mediaType, let metadata) = self else {
            return ["state": "absent"]
        }
        var object: JSONObject = ["state": "present", "size": .integer(size)]
        object["sha256"] = sha256.map(JSONValue.string)
        object["media_type"] = mediaType.map(JSONValue.string)
        if !metadata.isEmpty { object["metadata"] = .object(JSONObject(metadata)) }
        return object
    }

    /// The same as the state of an object in a storage.
    package func state(of key: ObjectKey) -> ObjectState {
        guard case .present(let size, let sha256, let mediaType, let metadata) = self else { return .absent }
        return .present(
            ObjectSummary(key: key, size: size, sha256: sha256, mediaType: mediaType, metadata: metadata)
        )
    }
}

/// The params of `presign`.
package struct PresignParams: WireObject {
    package var key: ObjectKey
    package var seconds: Int64

    package init(key: ObjectKey, seconds: Int64) {
        self.key = key
        self.seconds = seconds
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        key = try members.key()
        seconds = try members.required("seconds", try members.integer("seconds", in: 1...Int64(Int32.max)))
    }

    package var json: JSONObject { ["key": .string(key.description), "seconds": .integer(seconds)] }
}

/// The result of `presign`.
package struct PresignResult: WireObject {
    package var url: String

    package init(url: String) {
        self.url = url
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        url = try members.requiredString("url")
    }

    package var json: JSONObject { ["url": .string(url)] }
}
