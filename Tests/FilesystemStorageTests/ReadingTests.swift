import FilesystemStorage
import Foundation
import Storage
import SystemPackage
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ReadingTests {
    private let fixture: Fixture

    init() async throws {
        fixture = try Fixture()
        try await fixture.storage.prepare()
    }

    private var target: FilePath { FilePath(fixture.folder + "/target") }

    @Test("An object is read back into a new private file", arguments: [0, 1, 700_000])
    func reads(size: Int) async throws {
        #expect(fixture.storage.capabilities.get)
        let request = try fixture.request("day/a.png", bytes(size))
        try await fixture.storage.put(request)
        let state = try await fixture.storage.get(request.key, to: target)
        #expect(state == .present(ObjectSummary(key: request.key, size: Int64(size))))
        #expect(FileManager.default.contents(atPath: target.string) == bytes(size))
        #expect(try permissions(target.string) == 0o600)
    }

    @Test("What is not there is absent, and leaves no file")
    func absent() async throws {
        #expect(try await fixture.storage.get(try ObjectKey("day/a.png"), to: target) == .absent)
        #expect(!FileManager.default.fileExists(atPath: target.string))
    }

    @Test("A file that is there is not written over")
    func keepsTarget() async throws {
        let request = try fixture.request("a.png", bytes(100))
        try await fixture.storage.put(request)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: target.string))
        let error = await #expect(throws: StorageError.self) {
            try await fixture.storage.get(request.key, to: target)
        }
        #expect(error?.message.contains(target.string) == true)
        #expect(FileManager.default.contents(atPath: target.string) == Data("mine".utf8))
    }

    @Test("A link is not followed out of the root")
    func followsNoLink() async throws {
        let secret = fixture.folder + "/secret"
        try Data("secret".utf8).write(to: URL(fileURLWithPath: secret))
        try FileManager.default.createSymbolicLink(atPath: fixture.path("a.png"), withDestinationPath: secret)
        let error = await #expect(throws: StorageError.self) {
            try await fixture.storage.get(try ObjectKey("a.png"), to: target)
        }
        #expect(error?.kind == .denied)
        #expect(!FileManager.default.fileExists(atPath: target.string))
    }

    @Test("Who overwrites does not claim that one of several writers wins")
    func claimsExclusiveCreateOnlyWhenKeeping() throws {
        #expect(fixture.storage.capabilities.exclusiveCreate)
        let other = try Fixture(options: FilesystemStorageOptions(collision: .overwrite))
        #expect(!other.storage.capabilities.exclusiveCreate)
    }
}
