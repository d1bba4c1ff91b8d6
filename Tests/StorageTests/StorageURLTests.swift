import Storage
import Testing

@Suite struct StorageURLTests {
    @Test(
        "A URL is shown in one spelling",
        arguments: [
            ("file:///home/u/Pictures", "file:///home/u/Pictures"),
            ("file:///home/u/Pictures/", "file:///home/u/Pictures"),
            ("FILE://localhost/a//b/", "file:///a/b"),
            ("file:///", "file:///"),
            ("/home/u/My Pictures", "file:///home/u/My%20Pictures"),
            ("file:///home/u/My%20Pictures", "file:///home/u/My%20Pictures"),
            ("file:///%c3%bc/ü", "file:///%C3%BC/%C3%BC"),
            ("file:///a%3Fb%23c", "file:///a%3Fb%23c"),
            ("s3://bucket", "s3://bucket"),
            ("s3://bucket/a/b/", "s3://bucket/a/b"),
            ("my-plugin://host:9000/x", "my-plugin://host:9000/x"),
        ]
    )
    func isCanonical(text: String, shown: String) throws {
        let url = try StorageURL(text)
        #expect(url.description == shown)
        #expect(try StorageURL(shown) == url)
    }

    @Test(
        "What is no storage is refused with a reason",
        arguments: [
            "", "Pictures", "./a", "~/Pictures", "file:", "file:/a", "file://a", "file://server/share",
            "file:///a/../b",
            "file:///%2e%2e/b", "file:///a/%2E", "file:///a%2Fb", "file:///a%00", "file:///a%0ab", "file:///a%",
            "file:///a%4",
            "file:///%ff", "file:///a%zz", "s3:", "s3://", "s3:///a", "1x://a", "s 3://a", "s3://a b", "://a",
            "/a/../b",
            "/a\u{0}", "s3://bücket",
        ]
    )
    func refuses(text: String) throws {
        let error = try #require(throws: StorageError.self) { try StorageURL(text) }
        #expect(error.kind == .configuration)
        #expect(!error.message.utf8.contains { $0 < 0x20 })
    }

    @Test("A password, a query or a fragment is refused and not repeated", arguments: ["@", "?", "#"])
    func keepsSecretsOut(mark: String) throws {
        let error = try #require(throws: StorageError.self) { try StorageURL("s3://hunter2\(mark)bucket/a") }
        #expect(!error.message.contains("hunter2"))
    }

    @Test("The path is decoded, the URL of an object encoded")
    func decodesPath() throws {
        let url = try StorageURL("file:///My%20Pictures/%C3%BC")
        #expect(url.path == "/My Pictures/ü")
        #expect(
            try url.appending(ObjectKey("day/a(1).png")).description == "file:///My%20Pictures/%C3%BC/day/a%281%29.png"
        )
    }
}
