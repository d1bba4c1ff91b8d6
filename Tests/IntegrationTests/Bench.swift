import AsyncHTTPClient
import Foundation
import JSON
import KlingSimulator
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// A simulator, a folder for images and one for klingd, and what a test wants to know of them.
struct Bench {
    let address: SimulatorAddress
    let folder: URL
    private let children = Children()

    /// The processes that a test has started.
    private final class Children: Sendable {
        private let started = Mutex<[KlingdProcess]>([])

        func add(_ process: KlingdProcess) { started.withLock { $0.append(process) } }

        func end() {
            for process in started.withLock({ $0 }) { process.end() }
        }
    }

    init(address: SimulatorAddress, folder: URL) {
        self.address = address
        self.folder = folder
    }

    var images: URL { folder.appendingPathComponent("images") }

    /// Arguments of a klingd that uses this simulator and these folders.
    var arguments: [String] {
        [
            "serve", "--provider", "simulator", "--base-url", address.url,
            "--storage", "file://\(images.path)", "--state", folder.appendingPathComponent("state").path,
        ]
    }

    /// Runs `body` with a simulator whose jobs take a hundredth of the real time.
    static func run<Result: Sendable>(
        _ configure: (inout SimulatorConfiguration) -> Void = { _ in },
        _ body: (Bench) async throws -> Result
    ) async throws -> Result {
        var configuration = SimulatorConfiguration()
        configuration.timeScale = 0.01
        configuration.seed = 7
        configure(&configuration)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-test-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await Simulator.whileRunning(configuration) { address in
            let bench = Bench(address: address, folder: folder)
            defer { bench.children.end() }
            return try await body(bench)
        }
    }

    /// Starts a klingd that ends with the test at the latest.
    func start(
        _ more: [String] = [],
        environment: [String: String] = [:],
        input: KlingdProcess.Stream = .pipe,
        output: KlingdProcess.Stream = .pipe
    ) throws -> KlingdProcess {
        let process = try KlingdProcess(arguments + more, environment: environment, input: input, output: output)
        children.add(process)
        return process
    }

    /// What the simulator's owner would have to pay, and what was asked of it.
    func bill() async throws -> JSONValue { try await get("/_simulator/bill") }

    func paidTasks() async throws -> Int64? { try await bill()["paid_tasks"]?.integerValue }

    func get(_ path: String) async throws -> JSONValue {
        let request = HTTPClientRequest(url: address.url + path)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        return try JSONValue.parse(Array(buffer: try await response.body.collect(upTo: 64 << 20)))
    }

    /// Makes something go wrong, see `POST /_simulator/faults`.
    func fault(_ fault: JSONValue) async throws {
        try await post("/_simulator/faults", ["faults": [fault]])
    }

    func post(_ path: String, _ body: JSONValue) async throws {
        var request = HTTPClientRequest(url: address.url + path)
        request.method = .POST
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

extension JSONValue {
    /// The path of image `index` of a task.
    func path(ofImage index: Int) -> String? { self["images"]?[index]?["path"]?.stringValue }
}
