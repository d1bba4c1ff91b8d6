package import SystemPackage

/// A place that keeps finished images: a folder, a bucket, or whatever a plugin offers.
///
/// Every call is bounded in time by the backend, may be repeated, and may be made by several processes at once.
package protocol StorageBackend: Sendable {
    /// The root as shown to users, such as `file:///home/u/Pictures`; free of secrets.
    var url: StorageURL { get }
    var capabilities: StorageCapabilities { get }

    /// A folder of the backend's own from which it takes a file without copying it; `nil` when it has none.
    /// It exists once ``prepare()`` has returned, is private to the user, and is never listed. Files in it must be
    /// made anew (`O_EXCL`) and never be written again after they were handed to ``put(_:)``.
    var spoolDirectory: FilePath? { get }

    /// Makes the storage ready: makes or opens the root, checks that it can be written, clears what a killed
    /// process left behind. May be called again at any time.
    func prepare() async throws(StorageError)

    /// Stores a local file under a key. On return the object is complete, verified and durable; on an error nothing
    /// new is to be seen under the key. Same key with the same content again is success.
    @discardableResult
    func put(_ request: PutRequest) async throws(StorageError) -> StoredObject

    /// Looks one object up. What can't be found out is an error, never ``ObjectState/absent``.
    func head(_ key: ObjectKey) async throws(StorageError) -> ObjectState

    /// Removes an object for good; that it was not there is fine.
    func delete(_ key: ObjectKey) async throws(StorageError)

    /// Lists, in the order of the keys' bytes, at most `limit` objects (at least 1) whose keys begin with `prefix`
    /// (any beginning, not only whole segments; empty for all) and come after the page that ended with `cursor`
    /// (its ``ObjectPage/next``; `nil` for the first).
    func list(prefix: String, after cursor: String?, limit: Int) async throws(StorageError) -> ObjectPage

    /// A URL from which anybody can read the object for a while; `nil` when the backend has no such thing.
    func presign(_ key: ObjectKey, for duration: Duration) async throws(StorageError) -> String?
}

extension StorageBackend {
    package var spoolDirectory: FilePath? { nil }

    package func presign(_ key: ObjectKey, for duration: Duration) async throws(StorageError) -> String? { nil }
}

/// What a backend can do beyond what every backend must.
package struct StorageCapabilities: Sendable, Hashable {
    /// Of several writers of one new key exactly one wins, also across processes.
    package var exclusiveCreate: Bool
    /// ``PutRequest/metadata`` and ``PutRequest/mediaType`` are kept with the object.
    package var metadata: Bool
    /// ``StorageBackend/presign(_:for:)`` answers URLs.
    package var presign: Bool

    package init(exclusiveCreate: Bool = false, metadata: Bool = false, presign: Bool = false) {
        self.exclusiveCreate = exclusiveCreate
        self.metadata = metadata
        self.presign = presign
    }
}

/// A local file to be stored.
package struct PutRequest: Sendable, Hashable {
    package var key: ObjectKey
    /// An absolute path of a regular file.
    package var source: FilePath
    /// In bytes; the file must have exactly this length.
    package var size: Int64
    /// The SHA-256 of the content, 64 lowercase hexadecimal digits.
    package var sha256: String
    /// Such as `image/png`.
    package var mediaType: String
    /// Short ASCII names and values to keep with the object, where ``StorageCapabilities/metadata`` says so.
    package var metadata: [String: String]
    /// The backend may take the source away by link or rename, when it lies in its spool folder. Then it is gone
    /// after a success; after an error it is still there.
    package var mayTakeSource: Bool

    package init(
        key: ObjectKey,
        source: FilePath,
        size: Int64,
        sha256: String,
        mediaType: String,
        metadata: [String: String] = [:],
        mayTakeSource: Bool = false
    ) {
        self.key = key
        self.source = source
        self.size = size
        self.sha256 = sha256.lowercased()
        self.mediaType = mediaType
        self.metadata = metadata
        self.mayTakeSource = mayTakeSource
    }
}

/// An object that lies complete and durable in a storage.
package struct StoredObject: Sendable, Hashable {
    package var key: ObjectKey
    /// Where it lies, percent-encoded: `file:///…`, `s3://…`.
    package var uri: String
    /// The same as an absolute path, when it is a local file.
    package var path: String?
    /// In bytes.
    package var size: Int64
    /// The same content was stored under this key before.
    package var wasThere: Bool

    package init(key: ObjectKey, uri: String, path: String? = nil, size: Int64, wasThere: Bool = false) {
        self.key = key
        self.uri = uri
        self.path = path
        self.size = size
        self.wasThere = wasThere
    }
}

/// What a look-up of one object found.
package enum ObjectState: Sendable, Hashable {
    case present(ObjectSummary)
    case absent
}

/// What a storage says of an object without reading it.
package struct ObjectSummary: Sendable, Hashable {
    package var key: ObjectKey
    /// In bytes.
    package var size: Int64

    package init(key: ObjectKey, size: Int64) {
        self.key = key
        self.size = size
    }
}

/// One page of a listing.
package struct ObjectPage: Sendable, Hashable {
    package var objects: [ObjectSummary]
    /// The cursor for the next page; `nil` when this is the last.
    package var next: String?

    package init(objects: [ObjectSummary], next: String? = nil) {
        self.objects = objects
        self.next = next
    }
}
