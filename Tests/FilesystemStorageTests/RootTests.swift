import FilesystemStorage
import Foundation
import Storage
import SystemPackage
import Testing

@Suite struct RootTests {
    @Test("Preparing makes the root with all that is missing above it, and may be repeated")
    func makesRoot() async throws {
        let fixture = try Fixture(root: "a/b/c")
        try await fixture.storage.prepare()
        try await fixture.storage.prepare()
        #expect(try permissions(fixture.root) == 0o750)
        #expect(try fixture.files() == [])
    }

    @Test("A root that is a file or lies below one is refused", arguments: ["file", "file/below"])
    func refusesFile(root: String) async throws {
        let fixture = try Fixture(root: root)
        try bytes(10).write(to: URL(fileURLWithPath: fixture.folder + "/file"))
        let error = await #expect(throws: StorageError.self) { try await fixture.storage.prepare() }
        #expect(error?.kind == .denied)
    }

    @Test(
        "A root that can't be written is found out when it is prepared",
        .enabled(if: geteuid() != 0, "root may write everywhere")
    )
    func refusesUnwritable() async throws {
        let fixture = try Fixture()
        try FileManager.default.createDirectory(
            atPath: fixture.root,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o500]
        )
        let error = await #expect(throws: StorageError.self) { try await fixture.storage.prepare() }
        #expect(error?.kind == .denied)
    }

    @Test("Where the root is gone nothing is stored beside it, and it goes on when the root is back")
    func survivesLostRoot() async throws {
        let fixture = try Fixture()
        try await fixture.storage.prepare()
        let aside = fixture.folder + "/unplugged"
        try FileManager.default.moveItem(atPath: fixture.root, toPath: aside)
        try FileManager.default.removeItem(atPath: aside)
        let request = try fixture.request("day/a.png", bytes(10))
        for _ in 0..<2 {
            let error = await #expect(throws: StorageError.self) { try await fixture.storage.put(request) }
            #expect(error?.kind == .unavailable)
            #expect(error?.isRetryable == true)
        }
        #expect(!FileManager.default.fileExists(atPath: fixture.root))
        try FileManager.default.createDirectory(atPath: fixture.root, withIntermediateDirectories: false)
        try await fixture.storage.put(request)
        #expect(fixture.content("day/a.png") == bytes(10))
    }

    @Test("Only old parts of files are swept, by their name and age; what users have stays")
    func sweepsParts() async throws {
        let fixture = try Fixture()
        let old = [
            ".a.png.0123456789abcdef.part", "day/.a.b.png.fedcba9876543210.part", "day/.x.0000000000000000.part",
        ]
        let kept = [
            "day/.a.png.0123456789ABCDEF.part", "day/.a.png.0123456789abcde.part", "a.png.0123456789abcdef.part",
            "day/.0123456789abcdef.part", ".hidden/.a.png.0123456789abcdef.part", "day/a.part", ".part",
            "Notizen ü.txt",
        ]
        let fresh = ["day/.young.png.0123456789abcdef.part"]
        for name in old + kept + fresh {
            let url = URL(fileURLWithPath: fixture.path(name))
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try bytes(10).write(to: url)
            try setAge(url.path, hours: fresh.contains(name) ? 0.9 : 1.1)
        }
        try await fixture.storage.prepare()
        #expect(try fixture.files() == (kept + fresh).sorted())
    }

    @Test("A spooled file that was published just before a crash leaves the spool, so nobody writes to the image")
    func sweepsPublished() async throws {
        let fixture = try Fixture()
        try await fixture.storage.prepare()
        let request = try fixture.spooledRequest("a.png", bytes(10))
        let waiting = try fixture.spooledRequest("b.png", bytes(10))
        try FileManager.default.linkItem(atPath: request.source.string, toPath: fixture.path("a.png"))
        let next = try FilesystemStorage(url: fixture.storage.url, options: .roomy)
        try await next.prepare()
        #expect(!FileManager.default.fileExists(atPath: request.source.string))
        #expect(FileManager.default.fileExists(atPath: waiting.source.string), "what is still to be stored stays")
        #expect(try await next.put(request).wasThere)
    }

    @Test("A put that would leave less space than is to stay free is refused, one from the spool is not")
    func keepsFloor() async throws {
        let fixture = try Fixture(options: FilesystemStorageOptions(minimumFreeBytes: .max / 2))
        try await fixture.storage.prepare()
        let request = try fixture.request("a.png", bytes(10))
        let error = await #expect(throws: StorageError.self) { try await fixture.storage.put(request) }
        #expect(error?.kind == .full)
        #expect(error?.isRetryable == true)
        #expect(try fixture.files() == [])
        try await fixture.storage.put(fixture.spooledRequest("a.png", bytes(10)))
    }

    @Test("Only a file URL is a folder")
    func refusesOtherURL() throws {
        let error = try #require(throws: StorageError.self) {
            try FilesystemStorage(url: StorageURL("s3://bucket/a"))
        }
        #expect(error.kind == .configuration)
    }
}
