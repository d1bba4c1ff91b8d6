import Foundation
import Storage
import Testing

@testable import S3Storage
@testable import SigV4

@Suite(.timeLimit(.minutes(1))) struct CredentialProcessTests {
    private let folder: AWSFolder

    init() throws {
        folder = try AWSFolder()
    }

    private func process(_ command: String, timeLimit: Duration = .seconds(30)) throws -> CredentialProcess {
        let command = ConfiguredValue(command, origin: "'credential_process' in /c line 2")
        return try CredentialProcess(command, environment: folder.environment, timeLimit: timeLimit)
    }

    private func error(of lines: String, timeLimit: Duration = .seconds(30)) async throws -> StorageError {
        let process = try process(folder.script(lines), timeLimit: timeLimit)
        let error = await #expect(throws: StorageError.self) { try await process.run(at: 0) }
        let shown = try #require(error)
        #expect(shown.message.hasPrefix("the program of 'credential_process' in /c line 2 "))
        #expect(!shown.message.contains("s3cret"))
        return shown
    }

    @Test func aProgramGivesTemporaryCredentials() async throws {
        let program = try folder.script(
            #"echo '{"Version": 1, "AccessKeyId": "ASIA", "SecretAccessKey": "s", "SessionToken": "t","#
                + #" "Expiration": "2026-11-25T19:00:00Z", "AccountId": "1"}'"#
        )
        let temporary = try await process(program).run(at: 1_795_633_199)
        #expect(temporary.credentials.accessKeyID == "ASIA" && temporary.credentials.sessionToken == "t")
        #expect(temporary.credentials.secretAccessKey == "s" && temporary.expires == 1_795_633_200)
        let error = await #expect(throws: StorageError.self) { try await process(program).run(at: 1_795_633_200) }
        #expect(error?.message.hasSuffix("wrote credentials that have expired already") == true)
    }

    @Test func aProgramGetsItsWordsAsTheyAreQuotedAndNoShellSeesThem() async throws {
        let lines = #"printf '{"Version":1,"AccessKeyId":"%s|%s|%s","SecretAccessKey":"s"}' "$1" "$2" "$#""#
        let program = try folder.script(lines, named: "my program")
        let temporary = try await process("'\(program)' \"$HOME;id\" 'b'\\*").run(at: 0)
        #expect(temporary.credentials.accessKeyID == "$HOME;id|b*|2" && temporary.expires == nil)
    }

    @Test func aProgramIsFoundInThePathAndReadsNothing() async throws {
        let python =
            #"import sys; print('{"Version":1,"AccessKeyId":"read%d","SecretAccessKey":"s"}' % len(sys.stdin.read()))"#
        let quoted = "python3 -c '" + python.replacingOccurrences(of: "'", with: #"'"'"'"#) + "'"
        #expect(try await process(quoted).run(at: 0).credentials.accessKeyID == "read0")
    }

    /// AWS tells authors to keep secrets out of stderr; not all do.
    @Test func aFailureIsToldWithoutWhatTheProgramWrote() async throws {
        let error = try await error(of: "echo s3cret; echo s3cret >&2; exit 7")
        #expect(error.message.hasSuffix(" failed with exit code 7: run it by hand to see why"))
        #expect(error.kind == .unavailable && error.isRetryable)
        #expect(!error.message.contains("s3cret"))
        #expect(try await self.error(of: "head -c 1000000 /dev/zero >&2; exit 1").message.contains("exit code 1"))
    }

    @Test func aProgramThatWritesTooMuchIsStopped() async throws {
        let error = try await error(of: "head -c 70000 /dev/zero | tr '\\0' x")
        #expect(error.message.hasSuffix(" wrote more than 64 KiB") && error.kind == .configuration)
        // What is written until then is as it should be, and nobody waits for the rest.
        #expect(try await self.error(of: "yes s3cret").message.hasSuffix(" wrote more than 64 KiB"))
    }

    @Test(arguments: [
        "", "s3cret", "[]", #"{"AccessKeyId":"s3cret","SecretAccessKey":"s3cret"}"#,
        #"{"Version":2,"AccessKeyId":"s3cret","SecretAccessKey":"s3cret"}"#,
        #"{"Version":"1","AccessKeyId":"s3cret","SecretAccessKey":"s3cret"}"#,
        #"{"Version":1,"AccessKeyId":"s3cret"}"#, #"{"Version":1,"AccessKeyId":1,"SecretAccessKey":"s3cret"}"#,
        #"{"Version":1,"AccessKeyId":"","SecretAccessKey":"s3cret"}"#,
        #"{"Version":1,"AccessKeyId":"s3cret s3cret","SecretAccessKey":"s3cret"}"#,
        #"{"Version":1,"AccessKeyId":"s3cret","SecretAccessKey":"s3cret","SessionToken":1}"#,
        #"{"Version":1,"AccessKeyId":"s3cret","SecretAccessKey":"s3cret","Expiration":"s3cret"}"#,
    ])
    func outputThatIsNoCredentialsIsRefusedWithoutShowingIt(output: String) async throws {
        let error = try await error(of: "printf '%s' '\(output)'")
        #expect(error.kind == .configuration && error.message.contains(" wrote "))
    }

    @Test func aProgramThatIsNotThereIsSaidSo() async throws {
        for command in ["/nowhere/program", "klingd-no-such-program", folder.path] {
            let process = try process(command)
            let error = await #expect(throws: StorageError.self) { try await process.run(at: 0) }
            #expect(error?.kind == .configuration && error?.message.contains("not found") == true, "\(command)")
        }
        for command in ["", "  ", "'open", "''"] {
            let error = #expect(throws: StorageError.self) { try process(command) }
            #expect(error?.message.hasPrefix("'credential_process' in /c line 2 must be a program") == true)
        }
    }

    @Test func aProgramThatHangsIsEnded() async throws {
        let error = try await error(of: "exec sleep 60", timeLimit: .milliseconds(100))
        #expect(error.message.contains(" did not end within ") && error.isRetryable)
    }

    @Test func aProgramEndsWithTheTaskThatWaitsForItAndSoDoesAllThatItStarted() async throws {
        let error = try await cancelled("sleep 60 & echo $! > child; echo $$ > parent; touch ready; wait")
        #expect(error?.message.hasSuffix(" was cancelled") == true)
        for name in ["parent", "child"] { try await expectGone(name) }
    }

    @Test func aProgramIsAskedToEndBySIGTERM() async throws {
        // Nobody reads what it complains of any more, and the shell would complain of its `sleep`.
        let lines = "exec 2> /dev/null; trap ': > asked; exit' TERM; touch ready; while :; do sleep 0.01; done"
        _ = try await cancelled(lines)
        #expect(folder.text("asked") != nil)
    }

    @Test func aProgramThatDoesNotWantToEndIsKilled() async throws {
        _ = try await cancelled("trap '' TERM; echo $$ > deaf; touch ready; while :; do sleep 0.1; done")
        try await expectGone("deaf")
    }

    /// Runs a script in the folder until it has made the file `ready`, and cancels whoever waits for it.
    private func cancelled(_ lines: String) async throws -> StorageError? {
        let process = try process(folder.script("cd \"$(dirname \"$0\")\"; \(lines)"))
        let task = Task { try await process.run(at: 0) }
        try await eventually { folder.text("ready") != nil }
        task.cancel()
        return await #expect(throws: StorageError.self) { try await task.value }
    }

    @Test func whatAProgramLeavesRunningIsNotWaitedFor() async throws {
        let lines = #"""
            sleep 60 & echo $! > "$(dirname "$0")/left"
            echo '{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s"}'
            """#
        #expect(try await process(folder.script(lines)).run(at: 0).credentials.accessKeyID == "A")
        kill(try processID("left"), SIGKILL)
    }

    private func processID(_ name: String) throws -> pid_t {
        let text = try #require(folder.text(name))
        return try #require(pid_t(text.trimmingCharacters(in: .newlines)))
    }

    /// A process that its new parent has not yet reaped still answers, so this waits a little.
    private func expectGone(_ name: String) async throws {
        let id = try processID(name)
        try await eventually { kill(id, 0) == -1 || isZombie(id) }
    }

    private func isZombie(_ id: pid_t) -> Bool {
        guard let status = FileManager.default.contents(atPath: "/proc/\(id)/stat") else { return false }
        return String(decoding: status, as: UTF8.self).contains(") Z ")
    }
}
