import Foundation

/// What went wrong with a server for tests, and what its log says.
package struct StorageServerError: Error, CustomStringConvertible {
    package let description: String
}

/// A program of this folder in the Python that `make test` has prepared.
enum PythonProgram {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    private static let python = folder.deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent(".build-python/venv/bin/python")

    /// A process that is yet to be run. Its environment is almost empty: nothing of the tester's own stores gets in.
    static func process(_ arguments: [String], environment: [String: String] = [:]) throws -> Process {
        guard FileManager.default.isExecutableFile(atPath: python.path) else {
            throw StorageServerError(description: "\(python.path) is missing: `make test` or .ci/setup-tests makes it")
        }
        let own = ProcessInfo.processInfo.environment.filter { ["PATH", "HOME", "TMPDIR"].contains($0.key) }
        let process = Process()
        process.executableURL = python
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.environment = own.merging(environment) { $1 }
        return process
    }
}

/// Runs Python with the given arguments, in the folder of the programs, and returns what it writes to stdout.
///
/// - Throws: ``StorageServerError`` with what it writes to stderr when its exit code is not 0.
package func runPython(_ arguments: [String], environment: [String: String] = [:]) async throws -> [UInt8] {
    let process = try PythonProgram.process(arguments, environment: environment)
    let output = Pipe()
    let errors = try ErrorFile()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors.handle
    try process.run()
    let bytes = await withCheckedContinuation { continuation in
        // Reading blocks, which a thread of its own may.
        Thread.detachNewThread { continuation.resume(returning: output.fileHandleForReading.readDataToEndOfFile()) }
    }
    try await waitForEnd(of: process, seconds: 10)
    guard process.terminationStatus == 0 else { throw StorageServerError(description: errors.text) }
    return Array(bytes)
}

/// Waits until `process` has ended.
///
/// - Throws: ``StorageServerError`` when it has not after `seconds`.
func waitForEnd(of process: Process, seconds: Double) async throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while process.isRunning {
        guard ContinuousClock.now < end else {
            throw StorageServerError(description: "process \(process.processIdentifier) has not ended in \(seconds) s")
        }
        try? await Task.sleep(for: .milliseconds(10))
    }
}

/// A file without a name that takes a stderr: unlike a pipe it needs nobody to empty it.
struct ErrorFile {
    let handle: FileHandle

    init() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-stderr-\(UUID())").path
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StorageServerError(description: "cannot make \(path)") }
        unlink(path)
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    var text: String {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = pread(handle.fileDescriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
