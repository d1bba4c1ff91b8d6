import Foundation
import JSON
import KlingSimulator
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// Runs a Python program of this repository with the tests' packages; `input` is given line by line.
private func python(_ program: String, _ arguments: [String], input: [String] = []) async throws -> (
    exitCode: Int32, lines: [String]
) {
    let process = try KlingdProcess(
        [root.appendingPathComponent(program).path] + arguments,
        program: root.appendingPathComponent(".build-python/venv/bin/python").path
    )
    for line in input { process.send(line) }
    process.closeInput()
    let code = await process.exitCode()
    return (code, process.lines + (await process.allErrors()).split(separator: "\n").map(String.init))
}

/// A value of the wire with the definition of `protocol/schemas/native.json` that it is to satisfy.
private struct Sample {
    var definition: String
    var value: JSONValue

    /// What the schemas find wrong with the samples, a line each.
    static func faults(of samples: [Sample]) async throws -> [String] {
        let lines = samples.map { sample in
            let line: JSONValue = ["definition": .string(sample.definition), "value": sample.value]
            return line.description
        }
        let schemas = root.appendingPathComponent("protocol/schemas/native.json").path
        let (code, faults) = try await python("Tests/OpenRPC/check.py", ["values", schemas], input: lines)
        #expect((code == 0) == faults.isEmpty, "\(faults)")
        return faults
    }
}

