import Foundation
import JSON
import KlingSimulator
import Testing

/// However the input ends, what stood on it is answered and klingd ends in order.
@Suite(.timeLimit(.minutes(10))) struct EndOfInputTests {
    private static let generate = #"{"jsonrpc":"2.0","id":7,"method":"generate","params":{"prompt":"café 😀"}}"#

    /// Ends of an input, and what must come of them: `JSONCorpus.summary(of:)`.
    private static let ends: [(bytes: [UInt8], answer: String?)] = [
        // Whole without its line break.
        (Array(#"{"jsonrpc":"2.0","id":7,"method":"corpus"}"#.utf8), "-32601 7"),
        (Array("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"corpus\"} \r".utf8), "-32601 7"),
        (Array(#"[{"jsonrpc":"2.0","id":7,"method":"corpus"},1]"#.utf8), "[-32601 7, -32600 null]"),
        (Array("7".utf8), "-32600 null"),
        // Half of it: before the last bracket, in a string, in a literal, in a number, in a name.
        (generate.utf8.dropLast(), "-32700 null"),
        (Array(#"{"jsonrpc":"2.0","id":7,"method":"generate","params":{"prompt":"caf"#.utf8), "-32700 null"),
        (Array(#"{"jsonrpc":"2.0","id":7,"method":"generate","params":{"dry_run":tr"#.utf8), "-32700 null"),
        (Array(#"{"jsonrpc":"2.0","method":"generate","params":{"prompt":"p"},"id":1e"#.utf8), "-32700 null"),
        (Array(#"{"jsonrpc":"2.0","id":7,"meth"#.utf8), "-32700 null"),
        (Array(#"[{"jsonrpc":"2.0","id":7,"method":"corpus"},"#.utf8), "-32700 null"),
        // In the middle of a character.
        (Array(#"{"prompt":"caf"#.utf8) + [0xC3], "-32700 null"),
        (Array(#"{"prompt":""#.utf8) + [0xF0, 0x9F, 0x98], "-32700 null"),
        ([0xEF, 0xBB], "-32700 null"),
        // In the middle of an escape.
        (Array(#"{"prompt":"\"#.utf8), "-32700 null"),
        (Array(#"{"prompt":"\u00e"#.utf8), "-32700 null"),
        (Array(#"{"prompt":"\ud83d"#.utf8), "-32700 null"),
        (Array(#"{"prompt":"\ud83d\ud"#.utf8), "-32700 null"),
        // Nothing.
        ([], nil), ([0x20], nil), ([0x0D], nil),
    ]

    @Test func whatStandsBehindTheLastLineBreakIsAnsweredLikeALine() async throws {
        try await Bench.run(taking: 2) { bench in
            for end in Self.ends {
                let klingd = try bench.start()
                klingd.send(#"{"jsonrpc":"2.0","id":"before","method":"corpus"}"#)
                klingd.send(end.bytes)
                klingd.closeInput()
                let text = String(decoding: end.bytes, as: UTF8.self)
                #expect(await klingd.exitCode() == 0, "\(text)")
                let answers = klingd.lines.map(JSONCorpus.summary)
                #expect(answers == [#"-32601 "before""#] + (end.answer.map { [$0] } ?? []), "\(text)")
                #expect(klingd.unfinishedLine == "")
            }
            #expect(try await bench.bill()["creates_received"] == 0)
        }
    }

    @Test func aTaskThatIsAskedForWithoutALineBreakIsStored() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            klingd.send(Array(MainRequest.line.utf8))
            klingd.closeInput()
            #expect(await klingd.exitCode() == 0)
            try await bench.expectStored([#require(klingd.response(to: 1)["result"])])
            try await bench.expectPaidOnce(1)
        }
    }

    /// The client is a shell that is killed: nobody closes anything in order, nor waits for klingd.
    @Test func aClientThatIsKilledEndsKlingdInOrderAndTheNextOneFinishesItsTasks() async throws {
        try await Bench.run({ $0.timeScale = 0.3 }) { bench in
            let count = 3
            // Only the shell itself holds the other ends of the pipes.
            let script = """
                cd "$1" && shift && mkfifo in out || exit
                ("$@" <in >out; echo $? >code.part; mv code.part code) &
                exec 3>in 4<out
                printf '%s\\n' "$REQUESTS" >&3
                while read -r line <&4; do :; done
                """
            let requests = (1...count).map { number in
                String.request(
                    .integer(Int64(number)),
                    "generate",
                    ["prompt": .string("of a client that is killed \(number)"), "wait_for": "stored"]
                )
            }
            let client = try KlingdProcess(
                ["-c", script, "sh", bench.folder.path, KlingdProcess.binary] + bench.arguments,
                program: "/bin/sh",
                environment: ["REQUESTS": requests.joined(separator: "\n")]
            )
            defer { client.end() }
            try await bench.bill { $0["creates_received"] == .integer(Int64(count)) }
            client.signal(SIGKILL)
            #expect(await client.exitCode() == -SIGKILL)
            let code = bench.folder.appendingPathComponent("code")
            try await wait(for: "klingd has ended") { FileManager.default.fileExists(atPath: code.path) }
            #expect(try String(contentsOf: code, encoding: .utf8) == "0\n")

            let next = try bench.start()
            let tasks = try await next.ask("list")["tasks"]?.arrayValue ?? []
            #expect(tasks.count == count)
            var ended: [JSONValue] = []
            for task in tasks { ended.append(try await next.end(of: #require(task["id"]))) }
            try await bench.expectStored(ended)
            try await bench.expectPaidOnce(count)
        }
    }
}

/// The request whose task is to be stored, under the id 1.
enum MainRequest {
    static let line = String.request(1, "generate", ["prompt": "a lighthouse", "wait_for": "stored"])
}
