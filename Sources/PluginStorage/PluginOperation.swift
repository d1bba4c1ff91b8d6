import JSON
import Storage
import SystemPackage

/// What is asked of a plugin.
enum PluginOperation: Sendable, Hashable {
    /// Only that it has been set up; nothing is sent for it.
    case prepare
    case describe
    case put(PutRequest)
    case head(ObjectKey)
    /// The content is to be in a file of this name in the work folder.
    case get(ObjectKey, fileName: String)
    case delete(ObjectKey)
    case list(prefix: String, after: String?, limit: Int)
    case presign(ObjectKey, seconds: Int64)

    var method: String {
        switch self {
        case .prepare: "initialize"
        case .describe: "describe"
        case .put: "put"
        case .head: "head"
        case .get: "get"
        case .delete: "delete"
        case .list: "list"
        case .presign: "presign"
        }
    }

    var key: ObjectKey? {
        switch self {
        case .put(let request): request.key
        case .head(let key), .get(let key, _), .delete(let key), .presign(let key, _): key
        case .prepare, .describe, .list: nil
        }
    }

    /// As messages name it: `put of a/b.png`.
    var subject: String { key.map { "\(method) of \($0)" } ?? method }

    /// What is to be sent up, in bytes.
    var size: Int64 {
        if case .put(let request) = self { request.size } else { 0 }
    }

    func params(workDirectory: FilePath) -> JSONObject {
        switch self {
        case .prepare, .describe: return [:]
        case .put(let request):
            let metadata = request.metadata.sorted { $0.key < $1.key }
            return [
                "key": .string(request.key.description),
                "path": .string(request.source.string),
                "size": .integer(request.size),
                "sha256": .string(request.sha256),
                "media_type": .string(request.mediaType),
                "metadata": .object(JSONObject(metadata.map { .init(name: $0.key, value: .string($0.value)) })),
            ]
        case .head(let key), .delete(let key): return ["key": .string(key.description)]
        case .get(let key, let fileName):
            return ["key": .string(key.description), "path": .string(workDirectory.appending(fileName).string)]
        case .list(let prefix, let cursor, let limit):
            var params: JSONObject = ["prefix": .string(prefix), "limit": .integer(Int64(limit))]
            params["after"] = cursor.map(JSONValue.string)
            return params
        case .presign(let key, let seconds):
            return ["key": .string(key.description), "seconds": .integer(seconds)]
        }
    }
}
