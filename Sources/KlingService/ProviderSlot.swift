package import KlingAPI

/// Holds the core client, which may come later than the first request: the in-process simulator has to start first.
package actor ProviderSlot {
    private var client: KlingClient?
    private var isClosed = false
    private var waiting: [CheckedContinuation<KlingClient?, Never>] = []

    package init() {}

    package func set(_ client: KlingClient) {
        self.client = client
        resume(with: client)
    }

    /// There will be none any more.
    package func close() {
        isClosed = true
        resume(with: nil)
    }

    /// Waits until there is one; `nil` when the process ends first.
    func get() async -> KlingClient? {
        if client != nil || isClosed { return client }
        return await withCheckedContinuation { waiting.append($0) }
    }

    private func resume(with client: KlingClient?) {
        for continuation in waiting { continuation.resume(returning: client) }
        waiting = []
    }
}
