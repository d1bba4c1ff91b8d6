import JSON
import KlingSimulator
import Testing

/// What can be refused before money is spent is refused before, with the place of the fault.
@Suite(.timeLimit(.minutes(10))) struct RefusalTests {
    struct Refusal: Sendable, CustomTestStringConvertible {
        let params: JSONValue
        let pointer: String
        var revision = "classic"

        var testDescription: String { "\(revision) \(pointer) \(params.description.prefix(80))" }
    }

    private static let long = JSONValue.string(String(repeating: "é", count: 501))

    static let refusals: [Refusal] = [
        Refusal(params: [:], pointer: "/prompt"),
        Refusal(params: ["prompt": ""], pointer: "/prompt"),
        Refusal(params: ["prompt": 5], pointer: "/prompt"),
        Refusal(params: ["prompt": long], pointer: "/prompt"),
        Refusal(params: ["promt": "x"], pointer: "/promt"),
        Refusal(params: ["prompt": "x", "a/b~c": 1], pointer: "/a~1b~0c"),
        Refusal(
            params: ["prompt": "x", "negative_prompt": .string(String(repeating: "n", count: 201))],
            pointer: "/negative_prompt"
        ),
        Refusal(params: ["prompt": "x", "n": 0], pointer: "/n"),
        Refusal(params: ["prompt": "x", "n": 10], pointer: "/n"),
        Refusal(params: ["prompt": "x", "n": 1.5], pointer: "/n"),
        Refusal(params: ["prompt": "x", "n": "2"], pointer: "/n"),
        Refusal(params: ["prompt": "x", "aspect_ratio": "5:4"], pointer: "/aspect_ratio"),
        Refusal(params: ["prompt": "x", "aspect_ratio": "21:9"], pointer: "/aspect_ratio"),
        Refusal(params: ["prompt": "x", "image_fidelity": 1.01], pointer: "/image_fidelity"),
        Refusal(params: ["prompt": "x", "image_fidelity": -0.1], pointer: "/image_fidelity"),
        Refusal(params: ["prompt": "x", "image_fidelity": "high"], pointer: "/image_fidelity"),
        Refusal(params: ["prompt": "x", "image": "not base64!"], pointer: "/image"),
        Refusal(params: ["prompt": "x", "image": "aGVsbG8="], pointer: "/image"),
        Refusal(params: ["prompt": "x", "image": "/nowhere/picture.png"], pointer: "/image"),
        Refusal(params: ["prompt": "x", "image": "file:///etc"], pointer: "/image"),
        Refusal(params: ["prompt": "x", "image": "ftp://example.com/a.png"], pointer: "/image"),
        Refusal(params: ["prompt": "x", "image": ["a"]], pointer: "/image"),
        Refusal(params: ["prompt": "x", "callback_url": "nowhere"], pointer: "/callback_url"),
        Refusal(params: ["prompt": "x", "model_name": 3], pointer: "/model_name"),
        Refusal(params: ["prompt": "x", "external_task_id": [:]], pointer: "/external_task_id"),
        Refusal(params: ["prompt": "x", "resolution": "2k"], pointer: "/resolution"),
        Refusal(params: ["prompt": "x", "element_list": [["element_id": 1]]], pointer: "/element_list"),
        Refusal(params: ["prompt": "x", "storage": "file:///etc"], pointer: "/storage"),
        Refusal(params: ["prompt": "x", "storage": "s3://bucket"], pointer: "/storage"),
        Refusal(params: ["prompt": "x", "storage": 1], pointer: "/storage"),
        Refusal(params: ["prompt": "x", "idempotency_key": ""], pointer: "/idempotency_key"),
        Refusal(
            params: ["prompt": "x", "idempotency_key": .string(String(repeating: "k", count: 257))],
            pointer: "/idempotency_key"
        ),
        Refusal(params: ["prompt": "x", "wait_for": "done"], pointer: "/wait_for"),
        Refusal(params: ["prompt": "x", "wait_ms": -1], pointer: "/wait_ms"),
        Refusal(params: ["prompt": "x", "wait_ms": 3_600_001], pointer: "/wait_ms"),
        Refusal(params: ["prompt": "x", "dry_run": "yes"], pointer: "/dry_run"),
        Refusal(
            params: ["prompt": .string(String(repeating: "p", count: 2501))],
            pointer: "/prompt",
            revision: "current"
        ),
        Refusal(params: ["prompt": "x", "resolution": "8k"], pointer: "/resolution", revision: "current"),
        Refusal(params: ["prompt": "x", "human_fidelity": 2], pointer: "/human_fidelity", revision: "current"),
        Refusal(
            params: ["prompt": "x", "image_reference": "subject"],
            pointer: "/image_reference",
            revision: "current"
        ),
    ]

    @Test(arguments: ["classic", "current"])
    func everyRefusalComesBeforeAnyRequestIsMade(revision: String) async throws {
        let refusals = Self.refusals.filter { $0.revision == revision }
        try await Bench.run { bench in
            let klingd = try bench.start(["--api-revision", revision])
            for (index, refusal) in refusals.enumerated() {
                klingd.send(.request(.integer(Int64(index)), "generate", refusal.params))
            }
            for (index, refusal) in refusals.enumerated() {
                let answer = try await klingd.response(to: .integer(Int64(index)))
                let error = try #require(answer["error"], "\(refusal.testDescription) was taken")
                #expect(error["data"]?["pointer"] == .string(refusal.pointer), "\(refusal.testDescription): \(error)")
                #expect(error["data"]?["charged"] == "no")
                #expect(error["message"]?.stringValue?.isEmpty == false)
            }
            klingd.send(.request("list", "list", [:]))
            #expect(try await klingd.response(to: "list")["result"]?["tasks"] == [])
            let bill = try await bench.bill()
            #expect(bill["creates_received"] == 0)
            #expect(bill["look_ups"] == 0)
        }
    }

    @Test func whatTheOlderLimitsRefuseAndTheNewerAllowIsSaid() async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            klingd.send(.request(1, "generate", ["prompt": Self.long]))
            let message = try await klingd.response(to: 1)["error"]?["message"]?.stringValue
            #expect(message?.contains("--api-revision current") == true)
        }
    }

    struct Misuse: Sendable {
        let method: String
        let params: JSONValue
        let kind: String
    }

    static let misuses: [Misuse] = [
        Misuse(method: "status", params: [:], kind: "invalid_params"),
        Misuse(method: "status", params: ["id": "x"], kind: "not_found"),
        Misuse(method: "status", params: ["id": "01a20a52-23e8-7394-8236-9fbdba22c202"], kind: "not_found"),
        Misuse(method: "status", params: ["task_id": "123"], kind: "not_found"),
        Misuse(method: "status", params: ["id": "x", "task_id": "y"], kind: "invalid_params"),
        Misuse(method: "status", params: ["idd": "x"], kind: "invalid_params"),
        Misuse(method: "cancel-watch", params: ["id": "x"], kind: "not_found"),
        Misuse(method: "watch", params: ["id": 5], kind: "invalid_params"),
        Misuse(method: "list", params: ["limit": 0], kind: "invalid_params"),
        Misuse(method: "list", params: ["limit": 1001], kind: "invalid_params"),
        Misuse(method: "list", params: ["state": "done"], kind: "invalid_params"),
        Misuse(method: "list", params: ["cursor": "nonsense"], kind: "invalid_params"),
        Misuse(method: "server-info", params: ["verbose": true], kind: "invalid_params"),
        Misuse(method: "generate", params: [1, 2], kind: "invalid_params"),
        Misuse(method: "generat", params: [:], kind: "method_not_found"),
        Misuse(method: "rpc.stop", params: [:], kind: "method_not_found"),
    ]

    @Test(arguments: misuses) func theOtherMethodsRefuseWithAKind(misuse: Misuse) async throws {
        try await Bench.run { bench in
            let klingd = try bench.start()
            klingd.send(.request(1, misuse.method, misuse.params))
            let error = try #require(try await klingd.response(to: 1)["error"])
            #expect(error["data"]?["kind"] == .string(misuse.kind), "\(error)")
            #expect(error["data"]?["charged"] == "no")
        }
    }
}
