import Foundation
import JSON
import StorageServers
import Testing

/// `klingd storage test` as the author of a storage uses it.
@Suite(.timeLimit(.minutes(10))) struct StorageTestCommandTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-storage-\(UUID())")

    private var url: String { "file://\(folder.path)" }

    private func run(
        _ arguments: [String],
        environment: [String: String] = [:]
    ) async throws -> (code: Int32, lines: [String], errors: String) {
        try await Bench.inRoom(taking: 2) {
            let process = try KlingdProcess(["storage", "test"] + arguments, environment: environment)
            defer { process.end() }
            let code = await process.exitCode()
            return (code, process.lines, await process.allErrors())
        }
    }

    /// What is left in the folder but for folders.
    private func files() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { name in
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(folder.path)/\(name)", isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }
    }

    @Test func aFolderPassesAndNothingIsLeftInIt() async throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("mine".utf8).write(to: folder.appendingPathComponent("mine.txt"))
        let (code, lines, errors) = try await run([url, "--large-object-bytes", "8388608"])
        #expect(code == 0, "\(errors)")
        #expect(errors == "")
        let summary = try #require(lines.last?.wholeMatch(of: /(\d+) passed, 0 failed, (\d+) skipped/), "\(lines)")
        #expect(Int(summary.1) == lines.count { $0.hasPrefix("passed ") })
        #expect(Int(summary.2) == lines.count { $0.hasPrefix("skipped ") })
        #expect(lines.contains { $0.hasPrefix("passed   complete_or_absent_under_cancel ") })
        #expect(lines.contains { $0.hasPrefix("passed   unknown_is_not_absent ") })
        #expect(try files() == ["mine.txt"])
    }

    /// Everything passes or is not declared, and nothing is left.
    private func expectAllPass(_ arguments: [String], environment: [String: String] = [:]) async throws {
        let (code, lines, errors) = try await run(arguments, environment: environment)
        #expect(code == 0, "\(lines.joined(separator: "\n"))\n\(errors)")
        #expect(lines.last?.contains(" 0 failed") == true, "\(lines)")
        #expect(lines.contains { $0.hasPrefix("passed   large_object_flat_memory ") })
        #expect(!lines.contains { $0.contains("left behind") })
    }

    @Test(arguments: ObjectStoreTests.stores) func anObjectStorePasses(kind: StorageServer.Kind) async throws {
        let store = try await StorageServer.sharedInRoom(kind)
        let prefix = "suite-\(UUID().uuidString.lowercased())"
        try await expectAllPass(["s3://\(store.bucket)/\(prefix)"], environment: store.environment)
        #expect(try await store.readBack(prefix: prefix).isEmpty)
    }

    @Test func theExamplePluginInPythonPassesOnARealServer() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let server = try await StorageServer.sharedInRoom(.webDAV)
        let place = server.endpoint.replacing("http://", with: "")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let configuration: JSONValue = [
            "storage_plugins": [
                "webdav": [
                    "command": .string(ExamplePlugins.folder.appendingPathComponent("klingd-storage-webdav").path),
                    "config": ["scheme": "http"],
                    "secrets": ["username": ["environment": "DAV_USER"], "password": ["environment": "DAV_PASSWORD"]],
                ]
            ]
        ]
        let file = folder.appendingPathComponent("config.json")
        try Data(configuration.serialized).write(to: file)
        try await expectAllPass(
            ["webdav://\(place)", "--config", file.path],
            environment: ["DAV_USER": server.user, "DAV_PASSWORD": server.password]
        )
    }

    @Test func theExamplePluginInSwiftPasses() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let programs = URL(fileURLWithPath: KlingdProcess.binary).deletingLastPathComponent().path
        try await expectAllPass(["content://localhost\(folder.path)", "--plugin-directory", programs])
    }

    @Test func casesAreListedChosenAndToldAsJSON() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let listed = try await run(["--list", "--json"]).lines.map { try JSONValue.parse($0) }
        let names = listed.compactMap { $0["case"]?.stringValue }
        #expect(Set(names).count == names.count)
        #expect(names.contains("write_only") && names.contains("stat_sha256"))
        #expect(listed.allSatisfy { $0["promise"]?.stringValue?.hasSuffix(".") == true })
        let (code, lines, _) = try await run([url, "--json", "--only", "stat_sha256", "--only", "write_only"])
        #expect(code == 0)
        let results = try lines.map { try JSONValue.parse($0) }
        #expect(results.map { $0["case"] } == ["write_only", "stat_sha256"])
        #expect(results.map { $0["outcome"] } == ["passed", "skipped"])
        #expect(results.last?["reason"]?.stringValue?.contains("sha256") == true)
    }

    @Test func aStorageThatCannotBeUsedIsToldBeforeAnyCase() async throws {
        // Root may write everywhere, but not below a file.
        try Data().write(to: folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (code, lines, errors) = try await run([url])
        #expect(code == 1)
        #expect(lines == [])
        #expect(errors.hasPrefix("klingd: the storage can't be used: can't open or make the folder \(url)"))
    }

    @Test func aBrokenPromiseIsToldWithWhatToDo() async throws {
        try await SmallDisk.with(megabytes: 4, at: folder) { _ in
            let (code, lines, errors) = try await run([url, "--large-object-bytes", "16777216"])
            #expect(code == 1)
            #expect(errors.contains("does not keep 1 of klingd's promises"))
            #expect(
                lines.filter { $0.hasPrefix("FAILED ") }.map { $0.split(separator: " ")[1] } == [
                    "large_object_flat_memory"
                ]
            )
            #expect(lines.contains { $0.contains("seen:") && $0.contains("storage_full") })
            #expect(lines.contains { $0.contains("read:") && $0.contains("protocol/storage-plugin.md") })
            #expect(try files() == [])
        }
        try FileManager.default.removeItem(at: folder)
    }

    @Test func wrongUsageIsToldApart() async throws {
        #expect(try await run([]).code == 2)
        #expect(try await run(["file:///tmp/x", "--only", "no_such_case"]).code == 2)
        let unknown = try await run(["gopher://box"])
        #expect(unknown.code == 1)
        #expect(unknown.errors.contains("klingd-storage-gopher"))
        #expect(unknown.lines == [])
    }

    @Test func anInterruptedRunTidiesUp() async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let process = try KlingdProcess(["storage", "test", url])
        defer { process.end() }
        await process.lines(atLeast: 2)
        process.signal(SIGINT)
        #expect(await process.exitCode() == 130)
        #expect(await process.allErrors().contains("what was made below klingd-test-"))
        #expect(!process.lines.contains { $0.contains(" passed, ") })
        #expect(try files() == [])
    }
}

private enum ExamplePlugins {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("protocol/plugins")
}
