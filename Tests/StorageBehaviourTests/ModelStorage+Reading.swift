import Foundation
import Storage
import Synchronization
import SystemPackage

/// Look-ups, deletes, listings and reads.
extension ModelStorage {
    func head(_ key: ObjectKey) async throws(StorageError) -> ObjectState {
        if fault == .hangs { try? await Task.sleep(for: .seconds(3_600)) }
        if fault == .hangsAndIgnoresCancel { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
        if !isReachable, fault == .unreachableIsAbsent { return .absent }
        try reach(key)
        if fault == .listsPartWhileWriting, state.withLock({ $0.writers > 0 }) { return .absent }
        guard var object = object(key) else {
            if fault == .alwaysPresent { return .present(ObjectSummary(key: key, size: 1)) }
            if fault == .foldersArePresent, keys.contains(where: { $0.hasPrefix("\(key)/") }) {
                return .present(ObjectSummary(key: key, size: 0))
            }
            if fault == .absentIsError { throw unavailable("no such key") }
            return .absent
        }
        if fault == .wrongSize { object.size += 1 }
        let other = String(object.sha256.reversed())
        return .present(
            ObjectSummary(
                key: fault == .wrongKey ? try ObjectKey("other") : key,
                size: object.size,
                sha256: fault == .wrongSHA256 ? other : object.sha256,
                mediaType: object.mediaType,
                metadata: object.metadata
            )
        )
    }

    private func object(_ key: ObjectKey) -> Object? {
        let name = stored(key)
        return state.withLock { state in
            if fault == .deletedIsStillSeen, state.lingering.contains(name) {
                return Object(file: "", size: 1, sha256: "")
            }
            if let object = state.objects[name] { return object }
            if fault == .headFindsLongerKeys {
                return state.objects.filter { $0.key.hasPrefix(name) }.min { $0.key < $1.key }?.value
            }
            return nil
        }
    }

    func delete(_ key: ObjectKey) async throws(StorageError) {
        try reach(key)
        if fault == .deletesNothing || fault == .deleteMissesSpecialCharacters && key.description.contains("!") {
            return
        }
        let name = stored(key)
        try state.withLock { state throws(StorageError) in
            if state.objects[name] == nil {
                if fault == .deleteOfAbsentFails { throw unavailable("no such key") }
                if fault == .deleteTwiceFails, state.deleted.contains(name) { throw unavailable("no such key") }
                state.lingering.remove(name)
                return
            }
            if fault == .deletesLongerKeys {
                for other in state.objects.keys where other.hasPrefix(name) { state.objects[other] = nil }
            }
            state.objects[name] = nil
            state.deleted.insert(name)
            if fault == .deletedIsStillSeen { state.lingering.insert(name) }
        }
    }

    // MARK: Listings

    func list(prefix: String, after cursor: String?, limit: Int) async throws(StorageError) -> ObjectPage {
        try reach(nil)
        let state = state.withLock { $0 }
        var names = Set(state.objects.keys)
        if fault == .listsWhatWasDeleted { names.formUnion(state.deleted) }
        if fault == .emptyPrefixListsNothing, prefix.isEmpty { names = [] }
        names = names.filter { matches($0, prefix) }
        if fault == .listsFolders {
            let folders = names.flatMap { name in name.indices.filter { name[$0] == "/" }.map { String(name[..<$0]) } }
            names.formUnion(folders.filter { $0.hasPrefix(prefix) })
        }
        if fault == .failsWhereNothingLies, names.isEmpty { throw unavailable("no such folder") }
        var sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        if let cursor, fault != .ignoresCursor {
            switch fault {
            case .needsCursorObject: sorted = Array(sorted.drop { $0 != cursor }.dropFirst())
            case .repeatsCursor: sorted = sorted.filter { !$0.utf8.lexicographicallyPrecedes(cursor.utf8) }
            default: sorted = sorted.filter { cursor.utf8.lexicographicallyPrecedes($0.utf8) }
            }
        }
        let limit = fault == .ignoresLimit ? max(limit, 3) : limit
        var objects: [ObjectSummary] = []
        for name in sorted.prefix(limit) {
            let size = (state.objects[name]?.size ?? 0) + (fault == .listsWrongSizes ? 1 : 0)
            objects.append(ObjectSummary(key: try ObjectKey(name), size: size))
        }
        return ObjectPage(objects: objects, next: sorted.count > limit ? objects.last?.key.description : nil)
    }

    private func matches(_ name: String, _ prefix: String) -> Bool {
        guard name.hasPrefix(prefix) else { return false }
        let rest = name.dropFirst(prefix.count)
        switch fault {
        case .prefersWholeSegments:
            return prefix.isEmpty || prefix.hasSuffix("/") || rest.isEmpty || rest.hasPrefix("/")
        case .listsOneLevel: return !rest.contains("/") || prefix.isEmpty
        case .listsOnlyExactFile:
            return state.withLock { $0.objects[prefix] == nil } || rest.isEmpty
        case .hidesPartNames: return !name.hasSuffix(".part") && !name.hasSuffix(".tmp")
        default: return true
        }
    }

    // MARK: Reads

    func get(_ key: ObjectKey, to path: FilePath) async throws(StorageError) -> ObjectState {
        try reach(key)
        let state = try await headForGet(key)
        let target = path.string
        guard case .present = state, let object = object(key) else {
            if fault == .readLeavesFileWhenAbsent { _ = FileManager.default.createFile(atPath: target, contents: nil) }
            return .absent
        }
        if fault == .readsNoEmptyFile, object.size == 0 { return state }
        do {
            if fault == .readsWrongBytes || fault == .readsShort {
                var data = try Data(contentsOf: URL(fileURLWithPath: object.file))
                if !data.isEmpty {
                    let last = data.removeLast()
                    if fault == .readsWrongBytes { data.append(last ^ 1) }
                }
                try data.write(to: URL(fileURLWithPath: target))
            } else {
                try FileManager.default.copyItem(atPath: object.file, toPath: target)
            }
        } catch {
            throw unavailable("can't read: \(error)")
        }
        return state
    }

    private func headForGet(_ key: ObjectKey) async throws(StorageError) -> ObjectState {
        if fault == .readMissesSpecialCharacters, key.description.contains("!") { return .absent }
        return try await head(key)
    }

    func presign(_ key: ObjectKey, for duration: Duration) async throws(StorageError) -> String? {
        "model:" + stored(key) + (fault == .presignsOtherKey ? ".sig" : "")
    }

    /// What a web client would get.
    func fetch(_ url: String) throws -> [UInt8] {
        struct NotFound: Error {}
        guard let object = state.withLock({ $0.objects[String(url.dropFirst("model:".count))] }) else {
            throw NotFound()
        }
        return Array(try Data(contentsOf: URL(fileURLWithPath: object.file)))
    }
}
