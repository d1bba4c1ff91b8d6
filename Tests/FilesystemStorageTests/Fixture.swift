import FilesystemStorage
import Foundation
import Storage
import SystemPackage
import Testing

/// A folder of its own with a storage in it, gone with the last reference.
final class Fixture: Sendable {
    let folder: String
    let storage: FilesystemStorage

    init(options: FilesystemStorageOptions = .roomy, root: String = "root", in parent: String? = nil) throws {
        folder = (parent ?? NSTemporaryDirectory()) + "/klingd-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        storage = try FilesystemStorage(url: StorageURL(path: "\(folder)/\(root)"), options: options)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    var root: String { storage.url.path }

    /// The spool's path; the storage has to be prepared.
    var spool: String { "\(root)/.klingd-spool" }

    func path(_ key: String) -> String { "\(root)/\(key)" }

    /// A request for content that lies in a new file outside the root.
    func request(_ key: String, _ content: Data, mayTakeSource: Bool = false) throws -> PutRequest {
        try request(key, content, at: "\(folder)/\(UUID().uuidString)", mayTakeSource: mayTakeSource)
    }

    /// A request for content that lies in the spool and may be taken.
    func spooledRequest(_ key: String, _ content: Data) throws -> PutRequest {
        try request(key, content, at: "\(spool)/\(UUID().uuidString)", mayTakeSource: true)
    }

    /// Every file below the root, klingd's own included, sorted.
    func files() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root).filter { name in
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: path(name), isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }.sorted()
    }

    func content(_ key: String) -> Data? { FileManager.default.contents(atPath: path(key)) }

    private func request(_ key: String, _ content: Data, at path: String, mayTakeSource: Bool) throws -> PutRequest {
        try content.write(to: URL(fileURLWithPath: path))
        return PutRequest(
            key: try ObjectKey(key),
            source: FilePath(path),
            size: Int64(content.count),
            sha256: try sha256(ofFileAt: path),
            mediaType: "image/png",
            mayTakeSource: mayTakeSource
        )
    }
}

extension FilesystemStorageOptions {
    /// No floor of free space, so that the machine that runs the tests doesn't matter.
    static let roomy = FilesystemStorageOptions(minimumFreeBytes: 0)
}

/// Content that differs with the seed.
func bytes(_ count: Int, seed: UInt8 = 1) -> Data {
    let period = Data((0..<4_093).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) &+ seed })
    var content = Data(capacity: count + period.count)
    while content.count < count { content += period }
    return content.prefix(count)
}

func inode(_ path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int)
}

func permissions(_ path: String) throws -> Int {
    try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
}

func setAge(_ path: String, hours: Double) throws {
    let date = Date(timeIntervalSinceNow: -hours * 3_600)
    try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
}

/// Runs a program to its end.
@discardableResult
func run(
    _ program: String,
    _ arguments: [String],
    environment: [String: String] = [:]
) throws -> (status: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
}

/// By a program that shares no code with what is tested.
private func sha256(ofFileAt path: String) throws -> String {
    #if os(macOS)
        let output = try run("shasum", ["-a", "256", path]).output
    #else
        let output = try run("sha256sum", [path]).output
    #endif
    return String(output.prefix(64))
}
