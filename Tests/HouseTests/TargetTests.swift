import Foundation
import JSON
import Testing

/// What each target may import of ours. A row is a rule: adding to one is a decision about the house, not a detail.
private let allowedImports: [String: Set<String>] = [
    "CJansson": [],
    "JSON": ["CJansson"],
    "JSONRPC": ["JSON"],
    "ImageHeader": [],
    "HTTPTransport": [],
    "KlingAPI": ["HTTPTransport", "JSON", "ImageHeader"],
    "Storage": [],
    "FilesystemStorage": ["Storage"],
    "CExpat": [],
    "CPidfd": [],
    "SigV4": [],
    "S3Storage": ["CExpat", "HTTPTransport", "JSON", "SigV4", "Storage"],
    "StoragePlugin": ["JSON", "JSONRPC", "Storage"],
    "PluginStorage": ["JSON", "JSONRPC", "Storage"],
    "klingd-storage-content": ["StoragePlugin", "Storage"],
    "StorageBehaviour": ["Storage"],
    "GenerationTasks": ["JSON"],
    "SQLiteLedger": ["GenerationTasks", "JSON"],
    "KlingService": ["KlingAPI", "GenerationTasks", "Storage", "ImageHeader", "HTTPTransport", "JSON"],
    "RPCInterface": ["KlingService", "JSONRPC", "GenerationTasks", "KlingAPI", "JSON"],
    // Never KlingAPI: a misreading that both shared could not be seen.
    "KlingSimulator": ["JSON"],
    "KlingdCommands": [
        "CPidfd", "FilesystemStorage", "GenerationTasks", "HTTPTransport", "JSON", "JSONRPC", "KlingAPI",
        "KlingService",
        "KlingSimulator", "PluginStorage", "RPCInterface", "S3Storage", "SQLiteLedger", "Storage", "StorageBehaviour",
    ],
    "klingd": ["KlingdCommands"],
    // Of the tests.
    "StorageServers": ["JSON"],
]

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// The package as SwiftPM understands it.
private func describedTargets() throws -> [JSONValue] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    // A scratch path of its own: the usual one is locked while tests run.
    let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-describe-\(UUID())")
    defer { try? FileManager.default.removeItem(at: scratch) }
    process.arguments = ["swift", "package", "--scratch-path", scratch.path, "describe", "--type", "json"]
    process.currentDirectoryURL = root
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return try #require(try JSONValue.parse(Array(text))["targets"]?.arrayValue)
}

@Suite struct TargetTests {
    @Test func everyTargetDependsOnlyOnWhatTheHouseAllows() throws {
        let targets = try describedTargets().filter { $0["type"] != "test" }
        #expect(Set(targets.compactMap { $0["name"]?.stringValue }) == Set(allowedImports.keys))
        for target in targets {
            let name = try #require(target["name"]?.stringValue)
            let dependencies = Set((target["target_dependencies"]?.arrayValue ?? []).compactMap(\.stringValue))
            let ours = dependencies.intersection(allowedImports.keys)
            let allowed = try #require(allowedImports[name])
            #expect(ours.isSubset(of: allowed), "\(name) depends on \(ours.subtracting(allowed))")
        }
    }

    /// A dependency of a dependency can be imported without being declared; sources are held to the table too.
    @Test(arguments: allowedImports.keys.sorted())
    func sourcesImportOnlyWhatTheHouseAllows(target: String) throws {
        let allowed = try #require(allowedImports[target])
        let folders = ["Sources/\(target)", "Tests/\(target)", "protocol/plugins/content-store"].map {
            root.appendingPathComponent($0)
        }
        let folder = try #require(folders.first { FileManager.default.fileExists(atPath: $0.path) })
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "swift" {
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ")
                guard let position = words.firstIndex(of: "import"), words[..<position].count <= 1,
                    let imported = words.dropFirst(position + 1).last.map(String.init),
                    allowedImports[imported] != nil
                else { continue }
                #expect(allowed.contains(imported), "\(file.lastPathComponent) of \(target) imports \(imported)")
            }
        }
    }

    /// Foundation brings ICU: megabytes and milliseconds in every process that is spawned.
    @Test func noSourceImportsFoundation() throws {
        let files = try #require(
            FileManager.default.enumerator(at: root.appendingPathComponent("Sources"), includingPropertiesForKeys: nil)
        )
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(!text.contains("import Foundation\n"), "\(file.lastPathComponent)")
        }
    }
}
