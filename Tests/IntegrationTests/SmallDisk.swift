import Foundation
import Testing

/// A file system of its own in memory, gone at the end of ``with(megabytes:at:_:)``.
struct SmallDisk {
    let folder: URL

    private var ballast: URL { folder.appendingPathComponent("ballast") }

    /// Mounts it on a folder, which is made, for as long as `body` runs.
    static func with<Result>(
        megabytes: Int,
        at folder: URL,
        _ body: (SmallDisk) async throws -> Result
    ) async throws -> Result {
        try #require(
            geteuid() == 0,
            "a small disk can be mounted by root alone: run this test as root, such as in a container"
        )
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try await run("mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", folder.path])
        do {
            let result = try await body(SmallDisk(folder: folder))
            try await run("umount", ["-l", folder.path])
            return result
        } catch {
            try await run("umount", ["-l", folder.path])
            throw error
        }
    }

    /// Takes every byte that is free.
    func fill() throws {
        let file = open(ballast.path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        var (block, size) = ([UInt8](repeating: 7, count: 64 << 10), 64 << 10)
        while size > 0 {
            let written = write(file, &block, size)
            if written < size { size /= 2 }
        }
        try #require(errno == ENOSPC)
    }

    /// Gives back what ``fill()`` took.
    func empty() throws {
        try FileManager.default.removeItem(at: ballast)
    }

    /// What ``fill()`` made, by its path.
    var ownFiles: Set<String> { [ballast.path] }

    private static func run(_ program: String, _ arguments: [String]) async throws {
        let process = try KlingdProcess(arguments, program: "/usr/bin/\(program)")
        let code = await process.exitCode()
        try #require(code == 0, "\(program): \(process.errors)")
    }
}
