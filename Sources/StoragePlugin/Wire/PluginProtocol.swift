/// The constants of the storage plugin protocol (`protocol/storage-plugin.md`).
package enum PluginProtocol {
    package static let name = "klingd-storage"
    /// The versions that are spoken here, the best first.
    package static let versions: [Int64] = [1]
    /// In bytes, without the LF.
    package static let maximumLineLength = 1 << 20
    /// Objects in one page: as many as fit into a line when all keys have the greatest length.
    package static let maximumPage = 500
    /// Requests that a plugin may be asked to take at once.
    package static let maximumConcurrency = 32
    /// Notifications of progress, in a second.
    package static let maximumProgressRate = 10

    /// What klingd asks of a plugin.
    package enum Method: String, Sendable, CaseIterable {
        case describe, initialize, put, head, get, delete, list, presign, shutdown
    }

    /// What either side tells without being answered.
    package enum Notification: String, Sendable, CaseIterable {
        /// From klingd: a request is wanted no more.
        case cancelRequest = "$/cancelRequest"
        /// From the plugin: bytes done for a request so far.
        case progress = "$/progress"
        /// From the plugin: a line for klingd's log.
        case log = "$/log"
    }
}
