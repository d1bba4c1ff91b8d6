package import KlingAPI

/// What a client asks for with `generate`.
package struct GenerateCommand: Sendable {
    package var request: ImageGenerationRequest
    /// A configured place or one below it; `nil` is the default.
    package var storage: String?
    /// Chosen by the client: the same key with the same request is the same task.
    package var idempotencyKey: String?

    package init(request: ImageGenerationRequest, storage: String? = nil, idempotencyKey: String? = nil) {
        self.request = request
        self.storage = storage
        self.idempotencyKey = idempotencyKey
    }
}
