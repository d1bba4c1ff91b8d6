import Crypto
import Foundation
import JSON
import Logging
import PluginStorage
import Storage
import StorageServers
import Synchronization
import SystemPackage

/// A storage over ``FaultyPlugin`` in a temporary folder of its own.
final class TestPlugin: Sendable {
    let folder: URL
    let log = CapturedLog()
    let name: String

    init(name: String = "test") throws {
        self.name = name
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-plugin-\(UUID())")
        for path in [programs, objects] {
            try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
        }
        try install(try FaultyPlugin.text, in: programs)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// Where programs are looked for.
    var programs: URL { folder.appendingPathComponent("programs") }
    /// Where the plugin keeps objects.
    var objects: URL { folder.appendingPathComponent("objects") }
    /// Where the plugin's work folders are.
    var work: URL { folder.appendingPathComponent("state/work") }
    var program: URL { programs.appendingPathComponent("klingd-storage-\(name)") }

    @discardableResult
    func install(_ text: String, in folder: URL) throws -> URL {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appendingPathComponent("klingd-storage-\(name)")
        try Data(text.utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
        return file
    }

    /// Patient enough for a busy machine, unless a test is about the time itself.
    func options(
        fault: String? = nil,
        times: Int? = nil,
        config more: JSONObject = [:],
        _ change: (inout PluginStorageOptions) -> Void = { _ in }
    ) -> PluginStorageOptions {
        var config: JSONObject = ["folder": .string(objects.path)]
        config["fault"] = fault.map(JSONValue.string)
        config["times"] = times.map { .integer(Int64($0)) }
        for member in more.members { config[member.name] = member.value }
        var options = PluginStorageOptions(
            directories: [FilePath(programs.path)],
            config: config,
            secrets: { () throws(StorageError) in ["password": "hunter22-secret"] },
            environment: ["PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"],
            workDirectory: FilePath(work.path),
            hostVersion: "0.0.0",
            logger: log.logger,
            jitter: { 0 }
        )
        options.times.backoff = .milliseconds(20)
        options.times.cancel = .milliseconds(300)
        options.times.endOfInput = .milliseconds(500)
        options.times.termination = .seconds(1)
        change(&options)
        return options
    }

    /// Gives a storage with these options to `body`, and shuts it down.
    @discardableResult
    func use<Value>(
        _ options: PluginStorageOptions,
        _ body: (PluginStorage) async throws -> Value
    ) async throws -> Value {
        let storage = try PluginStorage(url: StorageURL("\(name)://place/folder"), options: options)
        do {
            let value = try await body(storage)
            await storage.shutdown()
            return value
        } catch {
            await storage.shutdown()
            throw error
        }
    }

    /// A put of a new file with these bytes.
    func file(_ text: String, key: String = "a/b.png") throws -> PutRequest {
        let path = folder.appendingPathComponent("\(UUID()).png")
        try Data(text.utf8).write(to: path)
        let digest = SHA256.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
        return PutRequest(
            key: try ObjectKey(key),
            source: FilePath(path.path),
            size: Int64(text.utf8.count),
            sha256: digest,
            mediaType: "image/png"
        )
    }

    /// Folders of plugin processes that are still there.
    var workFolders: [String] { (try? FileManager.default.contentsOfDirectory(atPath: work.path)) ?? [] }
}

/// The error that `body` throws.
func storageError(_ body: () async throws -> some Any) async -> StorageError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? StorageError
    }
}

/// Whether a process is there and not only waits to be reaped.
func isAlive(_ pid: Int) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
        let state = status.split(separator: ")").last?.split(separator: " ").first
    else { return false }
    return state != "Z" && state != "X"
}

/// Whether `condition` comes true within 10 s.
func eventually(_ condition: () -> Bool) async -> Bool {
    for _ in 0..<500 {
        if condition() { return true }
        try? await Task.sleep(for: .milliseconds(20))
    }
    return condition()
}

/// Everything that was logged, at every level.
final class CapturedLog: Sendable {
    private let entries = Mutex<[String]>([])

    var lines: [String] { entries.withLock { $0 } }
    var text: String { lines.joined(separator: "\n") }
    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        init(log: CapturedLog) {
            self.log = log
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let line =
                "\(event.level) \(metadata.map { "\($0.key)=\($0.value)" }.joined(separator: " ")) \(event.message)"
            log.entries.withLock { $0.append(line) }
        }
    }
}
