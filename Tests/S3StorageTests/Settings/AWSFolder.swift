import Foundation
import Testing

@testable import S3Storage

/// A folder of its own with the two files of AWS's tools and programs for `credential_process`, gone with the last
/// reference.
final class AWSFolder: Sendable {
    let path: String

    init(config: String? = nil, credentials: String? = nil) throws {
        path = NSTemporaryDirectory() + "/klingd-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try config.map { try write($0, to: "config") }
        try credentials.map { try write($0, to: "credentials") }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Variables that name the two files, and where programs are found.
    var environment: [String: String] {
        [
            "AWS_CONFIG_FILE": "\(path)/config", "AWS_SHARED_CREDENTIALS_FILE": "\(path)/credentials",
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
        ]
    }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    func text(_ name: String) -> String? {
        FileManager.default.contents(atPath: "\(path)/\(name)").map { String(decoding: $0, as: UTF8.self) }
    }

    /// Writes a script for sh(1) and returns its path.
    func script(_ lines: String, named name: String = "script") throws -> String {
        try write("#!/bin/sh\n\(lines)\n", to: name)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: "\(path)/\(name)")
        return "\(path)/\(name)"
    }

    /// Writes a script that prints credentials with the key ID `id`, and returns its path.
    func program(printing id: String, named name: String = "program") throws -> String {
        try script(#"echo '{"Version": 1, "AccessKeyId": "\#(id)", "SecretAccessKey": "secret"}'"#, named: name)
    }
}

/// Waits until something holds, ten seconds at most.
func eventually(_ condition: () -> Bool) async throws {
    for _ in 0..<1000 where !condition() { try await Task.sleep(for: .milliseconds(10)) }
    #expect(condition())
}
