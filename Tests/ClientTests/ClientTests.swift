import Foundation
import Testing

/// The clients of protocol/clients, each held by a test program in the language that it is written in.
@Suite(.timeLimit(.minutes(5)), .serialized) struct ClientTests {
    /// A client and the program that tests it, found by PATH and run in the root of the checkout.
    struct Client: Sendable, CustomTestStringConvertible {
        let name: String
        let command: [String]

        var testDescription: String { name }
    }

    static let clients = [
        Client(name: "Python", command: ["python3", "Tests/ClientTests/python/test_klingd.py"]),
        Client(name: "shell", command: ["sh", "Tests/ClientTests/shell/test_klingd_sh"]),
        Client(name: "Node", command: ["node", "--test", "Tests/ClientTests/node/klingd.test.mjs"]),
        Client(name: "Neovim", command: ["python3", "Tests/ClientTests/neovim/run"]),
    ]

    @Test(arguments: clients) func aClientDoesWhatItsTestsSay(client: Client) async throws {
        let (code, output) = try await run(client.command)
        #expect(code == 0, "\(client.command.joined(separator: " ")) ended with \(code):\n\(output)")
    }

    /// The exit code and all output of a test program, which finds klingd by `KLINGD`. It is ended after three minutes; `env`
    /// ends with 127 when there is no such program.
    ///
    /// Its environment is almost empty, so that a key on the tester's machine is never used.
    private func run(_ command: [String]) async throws -> (code: Int32, output: String) {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        // Beside the test bundle.
        let klingd = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("klingd").path
        let temporary = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-client-\(UUID())")
        try FileManager.default.createDirectory(at: temporary, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: temporary) }
        // A file needs nobody to empty it, and is at its end also while something that the program has left still runs.
        let output = temporary.appendingPathComponent("output")
        try #require(FileManager.default.createFile(atPath: output.path, contents: nil))
        let handle = try FileHandle(forWritingTo: output)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.currentDirectoryURL = root
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        process.environment = [
            "KLINGD": klingd, "PATH": path, "HOME": temporary.path, "TMPDIR": temporary.path, "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handle
        process.standardError = handle
        // Threads of the concurrency pool block signals, and what they start would never be ended by one.
        var (none, before) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        // However whoever runs the tests was started: in the background of a script SIGINT is ignored.
        signal(SIGINT, SIG_DFL)
        let start = Result { try process.run() }
        pthread_sigmask(SIG_SETMASK, &before, nil)
        try start.get()
        let end = ContinuousClock.now + .seconds(180)
        while process.isRunning, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(20)) }
        if process.isRunning { process.terminate() }
        process.waitUntilExit()
        let text = try String(decoding: Data(contentsOf: output), as: UTF8.self)
        return (process.terminationStatus, text)
    }
}
