import FilesystemStorage
import Foundation
import Storage
import SystemPackage
import Testing

@Suite struct PutTests {
    @Test(
        "A stored file is complete, private to user and group, and found by URI and path",
        arguments: [0, 1, 1_000_003]
    )
    func stores(size: Int) async throws {
        let fixture = try Fixture(root: "Bilder für ü")
        try await fixture.storage.prepare()
        let request = try fixture.request("day/a(1).png", bytes(size))
        let stored = try await fixture.storage.put(request)
        #expect(stored.path == fixture.path("day/a(1).png"))
        #expect(URL(string: stored.uri)?.path == stored.path)
        #expect(stored.uri.utf8.allSatisfy { $0 < 0x80 })
        #expect(stored.size == size)
        #expect(!stored.wasThere)
        #expect(fixture.content("day/a(1).png") == bytes(size))
        #expect(try permissions(fixture.path("day/a(1).png")) == 0o640)
        #expect(try permissions(fixture.path("day")) == 0o750)
        #expect(try fixture.files() == ["day/a(1).png"])
        #expect(FileManager.default.fileExists(atPath: request.source.string), "a source outside the spool stays")
        #expect(
            try await fixture.storage.head(request.key) == .present(ObjectSummary(key: request.key, size: Int64(size)))
        )
    }

    @Test("A file in the spool is moved, not copied, and is gone from there")
    func takesFromSpool() async throws {
        let fixture = try Fixture()
        try await fixture.storage.prepare()
        #expect(fixture.storage.spoolDirectory?.string == fixture.spool)
        #expect(try permissions(fixture.spool) == 0o700)
        let request = try fixture.spooledRequest("day/a.png", bytes(5_000))
        let before = try inode(request.source.string)
        try await fixture.storage.put(request)
        #expect(try inode(fixture.path("day/a.png")) == before)
        #expect(try permissions(fixture.path("day/a.png")) == 0o640)
        #expect(try fixture.files() == ["day/a.png"])
    }

    @Test("A file in the spool that may not be taken is copied and stays")
    func copiesFromSpool() async throws {
        let fixture = try Fixture()
        try await fixture.storage.prepare()
        var request = try fixture.spooledRequest("a.png", bytes(5_000))
        request.mayTakeSource = false
        try await fixture.storage.put(request)
        #expect(fixture.content("a.png") == bytes(5_000))
        #expect(FileManager.default.fileExists(atPath: request.source.string))
    }

    @Test("Storing the same again is success, also when the source is gone already", arguments: [false, true])
    func isIdempotent(isSpooled: Bool) async throws {
        let fixture = try Fixture()
        try await fixture.storage.prepare()
        let request =
            try isSpooled
            ? fixture.spooledRequest("a.png", bytes(5_000)) : fixture.request("a.png", bytes(5_000))
        #expect(try await !fixture.storage.put(request).wasThere)
        try? FileManager.default.removeItem(atPath: request.source.string)
        #expect(try await fixture.storage.put(request).wasThere)
        #expect(fixture.content("a.png") == bytes(5_000))
    }

    @Test("Other content under the key stays, and the put says so", arguments: [5_000, 4_999], [false, true])
    func keepsOtherContent(size: Int, isSpooled: Bool) async throws {
        let fixture = try Fixture()
        try await fixture.storage.prepare()
        try await fixture.storage.put(fixture.request("a.png", bytes(5_000, seed: 1)))
        let other =
            try isSpooled
            ? fixture.spooledRequest("a.png", bytes(size, seed: 2)) : fixture.request("a.png", bytes(size, seed: 2))
        let error = await #expect(throws: StorageError.self) { try await fixture.storage.put(other) }
        #expect(error?.kind == .conflict)
        #expect(error?.isRetryable == false)
        #expect(fixture.content("a.png") == bytes(5_000, seed: 1))
        #expect(FileManager.default.fileExists(atPath: other.source.string), "what could not be stored is kept")
    }

    @Test("With the policy to overwrite, other content is replaced", arguments: [false, true])
    func overwrites(isSpooled: Bool) async throws {
        let fixture = try Fixture(options: FilesystemStorageOptions(collision: .overwrite, minimumFreeBytes: 0))
        try await fixture.storage.prepare()
        try await fixture.storage.put(fixture.request("a.png", bytes(5_000, seed: 1)))
        let other =
            try isSpooled
            ? fixture.spooledRequest("a.png", bytes(7_000, seed: 2)) : fixture.request("a.png", bytes(7_000, seed: 2))
        #expect(try await !fixture.storage.put(other).wasThere)
        #expect(fixture.content("a.png") == bytes(7_000, seed: 2))
        #expect(try fixture.files() == ["a.png"])
    }

    enum Damage: CaseIterable {
        case gone, shorter, longer, altered, directory, symbolicLink, fifo
    }

    @Test(
        "A source that is not what was announced stores nothing and is to be fetched again",
        arguments: Damage.allCases,
        [false, true]
    )
    func refusesDamagedSource(damage: Damage, isSpooled: Bool) async throws {
        let fixture = try Fixture()
        try await fixture.storage.prepare()
        let request =
            try isSpooled
            ? fixture.spooledRequest("a.png", bytes(600_000)) : fixture.request("a.png", bytes(600_000))
        let path = request.source.string
        try FileManager.default.removeItem(atPath: path)
        switch damage {
        case .gone: break
        case .shorter: try bytes(599_999).write(to: URL(fileURLWithPath: path))
        case .longer: try bytes(600_001).write(to: URL(fileURLWithPath: path))
        case .altered: try (bytes(599_999) + [0]).write(to: URL(fileURLWithPath: path))
        case .directory: try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        case .symbolicLink:
            try bytes(600_000).write(to: URL(fileURLWithPath: fixture.folder + "/real"))
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: fixture.folder + "/real")
        case .fifo: try run("mkfifo", [path])
        }
        let error = await #expect(throws: StorageError.self) { try await fixture.storage.put(request) }
        #expect(error?.kind == .source)
        #expect(error?.isRetryable == true)
        #expect(try await fixture.storage.head(request.key) == .absent)
        #expect(try fixture.files().filter { !$0.hasPrefix(".klingd-spool/") } == [])
    }

    @Test("Writers of the same content under one key all succeed, and one object is there")
    func settlesEqualWriters() async throws {
        let fixture = try Fixture()
        let second = try FilesystemStorage(url: fixture.storage.url, options: .roomy)
        try await fixture.storage.prepare()
        try await second.prepare()
        let requests = try (0..<12).map { _ in try fixture.request("day/a.png", bytes(300_000)) }
        let fresh = try await withThrowingTaskGroup(of: Bool.self) { group in
            for (index, request) in requests.enumerated() {
                let storage = index.isMultiple(of: 2) ? fixture.storage : second
                group.addTask { try await !storage.put(request).wasThere }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(fresh == 1)
        #expect(try fixture.files() == ["day/a.png"])
        #expect(fixture.content("day/a.png") == bytes(300_000))
    }

    @Test("Of writers of different content under one key exactly one wins", arguments: 0..<10)
    func hasOneWinner(round: Int) async throws {
        let fixture = try Fixture()
        // Each has lanes of its own, as processes do, so the file system has to decide.
        let storages = try (0..<6).map { _ in try FilesystemStorage(url: fixture.storage.url, options: .roomy) }
        for storage in storages { try await storage.prepare() }
        let requests = try (0..<6).map { index in
            try index.isMultiple(of: 2)
                ? fixture.spooledRequest("a.png", bytes(50_000, seed: UInt8(index)))
                : fixture.request("a.png", bytes(50_000, seed: UInt8(index)))
        }
        let outcomes = await withTaskGroup(of: (Int, StorageErrorKind?).self) { group in
            for (index, storage) in storages.enumerated() {
                group.addTask {
                    do throws(StorageError) {
                        _ = try await storage.put(requests[index])
                        return (index, nil)
                    } catch {
                        return (index, error.kind)
                    }
                }
            }
            return await group.reduce(into: [Int: StorageErrorKind?]()) { $0[$1.0] = $1.1 }
        }
        let winners = outcomes.filter { $0.value == nil }.keys
        try #require(winners.count == 1)
        #expect(outcomes.values.compactMap { $0 }.allSatisfy { $0 == .conflict })
        #expect(fixture.content("a.png") == bytes(50_000, seed: UInt8(winners.first ?? 0)))
        #expect(try fixture.files().filter { !$0.hasPrefix(".klingd-spool/") } == ["a.png"])
    }

    @Test("A hundred images at once leave a hundred files and no others")
    func storesMany() async throws {
        let fixture = try Fixture()
        try await fixture.storage.prepare()
        let template = try fixture.spooledRequest("a", bytes(1_000_000))
        let requests = try (0..<100).map { index in
            var request = template
            request.key = try ObjectKey("day-\(index % 7)/image-\(index).png")
            if index.isMultiple(of: 2) {
                let copy = "\(fixture.spool)/\(index)"
                try FileManager.default.copyItem(atPath: template.source.string, toPath: copy)
                request.source = FilePath(copy)
            } else {
                request.mayTakeSource = false
            }
            return request
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for request in requests { group.addTask { try await fixture.storage.put(request) } }
            try await group.waitForAll()
        }
        let page = try await fixture.storage.list(prefix: "", after: nil, limit: 1_000)
        #expect(page.objects.map(\.key) == requests.map(\.key).sorted())
        #expect(page.objects.allSatisfy { $0.size == 1_000_000 })
        #expect(try fixture.files().count == 101, "the copied source is still in the spool")
    }
}
