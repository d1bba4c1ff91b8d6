import Storage
import Testing

@Suite struct StoragePlacesTests {
    private let places: StoragePlaces

    init() throws {
        places = StoragePlaces(
            default: try NullStorage("file:///home/u/Pictures"),
            others: [try NullStorage("file:///home/u/Pictures/team"), try NullStorage("s3://bucket/a")]
        )
    }

    @Test("A task that names no storage gets the default")
    func usesDefault() throws {
        let place = try places.place(named: nil)
        #expect(place.url.description == "file:///home/u/Pictures")
        #expect(place.prefix == nil)
    }

    @Test(
        "A configured place or a folder below it can be named; the nearest place is taken",
        arguments: [
            ("file:///home/u/Pictures", "file:///home/u/Pictures", nil),
            ("/home/u/Pictures/", "file:///home/u/Pictures", nil),
            ("file:///home/u/Pictures/a/b", "file:///home/u/Pictures", "a/b"),
            ("file:///home/u/Pictures/team/x", "file:///home/u/Pictures/team", "x"),
            ("s3://bucket/a/b", "s3://bucket/a", "b"),
        ] as [(String, String, String?)]
    )
    func findsPlaces(named: String, root: String, prefix: String?) throws {
        let place = try places.place(named: named)
        #expect(place.backend.url.description == root)
        #expect(place.prefix?.description == prefix)
    }

    @Test(
        "Nothing else can be named, however it is spelt",
        arguments: [
            "", "file:///", "/etc", "file:///home/u", "file:///home/u/Pictures2", "file:///home/u/Pictures/../.ssh",
            "file:///home/u/Pictures/%2e%2e/.ssh", "file:///home/u/Pictures/a%2F..%2F..%2Fb",
            "file:///home/u/Pictures/.klingd-spool",
            "s3://bucket", "s3://bucket/", "s3://bucket/ab", "s3://other/a", "s3://BUCKET/a", "gs://bucket/a",
            "Pictures",
        ]
    )
    func refusesOthers(named: String) throws {
        let error = try #require(throws: StorageError.self) { try places.place(named: named) }
        #expect(error.kind == .configuration)
    }

    @Test("An unknown scheme is answered with the known ones and the name a plugin would have")
    func tellsOfPlugins() throws {
        let registry = StorageRegistry(["file": { url throws(StorageError) in NullStorage(url: url) }])
        #expect(try registry.makeBackend(for: StorageURL("/a")).url.description == "file:///a")
        let error = try #require(throws: StorageError.self) {
            try registry.makeBackend(for: StorageURL("ftp://host/a"))
        }
        #expect(error.kind == .configuration)
        #expect(error.message.contains("file://"))
        #expect(error.message.contains("klingd-storage-ftp"))
    }
}

private struct NullStorage: StorageBackend {
    let url: StorageURL
    let capabilities = StorageCapabilities()

    init(url: StorageURL) { self.url = url }
    init(_ text: String) throws { url = try StorageURL(text) }

    func prepare() async throws(StorageError) {}
    func put(_ request: PutRequest) async throws(StorageError) -> StoredObject {
        throw StorageError(.unavailable, "keeps nothing", key: request.key)
    }
    func head(_ key: ObjectKey) async throws(StorageError) -> ObjectState { .absent }
    func delete(_ key: ObjectKey) async throws(StorageError) {}
    func list(prefix: String, after cursor: String?, limit: Int) async throws(StorageError) -> ObjectPage {
        ObjectPage(objects: [])
    }
}
