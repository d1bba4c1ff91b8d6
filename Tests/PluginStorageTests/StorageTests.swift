import Foundation
import JSON
import PluginStorage
import Storage
import Synchronization
import SystemPackage
import Testing

/// A plugin that does what it should.
@Suite(.timeLimit(.minutes(1))) struct PluginStorageTests {
    @Test func anObjectIsStoredLookedUpReadBackListedAndDeleted() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options()) { storage in
            #expect(storage.capabilities == StorageCapabilities())
            try await storage.prepare()
            #expect(storage.capabilities == StorageCapabilities(sha256: true, get: true))
            let request = try plugin.file("some bytes")
            let stored = try await storage.put(request)
            #expect(
                stored == StoredObject(key: request.key, uri: "test://place/folder/a/b.png", size: 10, wasThere: false)
            )
            #expect(try await storage.put(request).wasThere)
            guard case .present(let summary) = try await storage.head(request.key) else {
                Issue.record("it must be there")
                return
            }
            #expect(summary.size == 10)
            #expect(summary.sha256 == request.sha256)
            #expect(try await storage.head(ObjectKey("other")) == .absent)

            let copy = plugin.folder.appendingPathComponent("copy")
            _ = try await storage.get(request.key, to: FilePath(copy.path))
            #expect(try Data(contentsOf: copy) == Data("some bytes".utf8))

            try await storage.put(try plugin.file("x", key: "c.png"))
            let first = try await storage.list(prefix: "", after: nil, limit: 1)
            #expect(first.objects.map(\.key.description) == ["a/b.png"])
            let second = try await storage.list(prefix: "", after: first.next, limit: 1)
            #expect(second.objects.map(\.key.description) == ["c.png"])
            #expect(second.next == nil)

            try await storage.delete(request.key)
            #expect(try await storage.head(request.key) == .absent)
            try await storage.delete(request.key)
        }
        #expect(plugin.workFolders.isEmpty)
    }

    @Test func nothingIsStartedBeforeSomethingIsAsked() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options()) { _ in }
        #expect(!FileManager.default.fileExists(atPath: plugin.work.path))
        #expect(plugin.log.lines.isEmpty)
    }

    @Test func aPluginDescribesItselfWithoutBeingSetUp() async throws {
        let plugin = try TestPlugin()
        // It would refuse to be set up.
        try await plugin.use(plugin.options(fault: "refuse")) { storage in
            let description = try await storage.describe()
            #expect(description.name == "folder")
            #expect(description.version == "1.2")
            #expect(description.versions == [1])
            #expect(description.capabilities == StorageCapabilities(sha256: true, get: true))
            #expect(description.concurrency == 1)
            #expect(description.secrets == ["password"])
            #expect(description.executable == plugin.program.path)
            #expect(storage.capabilities == StorageCapabilities())
        }
    }

    @Test func whatAPluginDoesNotDeclareIsNotAskedOfIt() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options()) { storage in
            let url = try await storage.presign(ObjectKey("a"), for: .seconds(60))
            #expect(url == nil)
        }
        try await plugin.use(plugin.options(config: ["presign": true])) { storage in
            let url = try await storage.presign(ObjectKey("a"), for: .seconds(60))
            #expect(url == "https://example.org/a")
        }
    }

    @Test func manyAtOnceAreTakenInTurn() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options(config: ["concurrency": 4])) { storage in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<40 {
                    let request = try plugin.file("file \(number)", key: "many/\(number)")
                    group.addTask { try await storage.put(request) }
                }
                try await group.waitForAll()
            }
            #expect(try await storage.list(prefix: "many/", after: nil, limit: 100).objects.count == 40)
        }
    }

    @Test func aPluginWithoutWorkIsShutDownAndStartedAgainWhenNeeded() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options { $0.times.idle = .milliseconds(50) }) { storage in
            try await storage.put(try plugin.file("one"))
            #expect(await eventually { plugin.workFolders.isEmpty })
            try await storage.put(try plugin.file("two", key: "two"))
        }
        #expect(!plugin.log.text.contains("warning"))
    }

    @Test func theSameFileThatIsNotAsAnnouncedIsKnownAsSuch() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options()) { storage in
            var request = try plugin.file("some bytes")
            request.size += 1
            let error = await storageError { try await storage.put(request) }
            #expect(error?.kind == .source)
            #expect(error?.isRetryable == true)
            #expect(error?.message == "klingd-storage-test: the file has another size")
        }
    }

    @Test func secretsAreReadAnewAtEachStart() async throws {
        let plugin = try TestPlugin()
        let reads = Counter()
        let options = plugin.options(fault: "crash in put", times: 1) {
            $0.secrets = { () throws(StorageError) in
                reads.count()
                return [:]
            }
        }
        try await plugin.use(options) { storage in try await storage.put(try plugin.file("bytes")) }
        #expect(reads.value == 2)
    }

    @Test func secretsThatCannotBeReadAreAnErrorOfTheStart() async throws {
        let plugin = try TestPlugin()
        let options = plugin.options {
            $0.secrets = { () throws(StorageError) in throw StorageError(.configuration, "no file with secrets") }
        }
        try await plugin.use(options) { storage in
            let error = await storageError { try await storage.prepare() }
            #expect(error == StorageError(.configuration, "no file with secrets"))
        }
    }

    @Test func aCallThatIsCancelledEndsAtOnceAndThePluginGoesOn() async throws {
        let plugin = try TestPlugin()
        let options = plugin.options(fault: "slow", times: 1) { $0.times.cancel = .seconds(20) }
        try await plugin.use(options) { storage in
            try await storage.prepare()
            let call = Task { try await storage.put(try plugin.file("bytes")) }
            #expect(await eventually { FileManager.default.fileExists(atPath: plugin.objects.path + "/.marks-slow") })
            call.cancel()
            let error = await storageError { try await call.value }
            #expect(error?.kind == .unavailable)
            #expect(error?.isRetryable == true)
            try await storage.put(try plugin.file("bytes"))
        }
        #expect(!plugin.log.text.contains("warning"))
    }

    @Test func aCallThatWaitsForARestartCanBeCancelled() async throws {
        let plugin = try TestPlugin()
        let options = plugin.options(fault: "crash in put", times: 1) {
            $0.times.backoff = .seconds(600)
            $0.times.longestBackoff = .seconds(600)
        }
        try await plugin.use(options) { storage in
            let request = try plugin.file("some bytes")
            let call = Task { try await storage.put(request) }
            #expect(await eventually { plugin.log.text.contains("exited with status 3") })
            call.cancel()
            #expect(await storageError { try await call.value }?.kind == .unavailable)
            // Neither does one that is cancelled before it is made wait.
            let late = Task {
                while !Task.isCancelled { await Task.yield() }
                try await storage.put(request)
            }
            late.cancel()
            #expect(await storageError { try await late.value }?.kind == .unavailable)
        }
    }

    @Test func afterTheEndNothingIsStartedAnyMore() async throws {
        let plugin = try TestPlugin()
        let storage = try await plugin.use(plugin.options()) { $0 }
        let error = await storageError { try await storage.prepare() }
        #expect(error?.kind == .unavailable)
        #expect(error?.message == "initialize was given up: klingd is ending")
    }
}

final class Counter: Sendable {
    private let number = Atomic(0)

    var value: Int { number.load(ordering: .relaxed) }

    func count() { number.add(1, ordering: .relaxed) }
}
