import AsyncHTTPClient
import Foundation
import JSON
import KlingSimulator
import NIOCore
import NIOHTTP1
import StorageServers
import Synchronization
import Testing

/// A simulator, a folder for images and one for klingd, and what a test wants to know of them.
struct Bench {
    /// Any will do for the simulator.
    static let key = "a-key-of-the-tests"

    let address: SimulatorAddress
    let folder: URL
    /// As whom the simulator speaks; klingd is told to speak with the provider of that name.
    let dialect: Dialect
    private let children = Children()

    /// The processes that a test has started.
    private final class Children: Sendable {
        private let started = Mutex<[KlingdProcess]>([])

        func add(_ process: KlingdProcess) { started.withLock { $0.append(process) } }

        func end() {
            for process in started.withLock({ $0 }) { process.end() }
        }
    }

    init(address: SimulatorAddress, folder: URL, dialect: Dialect = .cometapi) {
        self.address = address
        self.folder = folder
        self.dialect = dialect
    }

    var images: URL { folder.appendingPathComponent("images") }
    var state: URL { folder.appendingPathComponent("state") }
    /// Where the ledger lies: that of the simulator is one of its own.
    var ledgerFolder: URL { dialect == .kling ? state : state.appendingPathComponent("simulator") }

    /// Arguments of a klingd that uses this simulator and these folders.
    var arguments: [String] { ["serve"] + options(state: "state") }

    private func options(state: String) -> [String] {
        [
            "--provider", dialect == .kling ? "kling" : "simulator", "--base-url", address.url,
            "--storage", "file://\(images.path)", "--state", folder.appendingPathComponent(state).path,
        ]
    }

    private var environment: [String: String] { dialect == .kling ? ["KLING_API_KEY": Self.key] : [:] }

    /// How much work is done at once: two cores have more than enough of it.
    private static let room = Room(8)
    /// For a test that needs the machine for itself.
    static let wholeRoom = 8

    /// Runs `body` with a simulator whose jobs take a hundredth of the real time, once there is room for it.
    static func run<Result: Sendable>(
        taking share: Int = 1,
        _ configure: (inout SimulatorConfiguration) -> Void = { _ in },
        _ body: (Bench) async throws -> Result
    ) async throws -> Result {
        var configuration = SimulatorConfiguration()
        configuration.timeScale = 0.01
        configuration.seed = 7
        configure(&configuration)
        return try await inRoom(taking: share) { try await run(configuration, body) }
    }

    /// Runs `body`, which starts programs of its own, once there is room for it.
    static func inRoom<Result: Sendable>(
        taking share: Int,
        _ body: () async throws -> Result
    ) async rethrows -> Result {
        await room.enter(share)
        defer { room.leave(share) }
        return try await body()
    }

    private static func run<Result: Sendable>(
        _ configuration: SimulatorConfiguration,
        _ body: (Bench) async throws -> Result
    ) async throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-test-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await Simulator.whileRunning(configuration) { address in
            let bench = Bench(address: address, folder: folder, dialect: configuration.dialect)
            defer { bench.children.end() }
            return try await body(bench)
        }
    }

    /// Starts a klingd that ends with the test at the latest.
    func start(
        _ more: [String] = [],
        command: String = "serve",
        state: String = "state",
        environment: [String: String] = [:],
        input: KlingdProcess.Stream = .pipe,
        output: KlingdProcess.Stream = .pipe
    ) throws -> KlingdProcess {
        let process = try KlingdProcess(
            [command] + options(state: state) + more,
            environment: self.environment.merging(environment) { $1 },
            input: input,
            output: output
        )
        children.add(process)
        return process
    }

    /// Several on one state folder.
    func start(count: Int, _ more: [String] = []) throws -> [KlingdProcess] {
        try (0..<count).map { _ in try start(more) }
    }

    /// What the simulator's owner would have to pay, and what was asked of it.
    func bill() async throws -> JSONValue { try await get("/_simulator/bill") }

    func paidTasks() async throws -> Int64? { try await bill()["paid_tasks"]?.integerValue }

    /// The bill once it `shows` something: asked for again and again, for half a minute at the most.
    @discardableResult
    func bill(once shows: (JSONValue) -> Bool) async throws -> JSONValue {
        let end = Date(timeIntervalSinceNow: 30)
        while true {
            let bill = try await bill()
            if shows(bill) { return bill }
            try #require(end > Date(), "not in half a minute: \(bill)")
        }
    }

    /// Checks that so many tasks were paid, and that each was asked for once.
    func expectPaidOnce(_ count: Int, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let bill = try await bill()
        #expect(bill["paid_tasks"] == .integer(Int64(count)), sourceLocation: sourceLocation)
        #expect(bill["creates_received"] == .integer(Int64(count)), sourceLocation: sourceLocation)
        for task in bill["tasks"]?.arrayValue ?? [] {
            #expect(task["creates"] == 1, "\(task)", sourceLocation: sourceLocation)
        }
    }

    func get(_ path: String) async throws -> JSONValue {
        let request = HTTPClientRequest(url: address.url + path)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        return try JSONValue.parse(Array(buffer: try await response.body.collect(upTo: 64 << 20)))
    }

    /// Makes something go wrong, see `POST /_simulator/faults`.
    func fault(_ fault: JSONValue) async throws {
        try await post("/_simulator/faults", ["faults": [fault]])
    }

    /// Removes the faults that have not happened yet.
    func clearFaults() async throws {
        var request = HTTPClientRequest(url: address.url + "/_simulator/faults")
        request.method = .DELETE
        _ = try await HTTPClient.shared.execute(request, timeout: .seconds(30)).body.collect(upTo: 1 << 20)
    }

    /// Posts to the simulator, with the key that klingd shows to it.
    func post(_ path: String, _ body: JSONValue) async throws {
        var request = HTTPClientRequest(url: address.url + path)
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(Self.key)")
        request.body = .bytes(ByteBuffer(bytes: body.serialized))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let answer = try await response.body.collect(upTo: 1 << 20)
        try #require(response.status == .ok, "\(String(buffer: answer))")
    }
}

