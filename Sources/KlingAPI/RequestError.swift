package import JSON

/// Why a request is refused before anything is sent, so that nothing is charged.
package struct RequestError: Error, Sendable, Equatable {
    package var kind: FailureKind
    /// What is wrong and what would be right, without a final stop.
    package var message: String
    /// The member at fault.
    package var pointer: JSONPointer?

    package init(_ kind: FailureKind, _ message: String, at pointer: JSONPointer? = nil) {
        self.kind = kind
        self.message = message
        self.pointer = pointer
    }

    init(_ error: JSONDecodingError) {
        self.init(.invalidParams, error.message, at: error.pointer)
    }
}
