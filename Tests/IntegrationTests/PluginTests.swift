import Foundation
import JSON
import StorageServers
import Testing

/// Storage plugins that misbehave: the paid image waits, klingd stays up and says what is wrong.
@Suite(.timeLimit(.minutes(10))) struct PluginTests {
    /// A fault, how often it happens, and words by which the task tells of it meanwhile; without words it need not.
    struct Misbehaviour: CustomTestStringConvertible {
        var fault: String
        var times = 2
        var words: [String]

        var testDescription: String { fault }
    }

    /// Twice: what was in flight when a plugin died is asked again once before anybody is told.
    static let misbehaviours = [
        Misbehaviour(fault: "crash in put", words: ["status 3", "cannot go on"]),
        Misbehaviour(fault: "segfault in put", words: ["signal 11"]),
        Misbehaviour(fault: "crash after storing", words: ["status 4"]),
        Misbehaviour(fault: "hang", words: ["1 s"]),
        Misbehaviour(fault: "garbage", words: ["write logs to stderr", "Uploading"]),
        Misbehaviour(fault: "unknown id", words: ["4711"]),
        Misbehaviour(fault: "wrong types", words: ["/size"]),
        Misbehaviour(fault: "says stored", times: 1, words: ["claims to have stored", "nothing is there"]),
        Misbehaviour(fault: "other size", times: 1, words: ["claims to have stored", "'head' says"]),
        Misbehaviour(fault: "fork and crash", words: ["status 1"]),
        Misbehaviour(fault: "flood", times: 1, words: []),
        Misbehaviour(fault: "fork", times: 1, words: []),
    ]

    @Test(arguments: misbehaviours) func theTaskSurvivesAndSaysWhatThePluginDidWrong(_ case: Misbehaviour) async throws
    {
        try await Bench.run { bench in
            let objects = bench.folder.appendingPathComponent("objects")
            try FileManager.default.createDirectory(at: objects, withIntermediateDirectories: true)
            let configuration: JSONValue = [
                "storage_plugins": [
                    "faulty": [
                        "command": .string(FaultyPlugin.path), "silence_ms": 1000,
                        "config": [
                            "folder": .string(objects.path), "fault": .string(`case`.fault),
                            "times": .integer(Int64(`case`.times)),
                        ],
                    ]
                ]
            ]
            let file = bench.folder.appendingPathComponent("config.json")
            try Data(configuration.serialized).write(to: file)
            let klingd = try bench.start(["--storage", "faulty://here", "--config", file.path])
            let id = try #require(try await klingd.ask("generate", ["prompt": "p"])["id"])
            if !`case`.words.isEmpty {
                let task = try await klingd.task(id) { $0["error"] != .null || $0["state"] == "stored" }
                #expect(task["state"] == "storing", "\(task)")
                #expect(task["charged"] == "yes")
                #expect(task["error"]?["retryable"] == true)
                let message = task["error"]?["message"]?.stringValue ?? ""
                #expect(message.contains("faulty"), "\(message)")
                for words in `case`.words { #expect(message.contains(words), "\(message)") }
            }
            let task = try await klingd.end(of: id)
            #expect(task["state"] == "stored", "\(task)")
            #expect(task["error"] == .null)
            let uri = try #require(task["images"]?[0]?["uri"]?.stringValue)
            let path = objects.path + "/" + uri.dropFirst("faulty://here/".count)
            let sum = try #require(task["images"]?[0]?["sha256"]?.stringValue)
            #expect(try await sha256(ofFiles: [path]) == [path: sum])
            #expect(try await klingd.ask("server-info")["name"] == "klingd")
            try await bench.expectPaidOnce(1)
            let child = try? String(contentsOf: objects.appendingPathComponent(".child"), encoding: .utf8)
            klingd.closeInput()
            #expect(await klingd.exitCode() == 0)
            if let child = child.flatMap({ pid_t($0) }) {
                // It was killed; how soon it is gone is the system's business.
                let end = Date(timeIntervalSinceNow: 10)
                while isRunning(child), Date() < end { try await Task.sleep(for: .milliseconds(20)) }
                #expect(!isRunning(child), "what a plugin started ends with it")
            }
        }
    }

    /// klingd holds the signals that end it back in all its threads; what it starts must not.
    @Test func aPluginCanBeEndedBySignals() async throws {
        try await Bench.run { bench in
            let objects = bench.folder.appendingPathComponent("objects")
            try FileManager.default.createDirectory(at: objects, withIntermediateDirectories: true)
            let configuration: JSONValue = [
                "storage_plugins": [
                    "faulty": ["command": .string(FaultyPlugin.path), "config": ["folder": .string(objects.path)]]
                ]
            ]
            let file = bench.folder.appendingPathComponent("config.json")
            try Data(configuration.serialized).write(to: file)
            let klingd = try bench.start(["--storage", "faulty://here", "--config", file.path])
            _ = try await klingd.ask("generate", ["prompt": "p", "wait_for": "stored"])
            let plugin = try #require(children(of: klingd.processID).first)
            let status = try String(contentsOfFile: "/proc/\(plugin)/status", encoding: .utf8)
            let blocked = try #require(status.split(separator: "\n").first { $0.hasPrefix("SigBlk:") })
            #expect(blocked.hasSuffix("\t0000000000000000"), "\(blocked)")
            kill(plugin, SIGTERM)
            // The next image starts another one.
            let task = try await klingd.ask("generate", ["prompt": "p", "wait_for": "stored"])
            #expect(task["state"] == "stored")
            #expect(children(of: klingd.processID) != [plugin])
        }
    }

    private func children(of processID: pid_t) -> [pid_t] {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(processID)/task")) ?? []
        return threads.flatMap { thread in
            let list = try? String(contentsOfFile: "/proc/\(processID)/task/\(thread)/children", encoding: .utf8)
            return (list ?? "").split(separator: " ").compactMap { pid_t($0) }
        }
    }

    /// A process that has ended and waits for its parent to take note does not run.
    private func isRunning(_ processID: pid_t) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8) else {
            return false
        }
        return !status.contains("State:\tZ")
    }
}
