import Storage
import Synchronization
import SystemPackage

/// What a case works with: the storage, keys and files of its own, and what it may expect.
final class Trial: Sendable {
    let backend: any StorageBackend
    let options: BehaviourOptions

    private struct State {
        var keys: [ObjectKey] = []
        var random: SplitMix64
        var paths: [ObjectKey: String] = [:]
    }

    private let name: String
    private let folder: WorkFolder
    private let state: Mutex<State>

    init(_ behaviourCase: BehaviourCase, backend: any StorageBackend, options: BehaviourOptions, folder: WorkFolder) {
        self.backend = backend
        self.options = options
        self.folder = folder
        name = behaviourCase.name
        // FNV-1a: every case has numbers of its own, whichever are run.
        let hash = behaviourCase.name.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
        state = Mutex(State(random: SplitMix64(seed: options.seed ^ hash)))
    }

    // MARK: What a case makes

    /// Every key that was made: to be deleted at the end.
    var keys: [ObjectKey] { state.withLock { $0.keys } }

    /// What the keys of this case begin with.
    var prefix: String { "\(options.prefix)/\(name)/" }

    /// A key below ``prefix``.
    func key(_ name: String) throws(CaseEnd) -> ObjectKey {
        let key: ObjectKey
        do { key = try ObjectKey(prefix + name) } catch { throw .failed("the prefix is too long: \(error.message)") }
        state.withLock { if !$0.keys.contains(key) { $0.keys.append(key) } }
        return key
    }

    func content(_ size: Int = 1_000) -> Content {
        withRandom { Content(size: size, random: &$0) }
    }

    func withRandom<Value: Sendable>(_ body: (inout SplitMix64) -> Value) -> Value {
        state.withLock { body(&$0.random) }
    }

    /// A local path at which nothing lies.
    func newPath() -> FilePath { folder.newPath() }

    /// Where the storage said that an object lies as a local file.
    func path(of key: ObjectKey) -> String? { state.withLock { $0.paths[key] } }

    /// A request with a new source that holds the content, or the first `count` bytes of it.
    func request(
        _ key: ObjectKey,
        _ content: Content,
        count: Int64? = nil,
        at path: FilePath? = nil,
        mediaType: String = "image/png",
        metadata: [String: String] = [:],
        mayTakeSource: Bool = false
    ) throws(CaseEnd) -> PutRequest {
        let source = path ?? newPath()
        do {
            try content.write(to: source, count: count)
        } catch {
            throw .failed("the file \(source) to be put can't be written (\(error)): this is no fault of the storage")
        }
        return PutRequest(
            key: key,
            source: source,
            size: content.size,
            sha256: content.sha256,
            mediaType: mediaType,
            metadata: metadata,
            mayTakeSource: mayTakeSource
        )
    }

    // MARK: Operations that must succeed

    @discardableResult
    func put(_ request: PutRequest) async throws(CaseEnd) -> StoredObject {
        let stored: StoredObject
        do {
            stored = try await backend.put(request)
        } catch {
            throw .failed("put of \(request.size) bytes as \(request.key) failed: \(error)")
        }
        if let path = stored.path { state.withLock { $0.paths[request.key] = path } }
        return stored
    }

    @discardableResult
    func put(_ key: ObjectKey, _ content: Content) async throws(CaseEnd) -> StoredObject {
        let request = try request(key, content)
        defer { WorkFolder.remove(request.source) }
        return try await put(request)
    }

    func head(_ key: ObjectKey) async throws(CaseEnd) -> ObjectState {
        do { return try await backend.head(key) } catch { throw .failed("head of \(key) failed: \(error)") }
    }

    func delete(_ key: ObjectKey) async throws(CaseEnd) {
        do { try await backend.delete(key) } catch { throw .failed("delete of \(key) failed: \(error)") }
    }

    func page(_ prefix: String, after cursor: String? = nil, limit: Int) async throws(CaseEnd) -> ObjectPage {
        do {
            return try await backend.list(prefix: prefix, after: cursor, limit: limit)
        } catch {
            throw .failed("list of '\(prefix)' failed: \(error)")
        }
    }

    /// Every page of a listing.
    func pages(_ prefix: String, limit: Int, atMost most: Int = 100) async throws(CaseEnd) -> [ObjectPage] {
        var pages: [ObjectPage] = []
        var cursor: String?
        repeat {
            guard pages.count < most else { throw .failed("the list of '\(prefix)' has not ended after \(most) pages") }
            let page = try await page(prefix, after: cursor, limit: limit)
            pages.append(page)
            cursor = page.next
        } while cursor != nil
        return pages
    }

    /// The objects below a prefix, in the order in which they are listed.
    func listed(_ prefix: String) async throws(CaseEnd) -> [ObjectSummary] {
        try await pages(prefix, limit: 1_000).flatMap(\.objects)
    }
}
