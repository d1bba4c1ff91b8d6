import Crypto
import Foundation
import Storage
import Synchronization
import SystemPackage

/// A storage that keeps an index in memory and contents in a folder of its own: the shortest that keeps every promise, or
/// all but one.
final class ModelStorage: StorageBackend {
    struct Object: Sendable {
        var file: String
        var size: Int64
        var sha256: String
        var mediaType = ""
        var metadata: [String: String] = [:]
    }

    struct State: Sendable {
        var objects: [String: Object] = [:]
        var deleted: Set<String> = []
        var locked: Set<String> = []
        var writers = 0
        var memory: [[UInt8]] = []
        var lingering: Set<String> = []
    }

    let url: StorageURL
    let capabilities: StorageCapabilities
    let spoolDirectory: FilePath?
    let fault: Fault?
    let isReachable: Bool
    let state = Mutex(State())
    private let folder: String

    init(_ fault: Fault? = nil, isReachable: Bool = true, exclusiveCreate: Bool = true) throws {
        url = try StorageURL("model://box")
        self.fault = fault
        self.isReachable = isReachable
        capabilities = StorageCapabilities(
            exclusiveCreate: exclusiveCreate,
            metadata: true,
            sha256: true,
            get: true,
            presign: true
        )
        folder = NSTemporaryDirectory() + "/klingd-model-\(UUID().uuidString)"
        spoolDirectory = FilePath(folder + "/spool")
        try FileManager.default.createDirectory(atPath: folder + "/spool", withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// What is stored, by key.
    var keys: [String] { state.withLock { $0.objects.keys.sorted() } }

    func prepare() async throws(StorageError) {
        if fault == .preparingForgets { state.withLock { $0.objects = [:] } }
    }

    // MARK: Put

    func put(_ request: PutRequest) async throws(StorageError) -> StoredObject {
        try reach(request.key, isPut: true)
        let name = stored(request.key)
        try checkName(request)
        if state.withLock({ $0.locked.contains(name) }) { throw unavailable("locked") }
        try enter()
        defer { state.withLock { $0.writers -= 1 } }
        let part = fault == .sharesTemporaryFile ? folder + "/part" : folder + "/\(UUID().uuidString)"
        let object = try copy(request, to: part)
        try await dawdle(name, request, object)
        let wasThere = try publish(name, object, request)
        take(request)
        return StoredObject(
            key: request.key,
            uri: url.appending(request.key).description,
            size: fault == .tellsSizeOfRoom ? request.size + 512 : request.size,
            wasThere: wasThere || fault == .tellsWasThereAlways
        )
    }

    private func checkName(_ request: PutRequest) throws(StorageError) {
        let segments = request.key.segments
        if fault == .refusesEmptyContent, request.size == 0 { throw unavailable("empty") }
        if fault == .refusesLongNames, segments.contains(where: { $0.utf8.count > 240 }) { throw unavailable("long") }
        if fault == .refusesDeepKeys, segments.count > 32 { throw unavailable("deep") }
    }

    private func enter() throws(StorageError) {
        let count = state.withLock { state in
            state.writers += 1
            return state.writers
        }
        guard fault == .refusesSecondWriter, count > 1 else { return }
        state.withLock { $0.writers -= 1 }
        throw unavailable("busy")
    }

    private func copy(_ request: PutRequest, to part: String) throws(StorageError) -> Object {
        let failure = StorageError(
            fault == .callsBadSourceUnavailable ? .unavailable : .source,
            "not as announced",
            isRetryable: true
        )
        var size: Int64 = 0
        var hash = SHA256()
        do {
            if fault == .acceptsMissingSource, !FileManager.default.fileExists(atPath: request.source.string) {
                _ = FileManager.default.createFile(atPath: request.source.string, contents: nil)
                return Object(file: request.source.string, size: request.size, sha256: request.sha256)
            }
            let source = try FileDescriptor.open(request.source, .readOnly)
            defer { try? source.close() }
            let target = try FileDescriptor.open(
                FilePath(part),
                .writeOnly,
                options: [.create, .truncate],
                permissions: .ownerReadWrite
            )
            defer { try? target.close() }
            var buffer = [UInt8](repeating: 0, count: min(256 * 1024, Int(request.size) + 1))
            var all: [UInt8] = []
            while case let count = try buffer.withUnsafeMutableBytes({ try source.read(into: $0) }), count > 0 {
                let bytes = buffer[..<count]
                hash.update(data: bytes)
                try target.writeAll(bytes)
                size += Int64(count)
                if fault == .keepsAllInMemory { all += bytes }
            }
            if fault == .keepsAllInMemory { state.withLock { [all] in $0.memory.append(all) } }
        } catch {
            throw failure
        }
        let sha256 = hash.finalize().map { String(format: "%02x", $0) }.joined()
        var object = Object(file: part, size: size, sha256: sha256)
        let isAccepted =
            size < request.size && fault == .acceptsShortSource || size > request.size && fault == .acceptsLongSource
            || size == request.size && fault == .acceptsOtherDigest
        guard size == request.size && sha256 == request.sha256 || isAccepted else {
            if fault == .removesOldOnFailure {
                state.withLock { $0.objects[stored(request.key)] = nil }
            }
            if fault == .showsWhatItRefused {
                state.withLock {
                    if $0.objects[stored(request.key)] == nil { $0.objects[stored(request.key)] = object }
                }
            }
            throw failure
        }
        object.mediaType = fault == .losesMediaType ? "application/octet-stream" : request.mediaType
        object.metadata = fault == .losesMetadata ? [:] : request.metadata
        return object
    }

    /// The time between the first byte and the last.
    private func dawdle(_ name: String, _ request: PutRequest, _ object: Object) async throws(StorageError) {
        let half = Object(file: object.file, size: object.size / 2, sha256: object.sha256)
        switch fault {
        case .showsPartWhileWriting, .listsPartWhileWriting, .leavesPartOnCancel, .staysLockedAfterCancel,
            .removesOldOnCancel, .sharesTemporaryFile, .allWritersWin, .refusesSecondWriter,
            .overwritesAlthoughExclusive:
            break
        default:
            await Task.yield()
            return
        }
        // Elsewhere it makes no difference but takes time.
        guard ["under_cancel/", "while_writing/", "concurrent_writers_"].contains(where: name.contains) else { return }
        let isNew = state.withLock { $0.objects[name] == nil }
        if isNew, fault == .showsPartWhileWriting || fault == .listsPartWhileWriting {
            state.withLock { $0.objects[name] = half }
        }
        do {
            // Longer than the put by which the suite learns the usual time, so that every cancellation comes within.
            let isCancelled = name.contains("under_cancel/") && !name.hasSuffix("usual.png")
            try await Task.sleep(for: .milliseconds(isCancelled ? 400 : 10))
            if isNew, fault == .showsPartWhileWriting || fault == .listsPartWhileWriting {
                state.withLock { $0.objects[name] = nil }
            }
        } catch {
            state.withLock { state in
                switch fault {
                case .leavesPartOnCancel: if isNew { state.objects[name] = half }
                case .staysLockedAfterCancel: state.locked.insert(name)
                case .removesOldOnCancel: state.objects[name] = nil
                default: if isNew { state.objects[name] = nil }
                }
            }
            throw unavailable("cancelled")
        }
    }

    private func publish(_ name: String, _ object: Object, _ request: PutRequest) throws(StorageError) -> Bool {
        try state.withLock { state throws(StorageError) in
            if fault == .storesNothing { return false }
            if fault == .hidesWhatWasDeletedOnce, state.deleted.contains(name) { return false }
            var object = object
            if fault == .storesHalf { object.size /= 2 }
            guard let old = state.objects[name] else {
                state.objects[name] = object
                return false
            }
            if old.sha256 == object.sha256, fault != .refusesSameBytes { return true }
            if fault == .tearsOnOverwrite {
                state.objects[name]?.file = object.file
                throw StorageError(.conflict, "other content", key: request.key)
            }
            let isRace = state.writers > 1
            switch fault {
            case .overwritesAlthoughExclusive,
                .allWritersWin where isRace:
                break
            case .losersSeeUnavailable where isRace: throw unavailable("busy")
            default:
                if capabilities.exclusiveCreate || fault == .refusesSameBytes {
                    throw StorageError(.conflict, "other content", key: request.key)
                }
            }
            // Of those that say so, all but the first have in fact not stored.
            if fault != .allWritersWin { state.objects[name] = object }
            return false
        }
    }

    private func take(_ request: PutRequest) {
        let source = request.source.string
        if request.mayTakeSource {
            if fault != .leavesSourceInSpool { try? FileManager.default.removeItem(atPath: source) }
        } else if fault == .removesSource {
            try? FileManager.default.removeItem(atPath: source)
        } else if fault == .changesSource {
            try? Data("changed".utf8).write(to: URL(fileURLWithPath: source))
        }
    }

    // MARK: Helpers

    func reach(_ key: ObjectKey?, isPut: Bool = false) throws(StorageError) {
        guard isReachable || isPut && fault == .unreachableStores else { throw unavailable("not reached") }
    }

    /// The name under which a key is kept.
    func stored(_ key: ObjectKey) -> String {
        switch fault {
        case .foldsSpecialCharacters:
            String(key.description.map { "!()".contains($0) ? "_" : $0 })
        case .headForgetsCase: key.description.lowercased()
        default: key.description
        }
    }

    func unavailable(_ message: String) -> StorageError {
        StorageError(.unavailable, message, isRetryable: true)
    }
}
