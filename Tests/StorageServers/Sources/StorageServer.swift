import Foundation
package import JSON
import Synchronization

/// A real store that runs on loopback for tests.
///
/// It ends with ``stop()``, or else with the test process, since it watches its stdin. Its data is gone then.
package final class StorageServer: Sendable {
    /// What can be shared by all tests of a process.
    package enum Kind: String, Sendable, CaseIterable {
        /// The strictest on signatures and checksums; `If-Match` answers 501, `If-None-Match` is not atomic.
        case openStackSwift
        /// Atomic conditional writes, virtual hosts; does not check the body against the signed SHA-256.
        case seaweedFS
        /// Basic authentication, a folder as its root.
        case webDAV
    }

    /// Where it listens, such as `http://127.0.0.1:8333`.
    package let endpoint: String
    /// All that the program tells of itself (the one line of JSON of `lifetime.py`).
    package let facts: JSONValue
    private let processID: pid_t
    /// `nil` once stopped. Its stdin is what keeps the server alive.
    private let running: Mutex<(process: Process, stdin: FileHandle)?>

    /// How long a start may take; the programs give up earlier and say why.
    private static let startSeconds = 150.0

    /// OpenStack Swift; with a `clockOffset` in seconds its clock is that far ahead (``readerEnvironment`` tells where
    /// the same objects are served with the right time). Takes 3 to 6 seconds.
    package static func openStackSwift(clockOffset: Int = 0) async throws -> StorageServer {
        try await StorageServer("openstack_swift.py", ["--clock-offset=\(clockOffset)"])
    }

    /// SeaweedFS, which also serves its bucket as `klingd.s3.localhost`. Takes 3 to 5 seconds.
    package static func seaweedFS() async throws -> StorageServer {
        try await StorageServer("seaweedfs.py")
    }

    /// A WebDAV server. Takes about a second.
    package static func webDAV() async throws -> StorageServer {
        try await StorageServer("webdav.py")
    }

    /// The server of that kind that all tests of this process share; started when first asked for. Tests tell their
    /// objects apart by prefixes of their own.
    package static func shared(_ kind: Kind) async throws -> StorageServer {
        try await SharedServers.all.server(kind)
    }

    /// Starts one of the programs.
    ///
    /// - Throws: ``StorageServerError`` with the end of its log when it does not start.
    init(_ program: String, _ arguments: [String] = []) async throws {
        let process = try PythonProgram.process([program] + arguments)
        let (input, output, errors) = (Pipe(), Pipe(), try ErrorFile())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors.handle
        try process.run()
        processID = process.processIdentifier
        let descriptor = output.fileHandleForReading.fileDescriptor
        let line = await withCheckedContinuation { continuation in
            // Reading blocks, which a thread of its own may.
            Thread.detachNewThread {
                continuation.resume(returning: firstLine(of: descriptor, seconds: Self.startSeconds))
            }
        }
        try? output.fileHandleForReading.close()
        running = Mutex((process, input.fileHandleForWriting))
        guard let line, let facts = try? JSONValue.parse(line), let endpoint = facts["endpoint"]?.stringValue else {
            process.terminate()
            throw StorageServerError(description: "\(program) did not start: \(errors.text)")
        }
        self.facts = facts
        self.endpoint = endpoint
    }

    /// Ends it, and returns once nothing of it is left. By force when it takes more than 10 seconds.
    package func stop() async {
        let taken = running.withLock { running in
            defer { running = nil }
            return running.map { ProcessInHand(process: $0.process, stdin: $0.stdin) }
        }
        guard let taken else { return }
        try? taken.stdin.close()
        do {
            try await waitForEnd(of: taken.process, seconds: 10)
        } catch {
            for process in facts["pids"]?.arrayValue?.compactMap(\.integerValue) ?? [] {
                kill(pid_t(truncatingIfNeeded: process), SIGKILL)
            }
        }
    }

    private func fact(_ name: String) -> String { facts[name]?.stringValue ?? "" }

    package var region: String { fact("region") }
    package var bucket: String { fact("bucket") }
    package var accessKey: String { fact("access_key") }
    package var secretKey: String { fact("secret_key") }
    /// A key that is known but may do nothing with the bucket.
    package var limitedAccessKey: String { fact("limited_access_key") }
    package var limitedSecretKey: String { fact("limited_secret_key") }
    /// Of WebDAV.
    package var user: String { fact("user") }
    package var password: String { fact("password") }
    /// The folder that WebDAV serves.
    package var root: String { fact("root") }

    /// What an S3 client takes from the environment, for this store.
    package var environment: [String: String] {
        [
            "AWS_ENDPOINT_URL_S3": endpoint, "AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey,
            "AWS_REGION": region,
        ]
    }

    /// The same, where a client with the right time is served.
    package var readerEnvironment: [String: String] {
        var environment = environment
        if let reader = facts["reader_endpoint"]?.stringValue { environment["AWS_ENDPOINT_URL_S3"] = reader }
        return environment
    }
}

/// Carries what was taken out of the lock.
private struct ProcessInHand {
    let process: Process
    let stdin: FileHandle
}

/// The first line that comes from a descriptor; `nil` when it ends or `seconds` pass before that.
private func firstLine(of descriptor: Int32, seconds: Double) -> String? {
    let end = ContinuousClock.now + .seconds(seconds)
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while ContinuousClock.now < end {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, 100) > 0 else { continue }
        let count = read(descriptor, &byte, 1)
        if count < 0, errno == EINTR { continue }
        guard count == 1 else { return nil }
        if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
        bytes.append(byte)
    }
    return nil
}

/// The servers that tests share, each started once.
private actor SharedServers {
    static let all = SharedServers()

    private var starts: [StorageServer.Kind: Task<StorageServer, any Error>] = [:]

    func server(_ kind: StorageServer.Kind) async throws -> StorageServer {
        // A task, so that a test which is cancelled does not take the start away from those that wait for it too.
        let start =
            starts[kind]
            ?? Task {
                switch kind {
                case .openStackSwift: try await .openStackSwift()
                case .seaweedFS: try await .seaweedFS()
                case .webDAV: try await .webDAV()
                }
            }
        starts[kind] = start
        return try await start.value
    }
}
