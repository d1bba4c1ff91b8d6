import FilesystemStorage
import Foundation
import Storage
import StorageBehaviour
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(2)))
struct FilesystemStorageBehaviourTests {
    @Test(arguments: [FilesystemStorageOptions.Collision.keep, .overwrite])
    func aFolderKeepsEveryPromise(collision: FilesystemStorageOptions.Collision) async throws {
        let folder = NSTemporaryDirectory() + "/klingd-behaviour-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let options = FilesystemStorageOptions(collision: collision, minimumFreeBytes: 0)
        let storage = try FilesystemStorage(url: StorageURL(path: folder), options: options)
        try await storage.prepare()
        let nowhere = try FilesystemStorage(url: StorageURL(path: folder + "-not-there"))
        let results = await StorageBehaviour(
            backend: storage,
            options: BehaviourOptions(prefix: try ObjectKey("suite"), largeObjectBytes: 8 << 20, unreachable: nowhere)
        ).run()
        #expect(results.filter(\.isFailure).map(BehaviourTable.lines) == [])
        let skipped = results.filter { if case .skipped = $0.outcome { true } else { false } }.map(\.behaviourCase.need)
        let withheld: Set<BehaviourCase.Need> = [.metadata, .sha256, .presign]
        #expect(Set(skipped) == (collision == .keep ? withheld : withheld.union([.exclusiveCreate])))
        // Folders may remain; of files nothing does.
        let rest = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { name in
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }
        #expect(rest == [])
    }
}
