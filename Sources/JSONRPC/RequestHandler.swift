package import JSON

/// Serves the requests of a connection.
package protocol RequestHandler: Sendable {
    /// Called on the connection's executor, which reads no further until this returns: what memory can answer is
    /// written at once, what takes longer is handed back as `pending`.
    ///
    /// The writer stands where the result belongs: exactly one value is written before `written` is returned.
    func handle(_ request: Request, writer: inout JSONWriter, connection: isolated Connection) -> Handling

    /// A notification: there is nobody to tell of an error.
    func handle(notification: Request, connection: isolated Connection)
}

/// How a request is being answered.
package enum Handling: Sendable {
    /// The result stands in the writer.
    case written
    case failed(RPCError)
    /// The operation gives the answer. Cancelling it means: answer now with what is known; it must answer all the same.
    case pending(@Sendable () async -> Result<RPCResult, RPCError>)
    /// As `pending`, for an answer that may be large: such operations run one after the other, and only while the other
    /// side takes its answers.
    case bulky(@Sendable () async -> Result<RPCResult, RPCError>)
}

/// A result as JSON text.
package struct RPCResult: Sendable {
    package let text: [UInt8]

    package init(_ write: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        write(&writer)
        text = writer.bytes
    }
}
