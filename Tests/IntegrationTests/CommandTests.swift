import Foundation
import JSON
import KlingSimulator
import Testing

/// The commands for people, as a shell runs them.
@Suite(.timeLimit(.minutes(10))) struct CommandTests {
    private struct Outcome {
        var code: Int32
        var lines: [String]
        var errors: String
    }

    /// Runs a command to its end.
    private func run(
        _ bench: Bench,
        _ command: String,
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        input: String? = nil
    ) async throws -> Outcome {
        let process = try bench.start(arguments, command: command, environment: environment)
        if let input { process.send(Array(input.utf8)) }
        process.closeInput()
        let code = await process.exitCode()
        return Outcome(code: code, lines: process.lines, errors: await process.allErrors())
    }

    /// The states that plain progress told, in their order.
    private func states(_ errors: String) -> [String] {
        errors.components(separatedBy: "\n").compactMap { line in
            let words = line.components(separatedBy: " ").filter { !$0.isEmpty }
            return words.count > 2 && words[0].count == 36 ? words[1] : nil
        }
    }

    @Test func generatePrintsPathsAndTellsEachChangeOfState() async throws {
        try await Bench.run { bench in
            let made = try await run(bench, "generate", ["a", "red", "kite", "--n", "2"])
            #expect(made.code == 0, "\(made.errors)")
            #expect(made.lines.count == 2)
            #expect(Set(made.lines).isSubset(of: bench.imageFiles))
            let states = states(made.errors)
            #expect(states.first == "queued")
            #expect(states.last == "stored")
            #expect(states.contains("submitting"))
            #expect(!made.errors.contains("\u{1B}"))
            try await bench.expectPaidOnce(1)

            let quiet = try await run(bench, "generate", ["a kite", "-q"])
            #expect(quiet.code == 0)
            #expect(quiet.errors == "")
        }
    }

    @Test func jsonIsTheTaskThatStatusTells() async throws {
        try await Bench.run { bench in
            let made = try await run(bench, "generate", ["--json", "-q", "-"], input: "from stdin\n")
            #expect(made.lines.count == 1)
            let task = try JSONValue.parse(try #require(made.lines.first))
            #expect(task["request"]?["prompt"] == "from stdin")
            try await bench.expectStored([task])

            let id = try #require(task["id"]?.stringValue)
            let status = try await run(bench, "status", [id, "--json"])
            #expect(status.code == 0)
            #expect(try JSONValue.parse(try #require(status.lines.first)) == task)
            let taskID = try #require(task["task_id"]?.stringValue)
            let byProvider = try await run(bench, "status", [taskID, "--wait-for", "stored", "--json"])
            #expect(try JSONValue.parse(try #require(byProvider.lines.first)) == task)

            let text = try await run(bench, "status", [id])
            #expect(text.lines.contains("state     stored"))
            #expect(try await run(bench, "status", ["nobody's"]).code == 1)
        }
    }

    @Test func refusalsNameTheOptionAndPayNothing() async throws {
        try await Bench.run { bench in
            let ratio = try await run(bench, "generate", ["x", "--aspect-ratio", "5:4"])
            #expect(ratio.code == 2)
            #expect(ratio.errors.contains("--aspect-ratio must be 16:9"))
            #expect(!ratio.errors.contains("aspect_ratio"))
            let count = try await run(bench, "generate", ["x", "--n", "12"])
            #expect(count.code == 2)
            #expect(count.errors.contains("--n must be"))
            #expect(try await run(bench, "generate").code == 2)
            #expect(try await run(bench, "generate", ["x", "--image", "not-there.png"]).code == 2)
            #expect(try await run(bench, "watch").code == 2)

            let rehearsal = try await run(bench, "generate", ["x", "--dry-run"])
            #expect(rehearsal.code == 0)
            #expect(try JSONValue.parse(try #require(rehearsal.lines.first))["dry_run"] == true)
            let bill = try await bench.bill()
            #expect(bill["creates_received"] == 0)

            let failed = try await run(bench, "generate", ["forbidden"])
            #expect(failed.code == 1)
            #expect(failed.lines == [])
            #expect(failed.errors.contains("nothing was charged"))
        }
    }

    @Test func whatIsNotFinishedInTimeGoesOnWithTheCommandThatIsTold() async throws {
        try await Bench.run({ $0.timeScale = 0.1 }) { bench in
            let made = try await run(bench, "generate", ["slow", "--timeout", "0.6"])
            #expect(made.code == 3)
            #expect(made.lines == [])
            let line = try #require(made.errors.split(separator: "\n").last)
            let command = try #require(line.components(separatedBy: "resume with: klingd ").last)
            #expect(command.hasPrefix("watch "))
            // The words of the command as a shell takes them: none of the test's paths needs quotes.
            let resumed = try KlingdProcess(command.components(separatedBy: " "))
            #expect(await resumed.exitCode() == 0, "\(resumed.errors)")
            #expect(Set(resumed.lines).isSubset(of: bench.imageFiles))
            #expect(resumed.lines.count == 1)
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func ctrlCKeepsTheTaskAndWatchAllGoesOnWithIt() async throws {
        try await Bench.run({ $0.timeScale = 0.1 }) { bench in
            let process = try bench.start(["a kite"], command: "generate")
            try await bench.bill { $0["paid_tasks"] == 1 }
            let start = ContinuousClock.now
            process.signal(SIGINT)
            #expect(await process.exitCode() == 130)
            #expect(start.duration(to: .now) < .seconds(5))
            let errors = await process.allErrors()
            #expect(errors.contains("interrupted: task "))
            #expect(errors.contains("klingd watch "))

            let resumed = try await run(bench, "watch", ["--all"])
            #expect(resumed.code == 0, "\(resumed.errors)")
            #expect(resumed.lines.count == 1)
            try await bench.expectPaidOnce(1)
            let again = try await run(bench, "watch", ["--all"])
            #expect(again.code == 0)
            #expect(again.errors.contains("no task is unfinished"))
        }
    }

    @Test func progressIsOneLineOnATerminal() async throws {
        try await Bench.run { bench in
            let terminal = try Pseudoterminal(columns: 40)
            let process = try KlingdProcess(
                ["generate", "a kite"] + bench.arguments.dropFirst(),
                error: .descriptor(terminal.child)
            )
            let code = await process.exitCode()
            let text = terminal.end()
            #expect(code == 0, "\(text)")
            #expect(!text.contains("\n"), "\(text)")
            #expect(text.hasSuffix("\r\u{1B}[K"))
            let drawings = text.components(separatedBy: "\r").dropFirst()
            #expect(drawings.count > 2)
            for drawing in drawings {
                #expect(drawing.replacingOccurrences(of: "\u{1B}[K", with: "").count < 40)
            }
            #expect(process.lines.count == 1)
        }
    }

    @Test func listShowsWhatARunningServeWorksOn() async throws {
        try await Bench.run { bench in
            let empty = try await run(bench, "list")
            #expect(empty.code == 0)
            #expect(empty.errors.contains("there is no ledger"))
            #expect(try await run(bench, "status", ["x"]).code == 1)

            let serve = try bench.start()
            let task = try await serve.ask("generate", ["prompt": "a \u{1B}[31mkite\n", "wait_for": "stored"])
            let id = try #require(task["id"]?.stringValue)
            let table = try await run(bench, "list")
            #expect(table.code == 0)
            #expect(table.lines.first?.split(separator: " ") == ["id", "state", "charged", "age", "prompt"])
            #expect(table.lines.last?.hasPrefix("\(id)  stored  yes") == true)
            #expect(table.lines.last?.hasSuffix("a \\u{1b}[31mkite\\n") == true)
            let json = try await run(bench, "list", ["--json", "--task-state", "stored"])
            #expect(try JSONValue.parse(try #require(json.lines.first)) == task)
            #expect(try await run(bench, "list", ["-q"]).lines == [id])
            #expect(try await run(bench, "list", ["-q", "--task-state", "failed"]).lines == [])
            #expect(try await serve.ask("status", ["id": .string(id)])["state"] == "stored")
        }
    }

    @Test func aPersonsWordReachesTheLedgerWithoutAnythingBeingSent() async throws {
        try await Bench.run({ $0.timeScale = 0.1 }) { bench in
            let made = try await run(bench, "generate", ["slow", "--wait-for", "submitted", "-q"])
            #expect(made.code == 0)
            let id = try #require(made.lines.first)
            #expect(id.count == 36)
            let cancelled = try await run(bench, "cancel-watch", [id, "--json"])
            #expect(cancelled.code == 0)
            #expect(cancelled.errors.contains("goes on and is billed"))
            #expect(try JSONValue.parse(try #require(cancelled.lines.first))["watch"] == "cancelled")
            #expect(try await run(bench, "watch", ["--all"]).errors.contains("no task is unfinished"))
            let resolved = try await run(bench, "resolve", [id, "--abandon"])
            #expect(resolved.code == 1)
            #expect(resolved.errors.contains("there is nothing to resolve"))
            #expect(try await run(bench, "resolve", [id, "--abandon", "--resend"]).code == 2)
            let watched = try await run(bench, "watch", [id])
            #expect(watched.code == 0, "\(watched.errors)")
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func aPersonResolvesWhatNobodyCanTell() async throws {
        try await Bench.run({ $0.findsByExternalID = false }) { bench in
            try await bench.fault(["on": "create", "kind": "taken_then_cut"])
            let made = try await run(bench, "generate", ["p", "--timeout", "1"])
            #expect(made.code == 3, "\(made.errors)")
            let id = try #require(try await run(bench, "list", ["-q", "--task-state", "unresolved"]).lines.first)
            let taskID = try #require(try await bench.bill()["tasks"]?[0]?["task_id"]?.stringValue)
            let resolved = try await run(bench, "resolve", [id, "--task-id", taskID])
            #expect(resolved.code == 0, "\(resolved.errors)")
            #expect(try await run(bench, "watch", [id]).lines.count == 1)
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func theSimulatorInTheProcessSaysThatItEndsWithIt() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-test-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let options = [
            "--provider", "simulator", "--state", "\(folder.path)/s", "--storage", "file://\(folder.path)/i",
        ]
        let made = try KlingdProcess(
            ["generate", "a kite", "--timeout", "0.5", "--simulator-time-scale", "1"] + options
        )
        #expect(await made.exitCode() == 3)
        #expect(await made.allErrors().contains("ends with the simulator in this process"))
        let list = try KlingdProcess(["list"] + options)
        #expect(await list.exitCode() == 0)
        #expect(await list.allErrors().contains("in memory"))
        let watch = try KlingdProcess(["watch", "x"] + options)
        #expect(await watch.exitCode() == 2)
    }

    @Test func doctorTellsWhatIsWrongAndNeverAKey() async throws {
        try await Bench.run({ $0.dialect = .kling }) { bench in
            let good = try await run(bench, "doctor")
            #expect(good.code == 0, "\(good.lines)")
            #expect(good.lines.contains { $0.hasPrefix("ok       provider: 127.0.0.1 answers and takes the key") })
            #expect(!good.lines.contains { $0.hasPrefix("wrong") })
            try await bench.expectPaidOnce(0)

            let secret = "wrong-secret-of-the-tests"
            let signed = ["KLING_API_KEY": "", "KLING_ACCESS_KEY": "nobody", "KLING_SECRET_KEY": secret]
            try await bench.fault(["on": "look_up", "kind": "status", "status": 401, "times": -1])
            let key = try await run(bench, "doctor", environment: signed)
            #expect(key.code == 1)
            #expect(
                key.lines.contains { $0.hasPrefix("wrong    provider: 127.0.0.1 answers, but refuses") },
                "\(key.lines)"
            )
            #expect(!(key.lines.joined() + key.errors).contains(secret))
            try await bench.clearFaults()

            let storage = try await run(bench, "doctor", ["--storage", "file:///proc/nowhere", "--json"])
            #expect(storage.code == 1)
            let findings = try storage.lines.map { try JSONValue.parse($0) }
            #expect(findings.filter { $0["level"] == "wrong" }.map { $0["what"] } == ["storage"])

            let offline = try await run(bench, "doctor", ["--offline"], environment: ["KLING_API_KEY": ""])
            #expect(offline.code == 1)
            #expect(offline.lines.contains { $0.hasPrefix("wrong    key: none; no key for kling") })
        }
    }

    @Test func bashCompletesOptionsWordsAndTasks() async throws {
        try await Bench.run { bench in
            let made = try await run(bench, "generate", ["a kite", "--json", "-q"])
            let task = try JSONValue.parse(try #require(made.lines.first))
            let script = """
                PATH=\(URL(fileURLWithPath: KlingdProcess.binary).deletingLastPathComponent().path):$PATH
                source <(klingd --generate-completion-script bash)
                try() {
                    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMPREPLY=()
                    _klingd klingd "${@: -1}" "${@: -2:1}"
                    echo "${COMPREPLY[*]}"
                }
                try klingd generate --asp
                try klingd generate --wait-for ""
                try klingd watch ""
                try klingd doc
                """
            let bash = try KlingdProcess(
                ["-c", script],
                program: "/bin/bash",
                environment: [
                    "KLINGD_PROVIDER": "simulator", "KLINGD_BASE_URL": bench.address.url,
                    "KLINGD_STATE": bench.state.path,
                ]
            )
            #expect(await bash.exitCode() == 0, "\(bash.errors)")
            let id = try #require(task["id"]?.stringValue)
            #expect(bash.lines == ["--aspect-ratio", "queued submitted stored", id, "doctor"])

            let version = try KlingdProcess(["--version"])
            #expect(await version.exitCode() == 0)
            #expect(version.lines == ["klingd 0.1.0"])
        }
    }
}

/// A terminal of a given width with a test at the other side.
private final class Pseudoterminal {
    /// For the child.
    let child: Int32
    private let parent: Int32

    init(columns: UInt16) throws {
        var ends: (parent: Int32, child: Int32) = (-1, -1)
        var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        try #require(openpty(&ends.parent, &ends.child, nil, nil, &size) == 0)
        (parent, child) = ends
        for end in [parent, child] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }

    /// All that was written to it: less than a terminal keeps for its reader.
    func end() -> String {
        close(child)
        defer { close(parent) }
        var (text, block) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
        while case let count = read(parent, &block, block.count), count > 0 { text += block[..<count] }
        return String(decoding: text, as: UTF8.self)
    }
}
