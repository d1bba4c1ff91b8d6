import GenerationTasks
import JSON
import JSONRPC

/// A method of the protocol: what it takes and gives, for people and programs, and what answers it.
///
/// A class, so that dispatching copies one reference. What only the document tells is made when the document is.
final class Method: Sendable {
    /// A request with its answer, as they could be.
    struct Example {
        let name: String
        let params: JSONObject
        let result: JSONValue
    }

    typealias Handler =
        @Sendable (RPCInterface, JSONObject, inout JSONWriter) throws(RPCError) -> Handling

    let name: String
    let summary: String
    /// Required ones first. They are the members that ``refuseUnknown(_:)`` lets pass.
    let params: [JSONSchema.Property]
    /// Exactly one of these params is given; empty when there is no such rule.
    let exactlyOne: [String]
    let result: @Sendable () -> JSONSchema.Named
    /// Kinds of errors beyond those that any request may be answered with.
    let errors: @Sendable () -> [ErrorKind]
    let examples: @Sendable () -> [Example]
    let handle: Handler
    private let paramNames: [String]

    init(
        name: String,
        summary: String,
        params: [JSONSchema.Property],
        exactlyOne: [String] = [],
        result: @escaping @Sendable @autoclosure () -> JSONSchema.Named,
        errors: @escaping @Sendable @autoclosure () -> [ErrorKind],
        examples: @escaping @Sendable @autoclosure () -> [Example],
        handle: @escaping Handler
    ) {
        self.name = name
        self.summary = summary
        self.params = params
        self.exactlyOne = exactlyOne
        self.result = result
        self.errors = errors
        self.examples = examples
        self.handle = handle
        paramNames = params.map(\.name)
    }

    /// Before anything else: a slip in a name is more likely than a member left out on purpose.
    func refuseUnknown(_ params: JSONObject) throws(RPCError) {
        do {
            try params.refuseMembers(otherThan: paramNames)
        } catch {
            throw .invalidParams(error.message, pointer: error.pointer)
        }
    }
}

extension Method {
    /// The registry: what dispatches, and what the OpenRPC document is made from.
    static let all: [Method] = [
        .generate, .status, .list, .watch, .cancelWatch, .resolve, .events, .serverInfo, .discover,
    ]
}

extension [ErrorKind] {
    /// Of whatever reads or writes the ledger.
    static let ofLedger: [ErrorKind] = [.ledgerBusy, .ledger, .internal]

    /// Of whatever asks the provider while the client waits.
    static let ofProvider: [ErrorKind] = [
        .noCredentials, .auth, .account, .refused, .throttled, .providerUnavailable,
    ]
}
