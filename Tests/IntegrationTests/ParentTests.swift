import Foundation
import JSON
import KlingSimulator
import Testing

/// What becomes of klingd when the program that started it dies.
@Suite(.timeLimit(.minutes(10))) struct ParentTests {
    /// A shell that starts klingd, tells its process id and lives until it is killed. The test holds the other ends of
    /// stdin and stdout, as a sibling does that has inherited them. (What a shell starts in the background has no stdin,
    /// unless it is handed on by another number.)
    private static let client = #"exec 3<&0; "$@" <&3 3<&- & echo $! >&2; exec 3<&-; wait"#

    private func start(_ bench: Bench, _ more: [String] = []) async throws -> (client: KlingdProcess, klingd: pid_t) {
        let words = [KlingdProcess.binary] + bench.arguments + more
        let client = try KlingdProcess(["-c", Self.client, "client"] + words, program: "/bin/sh")
        try #require(await client.ask("list")["tasks"] == [])
        let line = try #require(client.errors.split(separator: "\n").first)
        return (client, try #require(pid_t(line)))
    }

    /// Kills the client alone, and gives back once klingd has ended, which closes stdout.
    private func kill(_ client: KlingdProcess) async {
        client.signal(SIGKILL)
        #expect(await client.exitCode() == -SIGKILL)
    }

    @Test func waitsEndWithTheClientAlsoWhileAnotherHoldsStdinOpen() async throws {
        try await Bench.run({ $0.timeScale = 10 }) { bench in
            let (client, klingd) = try await start(bench)
            defer { Foundation.kill(klingd, SIGKILL) }
            let id = try await client.ask("generate", ["prompt": "p", "wait_for": "submitted"])["id"] ?? .null
            client.send(.request("waiting", "status", ["id": id, "wait_for": "stored"]))
            _ = try await client.ask("list")
            // Its stdin stays open.
            await kill(client)
            let answer = try await client.response(to: "waiting")
            #expect(["submitted", "processing"].contains(answer["result"]?["state"]), "\(answer)")
            try await bench.expectPaidOnce(1)
            let found = try await bench.start().ask("status", ["id": id])
            #expect(["submitted", "processing"].contains(found["state"]))
        }
    }

    @Test func whatWasAskedBeforeTheEndOfInputRunsToItsEndWithoutTheClient() async throws {
        try await Bench.run { bench in
            let (client, klingd) = try await start(bench)
            defer { Foundation.kill(klingd, SIGKILL) }
            for number in Int64(0)..<5 {
                client.send(.request(.integer(number), "generate", ["prompt": "p", "wait_for": "stored"]))
            }
            client.closeInput()
            await kill(client)
            var tasks: [JSONValue] = []
            for number in Int64(0)..<5 {
                tasks.append(try await client.response(to: .integer(number))["result"] ?? .null)
            }
            try await bench.expectStored(tasks)
            try await bench.expectPaidOnce(5)
        }
    }

    @Test func whatTheClientSentBeforeItsEndIsTaken() async throws {
        try await Bench.run { bench in
            let (client, klingd) = try await start(bench)
            defer { Foundation.kill(klingd, SIGKILL) }
            // Stopped, so that it finds the end of its client together with more lines than it reads at once.
            Foundation.kill(klingd, SIGSTOP)
            for number in Int64(0)..<3000 { client.send(.request(.integer(number), "list", ["limit": 1])) }
            client.signal(SIGKILL)
            await client.processEnd()
            Foundation.kill(klingd, SIGCONT)
            #expect(await client.exitCode() == -SIGKILL)
            let answered = client.messages.filter { $0["result"] != nil }.compactMap { $0["id"]?.integerValue }
            #expect(answered == Array(0..<3000))
        }
    }
}
