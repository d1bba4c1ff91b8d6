package import JSON
package import JSONRPC
package import KlingService

/// The native protocol: method names and params in, service calls, tasks out (`protocol/README.md`). Each method stands
/// in a file of its own in `Methods`.
package struct RPCInterface: RequestHandler {
    let service: GenerationService
    let feed: UpdateFeed
    let identity: ServerIdentity
    let reader = ParamsReader()
    private let log: @Sendable (String) -> Void

    package init(
        service: GenerationService,
        feed: UpdateFeed,
        identity: ServerIdentity,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.service = service
        self.feed = feed
        self.identity = identity
        self.log = log
    }

    private static let methodsByName = Dictionary(uniqueKeysWithValues: Method.all.map { ($0.name, $0) })

    package func handle(_ request: Request, writer: inout JSONWriter, connection: isolated Connection) -> Handling {
        do throws(RPCError) {
            guard let method = Self.methodsByName[request.method] else { throw Self.unknown(request.method) }
            let params = try Params.byName(request)
            try method.refuseUnknown(params)
            return try method.handle(self, params, &writer)
        } catch {
            return .failed(error)
        }
    }

    package func handle(notification: Request, connection: isolated Connection) {
        // JSON-RPC 2.0 section 4.1: nobody is told of an error.
        log("the notification '\(notification.method)' is none of the protocol and was ignored")
    }

    private static func unknown(_ name: String) -> RPCError {
        let names = Method.all.map(\.name)
        let nearest = Spelling.nearest(to: name, among: names)
        let hint = nearest.map { "did you mean '\($0)'?" } ?? "there are \(names.joined(separator: ", "))"
        return .methodNotFound("there is no method '\(name)'; \(hint)")
    }
}
