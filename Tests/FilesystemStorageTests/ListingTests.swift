import FilesystemStorage
import Foundation
import Storage
import Testing

@Suite struct ListingTests {
    private let fixture: Fixture
    private static let keys = [
        "A.png", "a-b.png", "a.png", "a/b.png", "a/b/c.png", "a/b/d.png", "a0", "b/a/x.png", "b/z.png", "c.png",
    ]

    init() throws {
        fixture = try Fixture()
        let others = [
            ".klingd-spool/x", ".hidden", "a/.b.png.0123456789abcdef.part", "a/Ferien Ü.png", ".git/config", "a/.x/y",
        ]
        for name in Self.keys + others {
            let url = URL(fileURLWithPath: fixture.path(name))
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(name.utf8).write(to: url)
        }
        try FileManager.default.createSymbolicLink(atPath: fixture.path("link.png"), withDestinationPath: "a.png")
        try FileManager.default.createSymbolicLink(atPath: fixture.path("loop"), withDestinationPath: ".")
        try run("mkfifo", [fixture.path("fifo")])
    }

    @Test("All objects come in the order of their keys' bytes, whatever the size of a page", arguments: 1...11)
    func pages(limit: Int) async throws {
        var keys: [String] = []
        var cursor: String?
        repeat {
            let page = try await fixture.storage.list(prefix: "", after: cursor, limit: limit)
            try #require(!page.objects.isEmpty && page.objects.count <= limit)
            #expect(page.objects.allSatisfy { $0.size == $0.key.description.utf8.count })
            keys += page.objects.map(\.key.description)
            cursor = page.next
        } while cursor != nil
        #expect(keys == Self.keys)
    }

    @Test(
        "A prefix is any beginning of a key",
        arguments: [
            "", "a", "a/", "a/b", "a/b/", "a/b/d.png", "b/a/x", "c.png", "x", "a/b/c/", "/", "..", ".",
            ".klingd-spool/",
        ]
    )
    func filters(prefix: String) async throws {
        let page = try await fixture.storage.list(prefix: prefix, after: nil, limit: 100)
        #expect(page.objects.map(\.key.description) == Self.keys.filter { $0.hasPrefix(prefix) })
        #expect(page.next == nil)
    }

    @Test(
        "A cursor need not be a key that is still there",
        arguments: ["", "A", "a/", "a/b/", "a/b/c", "a/b0", "b", "z"],
        ["", "a/"]
    )
    func resumes(cursor: String, prefix: String) async throws {
        let page = try await fixture.storage.list(prefix: prefix, after: cursor, limit: 100)
        let expected = Self.keys.filter { $0.hasPrefix(prefix) && cursor.utf8.lexicographicallyPrecedes($0.utf8) }
        #expect(page.objects.map(\.key.description) == expected)
    }

    @Test("A deleted object is gone, deleting it again is fine, its neighbours stay")
    func deletes() async throws {
        for key in try ["a/b/c.png", "a/b/c.png", "never/was.png", "A.png"].map({ try ObjectKey($0) }) {
            try await fixture.storage.delete(key)
            #expect(try await fixture.storage.head(key) == .absent)
        }
        let page = try await fixture.storage.list(prefix: "", after: nil, limit: 100)
        #expect(page.objects.map(\.key.description) == Self.keys.filter { !["a/b/c.png", "A.png"].contains($0) })
    }
}
