import Foundation
import JSON
import KlingSimulator
import Testing

/// What a command says is so, and what it could not do or tell shows in its exit code.
@Suite(.timeLimit(.minutes(10))) struct CommandTruthTests {
    /// Runs a command to its end, in the shell `script` where "$@" stands for it.
    private func run(
        _ bench: Bench,
        _ command: String,
        _ arguments: [String],
        script: String = #"exec "$@""#,
        output: KlingdProcess.Stream = .pipe
    ) async throws -> (code: Int32, lines: [String], errors: String) {
        let words = [KlingdProcess.binary, command] + bench.arguments.dropFirst() + arguments
        let process = try KlingdProcess(["-c", script, "sh"] + words, program: "/bin/sh", output: output)
        process.closeInput()
        let code = await process.exitCode()
        return (code, process.lines, await process.allErrors())
    }

    @Test func whatIsSaidNotToBeSentIsNotSent() async throws {
        try await Bench.run({ $0.timeScale = 0.1 }) { bench in
            for timeout in ["0", "0", "0.05", "0.1", "0.2"] {
                let before = try await bench.paidTasks() ?? 0
                let made = try await run(bench, "generate", ["p", "--timeout", timeout])
                #expect(made.code == 3)
                let wasSent = !made.errors.contains("was not sent")
                #expect(try await bench.paidTasks() == before + (wasSent ? 1 : 0), "\(made.errors)")
                #expect(!wasSent || made.errors.contains("charged, and goes on"), "\(made.errors)")
            }
        }
    }

    @Test func statusShowsATaskOnceHoweverFarItHasCome() async throws {
        try await Bench.run({ $0.timeScale = 0.1 }) { bench in
            let made = try await run(bench, "generate", ["p", "--wait-for", "submitted", "-q"])
            let id = try #require(made.lines.first)
            for (timeout, code) in [("0.1", Int32(3)), ("60", 0)] {
                let json = try await run(bench, "status", [id, "--timeout", timeout, "--json"])
                #expect(json.code == code)
                #expect(json.lines.count == 1, "\(json.lines)")
                let text = try await run(bench, "status", [id, "--timeout", timeout])
                #expect(text.lines.count { $0.hasPrefix("id  ") } == 1, "\(text.lines)")
            }
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func aPathThatCannotBePrintedIsAFailure() async throws {
        try await Bench.run { bench in
            let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
            defer { close(full) }
            let made = try await run(bench, "generate", ["p", "-q"], output: .descriptor(full))
            #expect(made.code == 1)
            #expect(made.errors.contains("stdout: No space left on device"), "\(made.errors)")
            let closed = try await run(bench, "list", [], script: #"exec "$@" >&-"#)
            #expect(closed.code == 1)
            #expect(closed.errors.contains("stdout: "), "\(closed.errors)")
        }
    }

    @Test func aSlowReaderOfANonBlockingPipeGetsEveryLine() async throws {
        try await Bench.run { bench in
            let serve = try bench.start()
            let long = String(repeating: "a long prompt, ", count: 30)
            for _ in 0..<30 { _ = try await serve.ask("generate", ["prompt": .string(long), "wait_for": "queued"]) }
            // Perl makes the pipe non-blocking for both; the reader begins late.
            let script = #"""
                "$@" | { sleep 1; exec cat; }
                """#
            let nonBlocking = #"""
                use Fcntl; fcntl(STDOUT, F_SETFL, O_NONBLOCK) or die; fcntl(STDOUT, 1031, 4096); exec @ARGV
                """#
            let words = [KlingdProcess.binary, "list"] + bench.arguments.dropFirst() + ["--json", "--limit", "100"]
            let process = try KlingdProcess(
                ["-c", script, "sh", "perl", "-e", nonBlocking] + words,
                program: "/bin/sh"
            )
            process.closeInput()
            #expect(await process.exitCode() == 0, "\(process.errors)")
            #expect(process.lines.count == 30)
            #expect(process.messages.count == 30)
        }
    }

    @Test func aPromptThatIsNotUTF8IsRefusedAndNotAltered() async throws {
        try await Bench.run { bench in
            let script = #"exec "$@" "$(printf 'caf\351')""#
            let made = try await run(bench, "generate", [], script: script)
            #expect(made.code == 2)
            #expect(made.errors.contains("is not UTF-8"), "\(made.errors)")
            #expect(try await bench.bill()["creates_received"] == 0)
        }
    }

    @Test func theCommandToGoOnWithNamesTheConfigurationFile() async throws {
        try await Bench.run({ $0.timeScale = 0.1 }) { bench in
            let file = bench.folder.appendingPathComponent("my config.json")
            let configuration: JSONValue = [
                "provider": "simulator", "base_url": .string(bench.address.url),
                "storage": .string("file://\(bench.images.path)"), "state": .string(bench.state.path),
            ]
            try Data(configuration.serialized).write(to: file)
            let made = try KlingdProcess(["generate", "p", "--timeout", "0.5", "--config", file.path])
            #expect(await made.exitCode() == 3)
            let errors = await made.allErrors()
            let command = try #require(errors.components(separatedBy: "resume with: klingd ").last)
            // As a shell reads it, from another folder.
            let resumed = try KlingdProcess(
                ["-c", "cd / && \"$0\" \(command)", KlingdProcess.binary],
                program: "/bin/sh"
            )
            #expect(await resumed.exitCode() == 0, "\(errors)")
            #expect(resumed.lines.count == 1)
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func whyATaskDoesNotGoOnIsTold() async throws {
        try await Bench.run { bench in
            let nowhere = try await run(bench, "generate", ["p", "--timeout", "2", "--base-url", "http://127.0.0.1:9"])
            #expect(nowhere.code == 3)
            #expect(nowhere.errors.contains("was not sent"), "\(nowhere.errors)")
            #expect(nowhere.errors.lowercased().contains("refused"), "\(nowhere.errors)")
        }
        try await Bench.run({ $0.findsByExternalID = false }) { bench in
            try await bench.fault(["on": "create", "kind": "taken_then_cut"])
            let made = try await run(bench, "generate", ["p", "--timeout", "1"])
            #expect(made.code == 3)
            #expect(made.errors.contains("may be charged"), "\(made.errors)")
            #expect(made.errors.contains("klingd resolve"), "\(made.errors)")
            let id = try #require(try await run(bench, "list", ["-q"]).lines.first)
            let given = try await run(bench, "resolve", [id, "--abandon"])
            #expect(given.errors.contains("it may have been charged"), "\(given.errors)")
        }
    }

    @Test func tasksThatAnotherKlingdHasToFinishAreNamedAndNotWaitedFor() async throws {
        try await Bench.run({ $0.timeScale = 0.1 }) { bench in
            let made = try await run(bench, "generate", ["p", "--wait-for", "submitted"])
            let id = try #require(made.lines.first)
            let elsewhere = ["--storage", "file://\(bench.folder.path)/elsewhere"]
            for arguments in [["--all"], [id]] {
                let watched = try await run(bench, "watch", arguments + elsewhere)
                #expect(watched.code == 3)
                #expect(watched.errors.contains("task \(id) belongs to another account, or to the storage"))
            }
            let mixed = try await run(bench, "watch", ["no-such-job", id])
            #expect(mixed.code == 1)
            #expect(mixed.errors.contains("no-such-job") || mixed.errors.contains("no such"), "\(mixed.errors)")
            #expect(!mixed.errors.contains("nothing was charged"), "\(mixed.errors)")
            #expect(mixed.lines.count == 1)
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func nothingForPeopleIsWrittenIntoAFileThatTookTheNumberOfAMissingDescriptor() async throws {
        try await Bench.run { bench in
            let made = try await run(bench, "generate", ["p"], script: #"exec "$@" 0<&- 1>&- 2>&-"#)
            #expect(made.code == 1)
            try await bench.expectPaidOnce(1)
            let lock = try Data(contentsOf: bench.ledgerFolder.appendingPathComponent("ledger.lock"))
            #expect(lock.isEmpty, "\(String(decoding: lock, as: UTF8.self))")
        }
    }
}
