import Foundation
import JSON
import KlingSimulator
import Testing

/// A line on stdin, an image in storage.
@Suite(.timeLimit(.minutes(10))) struct MainJobTests {
    private static let request = String.request(
        1,
        "generate",
        ["prompt": "a lighthouse at dusk", "n": 2, "aspect_ratio": "3:2", "wait_for": "stored"]
    )

    /// Checks the answer against what lies in the folder, byte by byte.
    private func expectTwoStoredImages(_ answer: JSONValue, in bench: Bench) async throws {
        let task = try #require(answer["result"])
        #expect(task["state"] == "stored")
        #expect(task["watch"] == "ended")
        #expect(task["charged"] == "yes")
        #expect(task["images"]?.arrayValue?.count == 2)
        for index in 0..<2 {
            let image = try #require(task["images"]?[index])
            let path = try #require(task.path(ofImage: index))
            #expect(path.hasPrefix(bench.images.path + "/"))
            #expect(image["uri"] == .string("file://" + path))
            #expect(image["width"] == 1248)
            #expect(image["height"] == 832)
            let content = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(image["bytes"] == .integer(Int64(content.count)))
            #expect(content.starts(with: [0x89, 0x50, 0x4E, 0x47]))
            #expect(try await sha256(ofFiles: [path])[path] == image["sha256"]?.stringValue)
        }
        let id = try #require(task["id"]?.stringValue)
        let sidecar = try #require(
            FileManager.default.enumerator(atPath: bench.images.path)?.compactMap { $0 as? String }
                .first { $0.hasSuffix("\(id).json") }
        )
        let told = try JSONValue.parse(
            Array(try Data(contentsOf: bench.images.appendingPathComponent(sidecar)))
        )
        #expect(told["task_id"] == task["task_id"])
        #expect(told["images"]?[1]?["sha256"] == task["images"]?[1]?["sha256"])
        #expect(told["request"]?["prompt"] == "a lighthouse at dusk")
    }

    @Test func aPipedLineIsAnsweredWithStoredImagesAndExit0() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            klingd.send(Self.request)
            klingd.closeInput()
            #expect(await klingd.exitCode() == 0)
            try await expectTwoStoredImages(klingd.response(to: 1), in: bench)
            #expect(try await bench.paidTasks() == 1)
        }
    }

    @Test func aRegularFileAsInputDoesTheSame() async throws {
        try await Bench.run { bench in
            let file = bench.folder.appendingPathComponent("requests.jsonl")
            // Without a line break at its end.
            try Data(Self.request.utf8).write(to: file)
            let handle = try FileHandle(forReadingFrom: file)
            let klingd = try bench.start(input: .descriptor(handle.fileDescriptor))
            #expect(await klingd.exitCode() == 0)
            try await expectTwoStoredImages(klingd.response(to: 1), in: bench)
        }
    }

    @Test func theSimulatorInsideTheProcessNeedsNothingElse() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-test-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let klingd = try KlingdProcess([
            "--provider", "simulator", "--simulator-time-scale", "0.01", "--storage", "file://\(folder.path)/images",
            "--state", folder.path + "/state",
        ])
        klingd.send(Self.request)
        klingd.closeInput()
        #expect(await klingd.exitCode() == 0)
        let answer = try await klingd.response(to: 1)
        #expect(answer["result"]?["state"] == "stored")
        #expect(answer["result"]?["provider"] == "simulator")
    }

    @Test func updatesAreToldAndCanBeSwitchedOff() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            klingd.send(Self.request)
            klingd.closeInput()
            _ = await klingd.exitCode()
            let updates = try klingd.lines.map { try JSONValue.parse($0) }.filter { $0["method"] == "task-updated" }
            let states = updates.compactMap { $0["params"]?["task"]?["state"]?.stringValue }
            #expect(states.last == "stored")
            let sequences = updates.compactMap { $0["params"]?["seq"]?.integerValue }
            #expect(sequences == sequences.sorted() && Set(sequences).count == sequences.count)

            let quiet = try bench.start(["--no-task-updates"])
            quiet.send(Self.request)
            quiet.closeInput()
            _ = await quiet.exitCode()
            #expect(quiet.lines.count == 1)
        }
    }

    @Test func waitsEndAtTheirBoundWithTheTaskAsItIs() async throws {
        try await Bench.run({ $0.timeScale = 100 }) { bench in
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", ["prompt": "slow", "wait_for": "stored", "wait_ms": 50]))
            let answer = try await klingd.response(to: 1)
            #expect(answer["error"] == nil)
            #expect(answer["result"]?["state"] != "stored")
            klingd.send(.request(2, "generate", ["prompt": "slow", "wait_for": "queued"]))
            #expect(try await klingd.response(to: 2)["result"]?["id"] != nil)
            klingd.send(.request(3, "generate", ["prompt": "slow"]))
            let submitted = try await klingd.response(to: 3)
            #expect(submitted["result"]?["state"] == "submitted")
            #expect(submitted["result"]?["task_id"]?.stringValue?.count == 18)

            // A cancelled request is answered too, at once.
            let id = try #require(submitted["result"]?["id"])
            klingd.send(.request("w", "status", ["id": id, "wait_for": "stored"]))
            klingd.send(#"{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"w"}}"#)
            #expect(try await klingd.response(to: "w")["result"]?["id"] == id)
            klingd.signal(SIGTERM)
            #expect(await klingd.exitCode() == 0)
        }
    }

    @Test func aRehearsalTellsWhatWouldBeSentAndSendsNothing() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", ["prompt": "a hill", "n": 3, "dry_run": true]))
            let answer = try await klingd.response(to: 1)
            #expect(answer["result"]?["dry_run"] == true)
            #expect(answer["result"]?["charged"] == "no")
            #expect(answer["result"]?["would_send"]?["parameters"]?["model_name"] == "kling-v3")
            #expect(answer["result"]?["would_send"]?["images"] == 3)
            #expect(answer["result"]?["would_store"]?["storage"] == .string("file://\(bench.images.path)"))
            klingd.send(.request(2, "list", [:]))
            #expect(try await klingd.response(to: 2)["result"]?["tasks"] == [])
            klingd.closeInput()
            _ = await klingd.exitCode()
            #expect(try await bench.bill()["creates_received"] == 0)
        }
    }

    @Test func oneKeyIsOneTaskHoweverOftenItIsAskedFor() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            let params: JSONValue = ["prompt": "once", "idempotency_key": "k", "wait_for": "stored"]
            for id in 1...20 { klingd.send(.request(.integer(Int64(id)), "generate", params)) }
            var ids: Set<String> = []
            for id in 1...20 {
                let answer = try await klingd.response(to: .integer(Int64(id)))
                #expect(answer["result"]?["state"] == "stored")
                ids.insert(try #require(answer["result"]?["id"]?.stringValue))
            }
            #expect(ids.count == 1)
            klingd.send(.request(21, "generate", ["prompt": "another", "idempotency_key": "k"]))
            let conflict = try await klingd.response(to: 21)
            #expect(conflict["error"]?["data"]?["kind"] == "conflict")
            #expect(conflict["error"]?["data"]?["charged"] == "no")
            let first = try #require(ids.first)
            #expect(conflict["error"]?["message"]?.stringValue?.contains(first) == true)
            #expect(try await bench.paidTasks() == 1)
        }
    }

    @Test func tasksAreFoundListedAndAdopted() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            for index in 1...3 {
                klingd.send(
                    .request(.integer(Int64(index)), "generate", ["prompt": "p\(index)", "wait_for": "stored"])
                )
            }
            var tasks: [JSONValue] = []
            for index in 1...3 {
                tasks.append(try #require(try await klingd.response(to: .integer(Int64(index)))["result"]))
            }
            let taskID = try #require(tasks[0]["task_id"])
            klingd.send(.request(4, "status", ["task_id": taskID]))
            #expect(try await klingd.response(to: 4)["result"]?["id"] == tasks[0]["id"])

            klingd.send(.request(5, "list", ["limit": 2]))
            let page = try await klingd.response(to: 5)
            #expect(page["result"]?["tasks"]?.arrayValue?.count == 2)
            let cursor = try #require(page["result"]?["next_cursor"])
            klingd.send(.request(6, "list", ["limit": 2, "cursor": cursor, "state": "stored"]))
            let rest = try await klingd.response(to: 6)
            #expect(rest["result"]?["tasks"]?.arrayValue?.count == 1)
            #expect(rest["result"]?["next_cursor"] == nil)

            // Another klingd, with a ledger of its own, takes a job over by the provider's id.
            let other = try bench.start()
            other.send(.request(1, "watch", ["task_id": taskID]))
            let adopted = try await other.response(to: 1)
            let id = try #require(adopted["result"]?["id"])
            other.send(.request(2, "status", ["id": id, "wait_for": "stored"]))
            #expect(try await other.response(to: 2)["result"]?["state"] == "stored")
            other.send(.request(3, "watch", ["task_id": "100000000000000000"]))
            #expect(try await other.response(to: 3)["error"]?["data"]?["kind"] == "not_found")
            #expect(try await bench.paidTasks() == 3)
        }
    }

    @Test func aPictureOfOnesOwnIsSentWithoutItsDataPrefix() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", ["prompt": "source", "wait_for": "stored"]))
            let source = try #require(try await klingd.response(to: 1)["result"]?.path(ofImage: 0))
            let base64 = try Data(contentsOf: URL(fileURLWithPath: source)).base64EncodedString()
            let forms: [String] = [source, "file://" + source, base64, "data:image/png;base64," + base64]
            for (index, form) in forms.enumerated() {
                let id = JSONValue.integer(Int64(index + 2))
                klingd.send(
                    .request(id, "generate", ["prompt": "again", "image": .string(form), "wait_for": "stored"])
                )
                let answer = try await klingd.response(to: id)
                #expect(answer["result"]?["state"] == "stored")
                #expect((answer["result"]?["request"]?["image"]?.stringValue?.utf8.count ?? .max) < 4096)
            }
            #expect(try await bench.paidTasks() == 5)
        }
    }

    @Test func withoutAKeyNothingIsSpentAndTheWayIsShown() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-test-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let klingd = try KlingdProcess(["--storage", "file://\(folder.path)", "--state", folder.path + "/state"])
        klingd.send(.request(1, "server-info", [:]))
        let info = try await klingd.response(to: 1)
        #expect(info["result"]?["provider"] == "cometapi")
        klingd.send(.request(2, "generate", ["prompt": "x"]))
        let refused = try await klingd.response(to: 2)
        #expect(refused["error"]?["data"]?["kind"] == "no_credentials")
        #expect(refused["error"]?["data"]?["charged"] == "no")
        let message = try #require(refused["error"]?["message"]?.stringValue)
        #expect(message.contains("COMETAPI_KEY") && message.contains("--provider simulator"))
        klingd.closeInput()
        #expect(await klingd.exitCode() == 0)
    }
}
