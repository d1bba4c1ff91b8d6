import FilesystemStorage
import Foundation
import Storage
import Testing

/// A small file system of its own.
@Suite(.enabled(if: SmallDisk.isPossible, "needs the right to mount a tmpfs"))
struct FullDiskTests {
    @Test("On a full disk nothing half-written stays, and the same put succeeds once there is space")
    func recovers() async throws {
        let disk = try SmallDisk(megabytes: 8)
        let fixture = try Fixture(in: disk.path)
        try await fixture.storage.prepare()
        let ballast = fixture.folder + "/ballast"
        try bytes(5_000_000).write(to: URL(fileURLWithPath: ballast))
        let source = try Fixture()
        let request = try source.request("day/a.png", bytes(4_000_000))
        let error = await #expect(throws: StorageError.self) { try await fixture.storage.put(request) }
        #expect(error?.kind == .full)
        #expect(error?.isRetryable == true)
        #expect(try fixture.files() == [])
        try FileManager.default.removeItem(atPath: ballast)
        try await fixture.storage.put(request)
        #expect(fixture.content("day/a.png") == bytes(4_000_000))
    }

    @Test("A small disk is used but for a 32nd of it")
    func leavesAProportionateFloor() async throws {
        let disk = try SmallDisk(megabytes: 8)
        let fixture = try Fixture(options: FilesystemStorageOptions(), in: disk.path)
        try await fixture.storage.prepare()
        let source = try Fixture()
        // 8 MiB less 256 KiB is 8,126,464 bytes, of which some are taken by folders.
        let large = try source.request("a.png", bytes(8_100_000))
        let tooLarge = try source.request("b.png", bytes(8_130_000))
        let error = await #expect(throws: StorageError.self) { try await fixture.storage.put(tooLarge) }
        #expect(error?.kind == .full)
        #expect(error?.message.contains("262144 are to stay free") == true)
        try await fixture.storage.put(large)
        #expect(fixture.content("a.png") == bytes(8_100_000))
    }

    @Test("A disk that became read-only is told apart from a full one")
    func tellsReadOnly() async throws {
        let disk = try SmallDisk(megabytes: 1)
        let fixture = try Fixture(in: disk.path)
        try await fixture.storage.prepare()
        let source = try Fixture()
        let request = try source.request("a.png", bytes(1_000))
        try disk.makeReadOnly()
        let put = await #expect(throws: StorageError.self) { try await fixture.storage.put(request) }
        #expect(put?.kind == .denied)
        let prepare = await #expect(throws: StorageError.self) { try await fixture.storage.prepare() }
        #expect(prepare?.kind == .denied)
    }

    @Test("A file is copied from the spool when another disk is mounted on its folder")
    func copiesToMountedFolder() async throws {
        let fixture = try Fixture()
        try await fixture.storage.prepare()
        try FileManager.default.createDirectory(atPath: fixture.path("day"), withIntermediateDirectories: false)
        let disk = try SmallDisk(megabytes: 1, at: fixture.path("day"))
        let request = try fixture.spooledRequest("day/a.png", bytes(1_000))
        try await fixture.storage.put(request)
        #expect(FileManager.default.contents(atPath: disk.path + "/a.png") == bytes(1_000))
        #expect(try fixture.files() == ["day/a.png"])
    }
}

/// A mounted tmpfs, unmounted with the last reference.
private final class SmallDisk: Sendable {
    let path: String

    static let isPossible: Bool = {
        #if os(Linux)
            (try? SmallDisk(megabytes: 1)) != nil
        #else
            false
        #endif
    }()

    private struct NotMounted: Error {}

    init(megabytes: Int, at mountPoint: String? = nil) throws {
        path = mountPoint ?? NSTemporaryDirectory() + "klingd-disk-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard try run("mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path]).status == 0 else {
            try FileManager.default.removeItem(atPath: path)
            throw NotMounted()
        }
    }

    deinit {
        _ = try? run("umount", ["-l", path])
        try? FileManager.default.removeItem(atPath: path)
    }

    func makeReadOnly() throws {
        guard try run("mount", ["-o", "remount,ro", path]).status == 0 else { throw NotMounted() }
    }
}