/// The committed OpenRPC document and schemas are what the binary serves, and true of what it says.
@Suite(.timeLimit(.minutes(10))) struct OpenRPCTests {
    private let document: JSONValue

    init() throws {
        let file = root.appendingPathComponent("protocol/openrpc.json")
        document = try JSONValue.parse(Array(try Data(contentsOf: file)))
    }

    private var methods: [JSONValue] { document["methods"]?.arrayValue ?? [] }

    @Test func theCommittedFilesAreWhatTheBinaryServes() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-protocol-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let (code, output) = try await python(".ci/protocol", [KlingdProcess.binary, folder.path])
        #expect(code == 0, "\(output)")
        for file in ["openrpc.json", "schemas/native.json"] {
            let served = try Data(contentsOf: folder.appendingPathComponent(file))
            let committed = try Data(contentsOf: root.appendingPathComponent("protocol").appendingPathComponent(file))
            #expect(served == committed, "protocol/\(file) is out of date: make protocol")
        }
    }

    @Test func theDocumentIsOpenRPCAndItsExamplesAreOfItsSchemas() async throws {
        let file = root.appendingPathComponent("protocol/openrpc.json").path
        let (code, faults) = try await python("Tests/OpenRPC/check.py", ["document", file])
        #expect(code == 0 && faults.isEmpty, "\(faults)")
    }

    /// The check itself: what another OpenRPC tool would stumble over is found.
    @Test(arguments: [
        (#""openrpc": "1.4.0""#, #""openrpc": "1.3.2""#),
        (#""paramStructure": "by-name""#, #""paramStructure": "named""#),
        (#""title": "klingd","#, ""), (#""code": 10002"#, #""code": "10002""#),
        (##""$ref": "#/components/schemas/task""##, ##""$ref": "#/components/schemas/tusk""##),
        (#""type": "string""#, #""type": "strong""#), (#""name": "status""#, #""name": "list""#),
        (#""value": "stored""#, #""value": "sorted""#), (#""summary": "Lists"#, #""sumary": "Lists"#),
    ])
    func aFaultOfTheDocumentIsFound(text: String, fault: String) async throws {
        let committed = root.appendingPathComponent("protocol/openrpc.json")
        let broken = try String(contentsOf: committed, encoding: .utf8).replacingOccurrences(of: text, with: fault)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-openrpc-\(UUID()).json")
        try broken.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        #expect(try await python("Tests/OpenRPC/check.py", ["document", file.path]).exitCode == 1)
    }

    @Test func whatEveryMethodAnswersIsAsTheSchemasSay() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            var samples: [Sample] = []
            func ask(_ method: String, _ params: JSONValue = [:]) async throws -> JSONValue {
                let result = try await klingd.ask(method, params)
                samples.append(Sample(definition: "\(method).params", value: params))
                samples.append(Sample(definition: "\(method).result", value: result))
                return result
            }
            let first: JSONValue = [
                "prompt": "a lighthouse", "n": 2, "aspect_ratio": "3:2", "idempotency_key": "k", "wait_for": "stored",
            ]
            let id = try #require(try await ask("generate", first)["id"])
            _ = try await ask("generate", ["prompt": "p", "dry_run": true])
            _ = try await ask("generate", ["prompt": "something forbidden"])
            _ = try await ask("generate", ["prompt": "risk control", "wait_for": "stored", "wait_ms": 60_000])
            let taskID = try #require(try await ask("status", ["id": id, "wait_for": "stored"])["task_id"])
            _ = try await ask("status", ["task_id": taskID])
            let page = try await ask("list", ["state": "failed", "watch": "ended", "limit": 1])
            _ = try await ask("list", ["cursor": try #require(page["next_cursor"])])
            _ = try await ask("watch", ["id": id])
            _ = try await ask("cancel-watch", ["task_id": taskID])
            let changes = try await ask("events", ["limit": 2])
            _ = try await ask("events", ["after": try #require(changes["next"])])
            let info = try await ask("server-info")
            _ = try await ask("rpc.discover")
            #expect(info["protocol_revision"].map { "\($0)" } == document["info"]?["version"]?.stringValue)
            let served = methods.compactMap { $0["name"] } + ["rpc.discover"]
            #expect(info["methods"]?.arrayValue == served)

            for (method, params) in [
                ("status", ["id": "0199c0de-0000-7000-8000-000000000000"]),
                ("generate", ["prompt": "p", "idempotency_key": "k"]), ("generate", ["promt": "p"]),
                ("generate", ["prompt": "p", "storage": "s3://elsewhere"]),
                ("generate", ["prompt": "p", "resolution": "2k"]), ("generate", ["prompt": "p", "image": "/none"]),
                ("watch", ["task_id": "1"]), ("resolve", ["id": id, "abandon": true]), ("list", ["cursor": "x"]),
                ("events", ["after": "x"]),
            ] as [(String, JSONValue)] {
                let refusal = try await klingd.refusal(of: method, params)
                let listed = methods.first { $0["name"] == .string(method) }?["errors"]?.arrayValue ?? []
                #expect(
                    listed.contains {
                        $0["code"] == refusal["code"] && $0["data"]?["kind"] == refusal["data"]?["kind"]
                    },
                    "\(method) does not list \(refusal)"
                )
            }
            _ = try await klingd.refusal(of: "no-such-method", [:])
            klingd.send("no JSON")
            klingd.send("[\(Array(repeating: "1", count: 101).joined(separator: ","))]")
            klingd.send(#"[{"jsonrpc":"2.0","id":"b","method":"server-info"},1]"#)
            klingd.closeInput()
            #expect(await klingd.exitCode() == 0)
            for message in klingd.messages {
                samples.append(
                    Sample(definition: message.arrayValue == nil ? "server.message" : "server.batch", value: message)
                )
            }
            #expect(klingd.messages.contains { $0["method"] == "task-updated" })
            #expect(klingd.messages.contains { $0["error"]?["data"]?["limit"] != nil })
            #expect(try await Sample.faults(of: samples) == [])

            // And what is not so is found.
            let lies = samples.filter { $0.definition.hasSuffix(".result") && $0.value["id"] != nil }.map { sample in
                var object = sample.value.objectValue ?? [:]
                object["state"] = "finished"
                return Sample(definition: sample.definition, value: .object(object))
            }
            #expect(try await Sample.faults(of: lies).count == lies.count)
        }
    }

    @Test func aTaskOfUnknownOutcomeAndItsResolutionAreAsTheSchemasSay() async throws {
        try await Bench.run({ $0.findsByExternalID = false }) { bench in
            try await bench.fault(["on": "create", "kind": "taken_then_cut"])
            let klingd = try bench.start()
            let id = try #require(try await klingd.ask("generate", ["prompt": "p", "wait_for": "queued"])["id"])
            _ = try await klingd.message { $0["params"]?["task"]?["state"] == "unresolved" }
            let params: JSONValue = ["id": id, "abandon": true]
            let resolved = try await klingd.ask("resolve", params)
            var samples = klingd.messages.map { Sample(definition: "server.message", value: $0) }
            samples.append(Sample(definition: "resolve.params", value: params))
            samples.append(Sample(definition: "resolve.result", value: resolved))
            #expect(try await Sample.faults(of: samples) == [])
        }
    }

    /// A param that is declared and not read would be passed over in silence; one that is read and not declared could
    /// never be given.
    @Test func everyDeclaredParamIsReadAndNoOtherIsTaken() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start(["--api-revision", "current"])
            for method in methods {
                let name = try #require(method["name"]?.stringValue)
                var valid: JSONObject = [:]
                for param in method["examples"]?[0]?["params"]?.arrayValue ?? [] {
                    valid[param["name"]?.stringValue ?? ""] = param["value"]
                }
                let params = method["params"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
                for param in params {
                    var wrong = valid
                    wrong[param] = param == "element_list" ? true : []
                    // One of two that exclude one another is enough.
                    let others = method["x-exactly-one-of"]?.arrayValue?.compactMap(\.stringValue) ?? []
                    if others.contains(param) { for other in others where other != param { wrong[other] = nil } }
                    if param == "storage", name == "watch" { wrong["id"] = nil; wrong["task_id"] = "1" }
                    let refusal = try await klingd.refusal(of: name, .object(wrong))
                    #expect(refusal["code"] == -32602, "\(name) \(param): \(refusal)")
                    #expect(refusal["data"]?["pointer"] == .string("/\(param)"), "\(name): \(refusal)")
                    #expect(refusal["message"]?.stringValue?.contains("unknown") == false, "\(name): \(refusal)")
                }
                var wrong = valid
                wrong["undeclared"] = 1
                let refusal = try await klingd.refusal(of: name, .object(wrong))
                #expect(refusal["code"] == -32602)
                #expect(refusal["data"]?["pointer"] == "/undeclared", "\(name): \(refusal)")
            }
            #expect(try await bench.bill()["creates_received"] == 0)
        }
    }
}
