import Storage
import Testing

@Suite struct ObjectKeyTests {
    @Test(
        "A name that means the same in every storage is taken as it is",
        arguments: [
            "a", "2026-11-23/0199c0de-0.png", "a/b/c", "A-Z_a.z!(1)", "x.part", "a/b.c.d", "-",
        ]
    )
    func takesPortableNames(text: String) throws {
        #expect(try ObjectKey(text).description == text)
    }

    @Test(
        "A name that could leave the root, hide, or mean something else elsewhere is refused with a reason",
        arguments: [
            "", "/", "/etc/passwd", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "./a", "a/./b", ".hidden",
            "a/.part",
            "..a", "a\u{0}b", "a\nb", "a\u{7F}", "a\\b", "C:\\a", "a:b", "a b", " a", "a?", "a*", "a%2Fb", "%2e%2e",
            "~",
            "~root/a", "a\u{202E}b", "\u{FF0E}\u{FF0E}/a", "a\u{2215}b", "é", "e\u{301}", "日本", "😀", "a|b", "a<b",
            "a\"b",
            "a'b", "$(id)", "`id`", "a;b", "a&b", "file:///a", ".klingd-spool/x",
        ]
    )
    func refusesHostileNames(text: String) throws {
        let error = try #require(throws: StorageError.self) { try ObjectKey(text) }
        #expect(error.kind == .configuration)
        #expect(error.message.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "a log must not be spoilt by a name")
    }

    @Test("A segment has at most 255 bytes, a key at most 1,024")
    func limitsLength() throws {
        let segment = String(repeating: "a", count: 255)
        let longest = [segment, segment, segment, segment].joined(separator: "/") + "/"
        #expect(longest.utf8.count == 1024)
        #expect(throws: Never.self) { try ObjectKey(longest.dropLast()) }
        #expect(throws: StorageError.self) { try ObjectKey(segment + "a") }
        #expect(throws: StorageError.self) { try ObjectKey(longest + "a") }
    }

    @Test("Keys sort by bytes, as every storage lists")
    func sortsByBytes() throws {
        let keys = try ["b", "a/b", "a", "a.png", "a-b", "B"].map { try ObjectKey($0) }
        #expect(keys.sorted().map(\.description) == ["B", "a", "a-b", "a.png", "a/b", "b"])
    }

    @Test("Below a folder the key keeps its own folders, unless it gets too long")
    func placesBelow() throws {
        let key = try ObjectKey("day/a.png")
        #expect(try key.placed(below: ObjectKey("x/y")).description == "x/y/day/a.png")
        #expect(try key.placed(below: nil) == key)
        #expect(key.name == "a.png")
        let long = try ObjectKey(Array(repeating: String(repeating: "a", count: 250), count: 4).joined(separator: "/"))
        #expect(throws: StorageError.self) { try long.placed(below: long) }
    }
}
