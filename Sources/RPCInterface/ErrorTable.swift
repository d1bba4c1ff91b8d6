import GenerationTasks
import JSON
import JSONRPC

/// Every error that a request can be answered with, as the OpenRPC document lists it.
enum ErrorTable {
    struct Entry {
        /// Among the document's components.
        let name: String
        let code: Int64
        let meaning: String
        let kind: String

        fileprivate init(name: String, _ error: RPCError) {
            self.name = name
            code = error.code
            meaning = error.message
            kind = error.data?["kind"]?.stringValue ?? name
        }

        init(_ kind: ErrorKind) {
            name = kind.rawValue
            code = kind.code
            meaning = kind.meaning
            self.kind = kind.rawValue
        }
    }

    /// Errors of messages, whatever method they are for. What is wrong with params is among the kinds of tasks too.
    private static let ofMessages: [(name: String, error: RPCError)] = [
        ("parse_error", .parseError("the line is not JSON")),
        ("invalid_request", .invalidRequest("the message is not a request, or beyond the limits")),
        ("message_too_large", .tooLarge("the line or the batch is longer than its limit", limit: 0)),
        ("method_not_found", .methodNotFound("there is no such method")),
    ]

    static let entries: [Entry] =
        ofMessages.map { Entry(name: $0.name, $0.error) } + ErrorKind.all.map { Entry($0) }

    /// Every word that `kind` can be.
    static let kinds: [String] = entries.reduce(into: []) { kinds, entry in
        if !kinds.contains(entry.kind) { kinds.append(entry.kind) }
    }
}
