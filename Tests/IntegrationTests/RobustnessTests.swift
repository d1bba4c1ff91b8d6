import Foundation
import JSON
import KlingSimulator
import Testing

/// Whatever comes in and whoever goes away: an error answer or a clean exit, and nothing but JSON on stdout.
@Suite(.timeLimit(.minutes(10))) struct RobustnessTests {
    private func expectOnlyJSON(_ klingd: KlingdProcess) {
        for line in klingd.lines {
            let message = try? JSONValue.parse(line)
            #expect(message?["jsonrpc"] == "2.0" || message?[0]?["jsonrpc"] == "2.0", "\(line.prefix(200))")
        }
        #expect(klingd.unfinishedLine == "")
    }

    @Test func brokenLinesAreAnsweredAndTheNextIsServed() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            let broken = [
                "{", "nonsense", "42", "[]", "{}", #"{"jsonrpc":"2.0","id":1,"method":"status","id":2}"#, "\u{0}",
            ]
            for line in broken { klingd.send(line) }
            klingd.send("")
            klingd.send(" \t\r")
            klingd.send(.request("after", "server-info", [:]))
            _ = try await klingd.response(to: "after")
            #expect(klingd.lines.count == broken.count + 1)
            klingd.closeInput()
            #expect(await klingd.exitCode() == 0)
            expectOnlyJSON(klingd)
        }
    }

    @Test func aLineOf20MegabytesIsAnsweredAndSkipped() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
            for _ in 0..<20 { klingd.send(piece) }
            klingd.send("")
            klingd.send(.request("after", "server-info", [:]))
            let error = try await klingd.message { $0["error"] != nil }
            #expect(error["id"] == .null)
            #expect(error["error"]?["code"] == -32600)
            #expect(error["error"]?["data"]?["kind"] == "too_large")
            _ = try await klingd.response(to: "after")
            #expect(try klingd.residentPeak() < 100 << 20)
        }
    }

    @Test func binaryNoiseIsNoMatter() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            var random = SystemRandomNumberGenerator()
            for _ in 0..<64 { klingd.send((0..<4096).map { _ in UInt8.random(in: 0 ... .max, using: &random) }) }
            klingd.send("")
            klingd.send(.request("after", "server-info", [:]))
            _ = try await klingd.response(to: "after")
            klingd.closeInput()
            #expect(await klingd.exitCode() == 0)
            expectOnlyJSON(klingd)
        }
    }

    @Test func aClientThatGoesAwayEndsTheProcess() async throws {
        try await Bench.run({ $0.timeScale = 100 }) { bench in
            let output = try KlingdProcess.makePipe()
            let klingd = try bench.start(output: .descriptor(output.write))
            close(output.write)
            klingd.send(.request(1, "generate", ["prompt": "nobody will see it", "wait_for": "stored"]))
            close(output.read)
            #expect(await klingd.exitCode() == 0)
        }
    }

    @Test(arguments: [">&- </dev/null", "<&- >&- 2>&-", "<&-"])
    func startedWithoutItsDescriptorsItEndsAtOnce(redirections: String) async throws {
        try await Bench.run { bench in
            let shell = Process()
            shell.executableURL = URL(fileURLWithPath: "/bin/sh")
            shell.arguments =
                ["-c", "\"$@\" \(redirections)", "sh", KlingdProcess.binary] + bench.arguments
            try shell.run()
            shell.waitUntilExit()
            #expect(shell.terminationStatus == 0)
        }
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func aSignalInMidTaskAnswersTheWaitsAndExits0(signal: Int32) async throws {
        try await Bench.run({ $0.timeScale = 100 }) { bench in
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", ["prompt": "long"]))
            let id = try #require(try await klingd.response(to: 1)["result"]?["id"])
            klingd.send(.request(2, "status", ["id": id, "wait_for": "stored"]))
            klingd.send(.request(3, "status", ["id": id]))
            _ = try await klingd.response(to: 3)
            klingd.signal(signal)
            #expect(await klingd.exitCode() == 0)
            #expect(try await klingd.response(to: 2)["result"]?["task_id"] != .null)
            expectOnlyJSON(klingd)
        }
    }

    @Test func aCreateOnTheWireIsSeenToItsAnswerAtASignal() async throws {
        try await Bench.run { bench in
            try await bench.fault(["on": "create", "kind": "delay", "delay_ms": 500])
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", ["prompt": "p", "wait_for": "stored"]))
            _ = try await klingd.message { $0["params"]?["task"]?["state"] == "submitting" }
            klingd.signal(SIGTERM)
            #expect(await klingd.exitCode() == 0)
            #expect(try await bench.paidTasks() == 1)
            // Who pays learns under which id.
            let task = try #require(try await klingd.response(to: 1)["result"])
            #expect(task["charged"] == "yes")
            #expect(task["task_id"]?.stringValue?.count == 18)
            #expect(await klingd.allErrors().contains(try #require(task["task_id"]?.stringValue)))
        }
    }

    @Test func detachAnswersWaitsAtTheEndOfInput() async throws {
        try await Bench.run({ $0.timeScale = 100 }) { bench in
            let klingd = try bench.start(["--on-eof", "detach"])
            klingd.send(.request(1, "generate", ["prompt": "p", "wait_for": "stored"]))
            klingd.closeInput()
            #expect(await klingd.exitCode() == 0)
            #expect(try await klingd.response(to: 1)["result"]?["id"] != nil)
        }
    }

    @Test func wrongUsageExitsWith2AndSaysWhy() async throws {
        for arguments in [
            ["serve", "--provider", "nobody"], ["--storage", "s3://no"], ["--max-images-in-flight", "0"],
        ] {
            let klingd = try KlingdProcess(arguments)
            #expect(await klingd.exitCode() == 2)
            #expect(await !klingd.allErrors().isEmpty)
            #expect(klingd.lines.isEmpty)
        }
    }

    @Test func noKeyEverAppears() async throws {
        let key = "sk-very-secret-0123456789"
        try await Bench.run({ $0.apiKey = "sk-another" }) { bench in
            let klingd = try bench.start(environment: ["COMETAPI_KEY": key, "LOG_LEVEL": "trace"])
            klingd.send(.request(1, "generate", ["prompt": "p", "wait_for": "stored"]))
            klingd.send(.request(2, "server-info", [:]))
            let task = try await klingd.response(to: 1)
            #expect(task["result"]?["error"]?["kind"] == "auth")
            #expect(task["result"]?["charged"] == "no")
            klingd.closeInput()
            _ = await klingd.exitCode()
            #expect(!klingd.lines.joined().contains("very-secret"))
            #expect(await !klingd.allErrors().contains("very-secret"))
        }
    }

    @Test func signalsThatItWasStartedToIgnoreAreIgnored() async throws {
        try await Bench.run { bench in
            let words = [KlingdProcess.binary] + bench.arguments
            let klingd = try KlingdProcess(
                ["-c", #"trap '' HUP INT; exec "$@""#, "sh"] + words,
                program: "/bin/sh"
            )
            _ = try await klingd.ask("list")
            klingd.signal(SIGHUP)
            klingd.signal(SIGINT)
            #expect(try await klingd.ask("generate", ["prompt": "p", "wait_for": "stored"])["state"] == "stored")
            klingd.signal(SIGTERM)
            #expect(await klingd.exitCode() == 0)
        }
    }

    @Test func aFolderThatCannotBeMadeIsNamedWithTheReason() async throws {
        let klingd = try KlingdProcess(["serve", "--provider", "simulator", "--state", "/proc/klingd/state"])
        #expect(await klingd.exitCode() == 1)
        let errors = await klingd.allErrors()
        #expect(errors.contains("/proc/klingd cannot be made: "), "\(errors)")
    }
}
