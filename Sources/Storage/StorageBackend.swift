public import SystemPackage

/// A place that keeps finished images: a folder, a bucket, or whatever a plugin offers.
///
/// Every call is bounded in time by the backend, may be repeated, and may be made by several processes at once.
public protocol StorageBackend: Sendable {
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

    /// Lists, in an order of the storage's own, at most `limit` objects (at least 1) whose keys begin with `prefix` (any
    /// beginning, not only whole segments; empty for all) and come after the page that ended with `cursor` (its
    /// ``ObjectPage/next``; `nil` for the first). All pages together hold each object once.
    func list(prefix: String, after cursor: String?, limit: Int) async throws(StorageError) -> ObjectPage

    /// Writes the content of an object to a new local file at `path` (absolute), which must not exist; nothing is left
    /// there when the object is absent or on an error. Only asked of a backend whose ``StorageCapabilities/get`` says
    /// so: klingd keeps images without it, ``StorageBehaviour`` compares bytes with it.
    func get(_ key: ObjectKey, to path: FilePath) async throws(StorageError) -> ObjectState

    /// A URL from which anybody can read the object for a while; `nil` when the backend has no such thing.
    func presign(_ key: ObjectKey, for duration: Duration) async throws(StorageError) -> String?

    /// Ends connections and processes that the backend keeps. What is asked afterwards fails.
    func shutdown() async
}

extension StorageBackend {
    /// None.
    public var spoolDirectory: FilePath? { nil }

    /// Throws ``StorageErrorKind/configuration``.
    public func get(_ key: ObjectKey, to path: FilePath) async throws(StorageError) -> ObjectState {
        throw StorageError(.configuration, "\(url) can't be read back", key: key)
    }

    /// None.
    public func presign(_ key: ObjectKey, for duration: Duration) async throws(StorageError) -> String? { nil }

    /// Nothing is kept.
    public func shutdown() async {}
}

/// What a backend can do beyond what every backend must.
public struct StorageCapabilities: Sendable, Hashable {
    /// Of several writers of one new key exactly one wins, also across processes.
    public var exclusiveCreate: Bool
    /// ``PutRequest/metadata`` and ``PutRequest/mediaType`` are kept with the object.
    public var metadata: Bool
    /// ``ObjectSummary/sha256`` is told by ``StorageBackend/head(_:)``.
    public var sha256: Bool
    /// ``StorageBackend/get(_:to:)`` reads objects back.
    public var get: Bool
    /// ``StorageBackend/presign(_:for:)`` answers URLs.
    public var presign: Bool

    /// What is not said is not there.
    public init(
        exclusiveCreate: Bool = false,
        metadata: Bool = false,
        sha256: Bool = false,
        get: Bool = false,
        presign: Bool = false
    ) {
        self.exclusiveCreate = exclusiveCreate
        self.metadata = metadata
        self.sha256 = sha256
        self.get = get
        self.presign = presign
    }
}

/// A local file to be stored.
public struct PutRequest: Sendable, Hashable {
    /// The name that it gets.
    public var key: ObjectKey
    /// An absolute path of a regular file.
    public var source: FilePath
    /// In bytes; the file must have exactly this length.
    public var size: Int64
    /// The SHA-256 of the content, 64 lowercase hexadecimal digits.
    public var sha256: String
    /// Such as `image/png`.
    public var mediaType: String
    /// Short ASCII names and values to keep with the object, where ``StorageCapabilities/metadata`` says so.
    public var metadata: [String: String]
    /// The backend may take the source away by link or rename, when it lies in its spool folder. Then it is gone
    /// after a success; after an error it is still there.
    public var mayTakeSource: Bool

    /// Makes a request.
    public init(
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
public struct StoredObject: Sendable, Hashable {
    /// The name that it has.
    public var key: ObjectKey
    /// Where it lies, percent-encoded: `file:///…`, `s3://…`.
    public var uri: String
    /// The same as an absolute path, when it is a local file.
    public var path: String?
    /// In bytes.
    public var size: Int64
    /// The same content was stored under this key before.
    public var wasThere: Bool

    /// Makes the answer to a put.
    public init(key: ObjectKey, uri: String, path: String? = nil, size: Int64, wasThere: Bool = false) {
        self.key = key
        self.uri = uri
        self.path = path
        self.size = size
        self.wasThere = wasThere
    }
}

/// What a look-up of one object found.
public enum ObjectState: Sendable, Hashable {
    case present(ObjectSummary)
    case absent
}

/// What a storage says of an object without reading it.
public struct ObjectSummary: Sendable, Hashable {
    /// The name that it has.
    public var key: ObjectKey
    /// In bytes.
    public var size: Int64
    /// Of the content, 64 lowercase hexadecimal digits, where ``StorageCapabilities/sha256`` says so; `nil` in listings.
    public var sha256: String?
    /// Where ``StorageCapabilities/metadata`` says so; `nil` in listings.
    public var mediaType: String?
    /// As stored, names in lowercase; empty in listings.
    public var metadata: [String: String]

    /// Makes the answer to a look-up.
    public init(
        key: ObjectKey,
        size: Int64,
        sha256: String? = nil,
        mediaType: String? = nil,
        metadata: [String: String] = [:]
    ) {
        self.key = key
        self.size = size
        self.sha256 = sha256
        self.mediaType = mediaType
        self.metadata = metadata
    }
}

/// One page of a listing.
public struct ObjectPage: Sendable, Hashable {
    /// At most as many as were asked for.
    public var objects: [ObjectSummary]
    /// The cursor for the next page; `nil` when this is the last.
    public var next: String?

    /// Makes a page.
    public init(objects: [ObjectSummary], next: String? = nil) {
        self.objects = objects
        self.next = next
    }
}