extension String {
    /// A request as a line.
    static func request(_ id: JSONValue, _ method: String, _ params: JSONValue) -> String {
        let request: JSONValue = ["jsonrpc": "2.0", "id": id, "method": .string(method), "params": params]
        return request.description
    }
}

/// Lets in only as many as there is room for, in the order in which they come.
private final class Room: Sendable {
    private struct State {
        var free: Int
        var waiting: [(share: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state: Mutex<State>

    init(_ size: Int) { state = Mutex(State(free: size)) }

    func enter(_ share: Int) async {
        await withCheckedContinuation { continuation in
            state.withLock { $0.waiting.append((share, continuation)) }
            letIn()
        }
    }

    func leave(_ share: Int) {
        state.withLock { $0.free += share }
        letIn()
    }

    private func letIn() {
        state.withLock { state in
            while let first = state.waiting.first, first.share <= state.free {
                state.free -= first.share
                state.waiting.removeFirst()
                first.continuation.resume()
            }
        }
    }
}

extension StorageServer {
    /// The shared one, which is started when there is room for its processes.
    static func sharedInRoom(_ kind: Kind) async throws -> StorageServer {
        try await Bench.inRoom(taking: 2) { try await shared(kind) }
    }
}

extension Bench {
    /// Every file in the folder of images, hidden ones too, by its path; but for what klingd has on its way there, of
    /// which a killed one's is cleared away an hour later.
    var imageFiles: Set<String> {
        guard let files = FileManager.default.enumerator(atPath: images.path) else { return [] }
        var paths: Set<String> = []
        while let name = files.nextObject() as? String {
            if name == ".klingd-spool" { files.skipDescendants() }
            if name.hasPrefix("."), name.hasSuffix(".part") { continue }
            if files.fileAttributes?[.type] as? FileAttributeType == .typeRegular {
                paths.insert("\(images.path)/\(name)")
            }
        }
        return paths
    }

    /// Checks that the tasks are stored, every image of them lies there byte by byte with a sidecar beside it, and
    /// nothing else does.
    func expectStored(_ tasks: [JSONValue], sourceLocation: SourceLocation = #_sourceLocation) async throws {
        var expected: [String: String?] = [:]
        for task in tasks {
            #expect(task["state"] == "stored", "\(task)", sourceLocation: sourceLocation)
            #expect(task["charged"] == "yes", sourceLocation: sourceLocation)
            let images = task["images"]?.arrayValue ?? []
            #expect(images.count == Int(task["request"]?["n"]?.integerValue ?? 1), sourceLocation: sourceLocation)
            for image in images {
                let path = try #require(image["path"]?.stringValue, sourceLocation: sourceLocation)
                expected[path] = image["sha256"]?.stringValue
                let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
                expected["\(folder)/\(task["id"]?.stringValue ?? "?").json"] = .some(nil)
            }
        }
        #expect(imageFiles == Set(expected.keys), sourceLocation: sourceLocation)
        let sums = try await sha256(ofFiles: Array(expected.keys))
        for (path, sum) in expected {
            if let sum { #expect(sums[path] == sum, "\(path)", sourceLocation: sourceLocation) }
        }
    }
}

/// SHA-256 of files, by a program that shares no code with klingd.
func sha256(ofFiles paths: [String]) async throws -> [String: String] {
    let process = try KlingdProcess(paths, program: "/usr/bin/sha256sum")
    try #require(await process.exitCode() == 0, "\(process.errors)")
    return process.lines.reduce(into: [:]) { $0[String($1.dropFirst(66))] = String($1.prefix(64)) }
}

extension JSONValue {
    /// The path of image `index` of a task.
    func path(ofImage index: Int) -> String? { self["images"]?[index]?["path"]?.stringValue }
}
