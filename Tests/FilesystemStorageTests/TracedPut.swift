import FilesystemStorage
import Foundation
import Storage
import SystemPackage
import Testing

/// One put in a process of its own: this test binary under strace(1).
struct TracedPut {
    /// "stored", the kind of the error, or `nil` when the process did not live to tell.
    let outcome: String?
    private let log: String
    private let root: String
    private let source: String

    private static let variable = "KLINGD_TRACED_PUT"

    static let isPossible: Bool = {
        #if os(Linux)
            (try? run("strace", ["-f", "-o", "/dev/null", "true"]).status) == 0
        #else
            false
        #endif
    }()

    static var isThisProcess: Bool { ProcessInfo.processInfo.environment[variable] != nil }

    /// `fault` is what strace's `-e inject=` takes, such as `fsync:error=EIO:when=1`.
    init(_ request: PutRequest, in fixture: Fixture, fault: String? = nil) throws {
        root = fixture.root
        source = request.source.lastComponent?.string ?? ""
        let base = "\(fixture.folder)/\(UUID().uuidString)"
        let order = [
            fixture.root, request.key.description, request.source.string, String(request.size), request.sha256,
            String(request.mayTakeSource), base + ".result",
        ]
        try order.joined(separator: "\n").write(toFile: base + ".order", atomically: false, encoding: .utf8)
        let binary = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let calls = "openat,mkdirat,fallocate,write,fchmod,fsync,close,linkat,renameat,unlinkat"
        try run(
            "strace",
            ["-f", "-y", "-s", "0", "-o", base + ".trace", "-e", "trace=\(calls)"]
                + (fault.map { ["-e", "inject=\($0)"] } ?? [])
                + [binary, "--testing-library", "swift-testing", "--filter", "TracedPutTests"],
            environment: [Self.variable: base + ".order"]
        )
        outcome = try? String(contentsOfFile: base + ".result", encoding: .utf8)
        log = try String(contentsOfFile: base + ".trace", encoding: .utf8)
    }

    /// What was done below the root, in order: the calls that change something, each with what it was done to.
    var steps: [String] {
        var steps: [String] = []
        for line in log.split(separator: "\n") where line.contains(root) && !line.contains("resumed>") {
            guard let match = line.firstMatch(of: /^\d+ +([a-z]+)\((.*)$/), !line.contains("O_DIRECTORY") else {
                continue
            }
            let names = match.2.matches(of: /"([^"]*)"/).map(\.1)
            let descriptor = match.2.firstMatch(of: /^\d+<([^>]*)>/).map(\.1) ?? ""
            let isByName = ["mkdirat", "openat", "linkat", "renameat", "unlinkat"].contains(match.1)
            let object = label(isByName ? names.last ?? "" : descriptor)
            let step = "\(match.1) \(object)"
            if match.1 == "close", ["root", "day", ".klingd-spool"].contains(object) { continue }
            if steps.last != step { steps.append(step) }
        }
        return steps
    }

    /// The other side: does what the environment says and writes down how it ended, with no call that could be hit by
    /// a fault meant for the put.
    static func perform() async throws {
        let path = try #require(ProcessInfo.processInfo.environment[variable])
        let order = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        let storage = try FilesystemStorage(url: StorageURL(path: order[0]), options: .roomy)
        let request = PutRequest(
            key: try ObjectKey(order[1]),
            source: FilePath(order[2]),
            size: try #require(Int64(order[3])),
            sha256: order[4],
            mediaType: "image/png",
            mayTakeSource: order[5] == "true"
        )
        let outcome: String
        do throws(StorageError) {
            try await storage.put(request)
            outcome = "stored"
        } catch {
            outcome = error.kind.rawValue
        }
        let result = try FileDescriptor.open(order[6], .writeOnly, options: .create, permissions: .ownerReadWrite)
        _ = try result.closeAfter { try result.writeAll(outcome.utf8) }
    }

    private func label(_ path: some StringProtocol) -> String {
        let name = String(path.split(separator: "/" as Character).last ?? "")
        if name == source { return "source" }
        return name.hasSuffix(".part") ? ".part" : name
    }
}

@Suite struct TracedPutTests {
    @Test("(the put that runs under strace)", .enabled(if: TracedPut.isThisProcess, "only in the traced process"))
    func isPerformed() async throws {
        try await TracedPut.perform()
    }
}
