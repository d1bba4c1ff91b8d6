import JSON

/// What a request gets, before it becomes HTTP.
struct Reply: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        case bytes([UInt8], type: String)
        /// To be drawn when it is sent; `isCut` sends half of it and closes the connection.
        case picture(Picture, isCut: Bool)
        /// The connection is closed without an answer.
        case nothing
    }

    var status: Int
    var content: Content
    /// How late the reply is sent, in real time.
    var delayMilliseconds = 0
    /// The `Retry-After` header, in seconds.
    var retryAfter: Int?
    /// The `Location` header.
    var location: String?

    init(status: Int, content: Content) {
        self.status = status
        self.content = content
    }

    init(status: Int = 200, json: JSONValue) {
        self.init(status: status, content: .bytes(json.serialized, type: "application/json"))
    }

    static let closed = Reply(status: 0, content: .nothing)

    static func page(status: Int) -> Reply {
        let html = "<!DOCTYPE html><html><head><title>Simulator</title></head><body><h1>Simulator</h1></body></html>\n"
        return Reply(status: status, content: .bytes(Array(html.utf8), type: "text/html; charset=utf-8"))
    }

    static var redirect: Reply {
        var reply = page(status: 301)
        reply.location = "/"
        return reply
    }

    /// The same with the first half of its bytes.
    var broken: Reply {
        guard case .bytes(let bytes, let type) = content else { return self }
        var reply = self
        reply.content = .bytes(Array(bytes.prefix(bytes.count / 2)), type: type)
        return reply
    }

    /// The same as `fault` wants it: its status, body and `Retry-After`, where it has them.
    func overridden(by fault: Fault) -> Reply {
        var reply = self
        reply.status = fault.status ?? status
        reply.retryAfter = fault.retryAfter ?? retryAfter
        if let body = fault.body {
            let isJSON = body.first { !$0.isWhitespace }.map { "{[".contains($0) } ?? false
            reply.content = .bytes(Array(body.utf8), type: isJSON ? "application/json" : "text/html; charset=utf-8")
        }
        return reply
    }
}
