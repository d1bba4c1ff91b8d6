import Foundation
import JSON
import Storage
import Synchronization
import SystemPackage
import Testing

@testable import JSONRPC
@testable import StoragePlugin

/// A plugin that is served on a thread of its own, with the test in klingd's place.
///
/// Everything is synchronised by the lines that come back; reading blocks, which is for the main thread alone.
@MainActor
final class PluginPeer {
    /// In milliseconds: only turns a hang into a failure.
    private static let patience: Int32 = 30_000

    private let input: Int32
    private let output: Int32
    private var received: [UInt8] = []
    private var isInputOpen = true
    private let ended = DispatchSemaphore(value: 0)

    init(_ plugin: StoragePlugin) throws {
        let (toPlugin, fromPlugin) = (Pipe(), Pipe())
        let streams = StandardStreams(
            input: dup(toPlugin.fileHandleForReading.fileDescriptor),
            output: dup(fromPlugin.fileHandleForWriting.fileDescriptor)
        )
        input = dup(toPlugin.fileHandleForWriting.fileDescriptor)
        output = dup(fromPlugin.fileHandleForReading.fileDescriptor)
        let loop = try #require(SerialLoop())
        Thread.detachNewThread { [ended] in
            plugin.serve(streams, on: loop)
            ended.signal()
        }
    }

    /// With a backend, and ready for its operations.
    convenience init(
        _ backend: ScriptedBackend,
        concurrency: Int = 1
    ) throws {
        try self.init(StoragePlugin(name: "p", version: "1", concurrency: concurrency) { _ in backend })
        #expect(try ask(initialize(id: 0))["result"]?["version"] == 1)
    }

    deinit {
        if isInputOpen { close(input) }
        close(output)
    }

    func send(_ line: String) {
        var bytes = Array((line + "\n").utf8)
        while !bytes.isEmpty {
            let count = write(input, bytes, bytes.count)
            guard count > 0 else {
                Issue.record("the plugin takes no more")
                return
            }
            bytes.removeFirst(count)
        }
    }

    func ask(_ line: String) throws -> JSONValue {
        send(line)
        return try #require(try next())
    }

    /// The next message; `nil` when there are no more.
    func next() throws -> JSONValue? {
        while true {
            if let end = received.firstIndex(of: 0x0A) {
                defer { received.removeFirst(end + 1) }
                return try JSONValue.parse(Array(received[..<end]))
            }
            var ready = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            try #require(poll(&ready, 1, Self.patience) > 0, "no line came")
            var block = [UInt8](repeating: 0, count: 64 << 10)
            let count = read(output, &block, block.count)
            guard count > 0 else { return nil }
            received += block[..<count]
        }
    }

    func endInput() {
        close(input)
        isInputOpen = false
    }

    /// Whether the plugin has come to its end, with nothing more to say.
    func isAtItsEnd() throws -> Bool {
        guard try next() == nil else { return false }
        return ended.wait(timeout: .now() + .milliseconds(Int(Self.patience))) == .success
    }
}

func initialize(id: Int, config: String = "{}", versions: String = "[1]") -> String {
    #"{"jsonrpc":"2.0","id":\#(id),"method":"initialize","params":{"protocol":"klingd-storage","versions":\#(versions),"host":{"name":"klingd","version":"0"},"url":"test://here","config":\#(config),"secrets":{},"work_directory":"/w"}}"#
}

func request(_ id: Int, _ method: String, _ params: String) -> String {
    #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":\#(params)}"#
}

/// A storage that does what the test says.
struct ScriptedBackend: StorageBackend {
    var capabilities = StorageCapabilities()
    var onPut: @Sendable (PutRequest) async throws(StorageError) -> StoredObject = { request in
        StoredObject(key: request.key, uri: "test://here/\(request.key)", size: request.size)
    }
    var onHead: @Sendable (ObjectKey) async throws(StorageError) -> ObjectState = { _ in .absent }
    var onList: @Sendable (Int) async throws(StorageError) -> ObjectPage = { _ in ObjectPage(objects: []) }
    var presigned: String?

    let url: StorageURL

    init() throws {
        url = try StorageURL("test://here")
    }

    func prepare() async throws(StorageError) {}
    func put(_ request: PutRequest) async throws(StorageError) -> StoredObject { try await onPut(request) }
    func head(_ key: ObjectKey) async throws(StorageError) -> ObjectState { try await onHead(key) }
    func delete(_ key: ObjectKey) async throws(StorageError) {}
    func list(prefix: String, after cursor: String?, limit: Int) async throws(StorageError) -> ObjectPage {
        try await onList(limit)
    }
    func get(_ key: ObjectKey, to path: FilePath) async throws(StorageError) -> ObjectState { .absent }
    func presign(_ key: ObjectKey, for duration: Duration) async throws(StorageError) -> String? {
        presigned.map { "\($0)?\(duration)" }
    }
}

/// Holds calls until they are let go, and counts them.
final class Gate: Sendable {
    private struct State {
        var inside = 0
        var most = 0
        var entered = 0
        var open = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let arrived = DispatchSemaphore(value: 0)

    /// The most calls that were inside at one time.
    var most: Int { state.withLock { $0.most } }
    var entered: Int { state.withLock { $0.entered } }

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                state.entered += 1
                guard state.open == 0 else {
                    state.open -= 1
                    return true
                }
                state.inside += 1
                state.most = max(state.most, state.inside)
                state.waiting.append(continuation)
                return false
            }
            arrived.signal()
            if isOpen { continuation.resume() }
        }
    }

    /// Waits until one more call has come.
    func waitForOne() -> Bool { arrived.wait(timeout: .now() + 30) == .success }

    /// Lets so many calls go, those to come among them.
    func open(for calls: Int) {
        let free = state.withLock { state in
            let free = Array(state.waiting.prefix(calls))
            state.waiting.removeFirst(free.count)
            state.inside -= free.count
            state.open += calls - free.count
            return free
        }
        for continuation in free { continuation.resume() }
    }
}
