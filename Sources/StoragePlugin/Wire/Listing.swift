package import JSON
package import Storage

/// The params of `list`.
package struct ListParams: WireObject {
    package var prefix: String
    /// The ``ListResult/next`` of the page before.
    package var after: String?
    package var limit: Int

    package init(prefix: String, after: String? = nil, limit: Int) {
        self.prefix = prefix
        self.after = after
        self.limit = limit
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        prefix = try members.requiredString("prefix")
        after = try members.string("after")
        limit = Int(try members.required("limit", try members.integer("limit", in: 1...Int64(Int32.max))))
    }

    package var json: JSONObject {
        var object: JSONObject = ["prefix": .string(prefix)]
        object["after"] = after.map(JSONValue.string)
        object["limit"] = .integer(Int64(limit))
        return object
    }
}

/// The result of `list`.
package struct ListResult: WireObject {
    package var objects: [ListedObject]
    package var next: String?

    package init(objects: [ListedObject], next: String? = nil) {
        self.objects = objects
        self.next = next
    }

    package init(_ page: ObjectPage) {
        self.init(objects: page.objects.map { ListedObject(key: $0.key, size: $0.size) }, next: page.next)
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        objects = []
        for (index, element) in try members.required("objects", try members.array("objects")).enumerated() {
            objects.append(
                try ListedObject(element, at: members.pointer.member("objects").element(index))
            )
        }
        next = try members.string("next")
    }

    package var json: JSONObject {
        var object: JSONObject = ["objects": .array(objects.map { .object($0.json) })]
        object["next"] = next.map(JSONValue.string)
        return object
    }

    /// The same as a page of a storage's listing.
    package var page: ObjectPage {
        ObjectPage(objects: objects.map { ObjectSummary(key: $0.key, size: $0.size) }, next: next)
    }
}

/// An object in the result of `list`.
package struct ListedObject: WireObject {
    package var key: ObjectKey
    /// In bytes.
    package var size: Int64

    package init(key: ObjectKey, size: Int64) {
        self.key = key
        self.size = size
    }

    package init(from members: inout JSONMembers) throws(JSONDecodingError) {
        key = try members.key()
        size = try members.size()
    }

    package var json: JSONObject { ["key": .string(key.description), "size": .integer(size)] }
}
