import FilesystemStorage
import Foundation
import Storage
import SystemPackage
import Testing

@Suite struct ConfinementTests {
    @Test("A folder that is a symbolic link out of the root is not followed, by no operation")
    func refusesLinkedFolder() async throws {
        let fixture = try Fixture()
        try await fixture.storage.prepare()
        let outside = fixture.folder + "/outside"
        try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: false)
        try bytes(10).write(to: URL(fileURLWithPath: outside + "/old.png"))
        try FileManager.default.createSymbolicLink(atPath: fixture.path("day"), withDestinationPath: outside)
        let request = try fixture.request("day/a.png", bytes(10))
        let old = try ObjectKey("day/old.png")
        await expectDenied { try await fixture.storage.put(request) }
        await expectDenied { try await fixture.storage.head(old) }
        await expectDenied { try await fixture.storage.delete(old) }
        #expect(try await fixture.storage.list(prefix: "", after: nil, limit: 10).objects == [])
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == ["old.png"])
    }

    @Test(
        "A symbolic link, FIFO or socket under the key is neither followed nor replaced",
        arguments: ["link", "dangling", "fifo"]
    )
    func refusesSpecialFile(kind: String) async throws {
        for collision in [FilesystemStorageOptions.Collision.keep, .overwrite] {
            let fixture = try Fixture(options: FilesystemStorageOptions(collision: collision, minimumFreeBytes: 0))
            try await fixture.storage.prepare()
            let victim = fixture.folder + "/victim"
            switch kind {
            case "link":
                try bytes(10, seed: 9).write(to: URL(fileURLWithPath: victim))
                try FileManager.default.createSymbolicLink(atPath: fixture.path("a.png"), withDestinationPath: victim)
            case "dangling":
                try FileManager.default.createSymbolicLink(atPath: fixture.path("a.png"), withDestinationPath: victim)
            default: try run("mkfifo", [fixture.path("a.png")])
            }
            let request = try fixture.request("a.png", bytes(10))
            await expectDenied { try await fixture.storage.put(request) }
            await expectDenied { try await fixture.storage.head(request.key) }
            await expectDenied { try await fixture.storage.delete(request.key) }
            if kind == "link" {
                #expect(FileManager.default.contents(atPath: victim) == bytes(10, seed: 9))
            } else {
                #expect(!FileManager.default.fileExists(atPath: victim))
            }
        }
    }

    @Test("A folder under the key is no object and is not replaced")
    func refusesFolder() async throws {
        let fixture = try Fixture()
        try await fixture.storage.prepare()
        try FileManager.default.createDirectory(atPath: fixture.path("a.png"), withIntermediateDirectories: false)
        let request = try fixture.request("a.png", bytes(10))
        #expect(try await fixture.storage.head(request.key) == .absent)
        try await fixture.storage.delete(request.key)
        let error = await #expect(throws: StorageError.self) { try await fixture.storage.put(request) }
        #expect(error.map { [.conflict, .denied].contains($0.kind) } == true)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: fixture.root).sorted() == [".klingd-spool", "a.png"]
        )
    }

    @Test("A file where a folder would be refuses the put, and says that there is no such object")
    func refusesFileAsFolder() async throws {
        let fixture = try Fixture()
        try await fixture.storage.prepare()
        try await fixture.storage.put(fixture.request("day", bytes(10)))
        let request = try fixture.request("day/a.png", bytes(10))
        await expectDenied { try await fixture.storage.put(request) }
        #expect(try await fixture.storage.head(request.key) == .absent)
        try await fixture.storage.delete(request.key)
        #expect(fixture.content("day") == bytes(10))
    }

    @Test("The root itself may be a symbolic link: its owner made it")
    func followsLinkedRoot() async throws {
        let fixture = try Fixture(root: "link")
        let real = fixture.folder + "/real"
        try FileManager.default.createDirectory(atPath: real, withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(atPath: fixture.root, withDestinationPath: real)
        try await fixture.storage.prepare()
        try await fixture.storage.put(fixture.spooledRequest("day/a.png", bytes(10)))
        #expect(FileManager.default.contents(atPath: real + "/day/a.png") == bytes(10))
    }

    @Test("A folder for klingd's own use below the root can't be stored to, read, emptied or listed")
    func keepsOutOfReservedFolder() async throws {
        let plain = try Fixture()
        try await plain.storage.prepare()
        try await plain.storage.put(plain.request("klingd/state/ledger", bytes(10)))
        try await plain.storage.put(plain.request("klingd/state2", bytes(10)))
        var options = FilesystemStorageOptions.roomy
        options.reservedFolders = [FilePath(plain.path("klingd/state")), "/elsewhere"]
        let storage = try FilesystemStorage(url: plain.storage.url, options: options)
        try await storage.prepare()
        let ledger = try ObjectKey("klingd/state/ledger")
        let request = try plain.request("klingd/state/a.png", bytes(10))
        await expectDenied { try await storage.put(request) }
        #expect(try await storage.head(ledger) == .absent)
        try await storage.delete(ledger)
        let listed = try await storage.list(prefix: "", after: nil, limit: 10).objects.map(\.key.description)
        #expect(listed == ["klingd/state2"])
        #expect(try plain.files() == ["klingd/state/ledger", "klingd/state2"])
    }

    private func expectDenied(_ work: () async throws -> some Sendable) async {
        let error = await #expect(throws: StorageError.self) { _ = try await work() }
        #expect(error?.kind == .denied)
        #expect(error?.isRetryable == false)
    }
}
