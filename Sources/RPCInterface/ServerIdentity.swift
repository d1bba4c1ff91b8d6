/// What `server-info` says that no task changes.
package struct ServerIdentity: Sendable {
    package var name: String
    package var version: String
    /// Whether `task-updated` is sent.
    package var sendsUpdates: Bool
    /// URLs of the configured storage.
    package var storage: [String]
    /// Schemes of the storage backends that this build has.
    package var storageSchemes: [String]

    /// Revision of `protocol/`: grows by one when something is added; what is there does not change.
    package static let protocolRevision: Int64 = 2

    package init(name: String, version: String, sendsUpdates: Bool, storage: [String], storageSchemes: [String]) {
        self.name = name
        self.version = version
        self.sendsUpdates = sendsUpdates
        self.storage = storage
        self.storageSchemes = storageSchemes
    }
}
