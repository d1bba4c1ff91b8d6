/// What kind of trouble a storage is in. The raw value is the `kind` that clients of the protocol see.
public enum StorageErrorKind: String, Sendable, Hashable, CaseIterable {
    /// No space, no quota, or the file is larger than the storage takes.
    case full = "storage_full"
    /// The storage refuses: permissions, read-only, or something that is not ours lies in the way.
    case denied = "storage_denied"
    /// The storage cannot be reached or does not work at the moment.
    case unavailable = "storage_unavailable"
    /// The storage is set up wrongly, or a place was named that is not configured.
    case configuration = "storage_config"
    /// A plugin misbehaved: died, or answered with what its protocol does not allow.
    case plugin = "plugin"
    /// Other content lies under the same key already and is kept.
    case conflict = "conflict"
    /// The file handed over is not what the request says: gone, of another length, or of another digest.
    /// The storage is fine; the content has to be fetched again.
    case source = "image_unavailable"
}

/// Why a storage did not do what it was asked for. Nothing half-written is left where readers look.
public struct StorageError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of trouble it is, for decisions.
    public var kind: StorageErrorKind
    /// What happened and what to do about it; free of secrets.
    public var message: String
    /// True when the same call may succeed later without anybody changing the configuration or the request.
    public var isRetryable: Bool
    /// When the storage itself said how long to wait.
    public var retryAfter: Duration?
    /// The object concerned; `nil` when the storage as a whole is.
    public var key: ObjectKey?

    /// Makes an error; unless it is said to be retryable it is not.
    public init(
        _ kind: StorageErrorKind,
        _ message: String,
        isRetryable: Bool = false,
        retryAfter: Duration? = nil,
        key: ObjectKey? = nil
    ) {
        self.kind = kind
        self.message = message
        self.isRetryable = isRetryable
        self.retryAfter = retryAfter
        self.key = key
    }

    /// Kind and message.
    public var description: String { "\(kind.rawValue): \(message)" }
}
