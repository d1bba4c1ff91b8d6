import Storage
import Synchronization

/// Which keys were deleted, told by work that may be left to itself.
final class Deleting: Sendable {
    private let deleted = Mutex<Set<ObjectKey>>([])

    func isDeleted(_ key: ObjectKey) {
        deleted.withLock { _ = $0.insert(key) }
    }

    func others(than keys: [ObjectKey]) -> [ObjectKey] {
        let deleted = deleted.withLock { $0 }
        return keys.filter { !deleted.contains($0) }
    }
}
