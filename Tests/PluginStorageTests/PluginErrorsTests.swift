import JSON
import JSONRPC
import Storage
import Testing

@testable import PluginStorage

@Suite struct PluginErrorsTests {
    private let errors = PluginErrors(program: "klingd-storage-x")
    private let operation: PluginOperation

    init() throws {
        operation = .head(try ObjectKey("a"))
    }

    private func told(_ code: Int64, _ data: JSONObject?) -> StorageError {
        errors.answered(RPCError(code: code, message: "its own\nwords", data: data), to: operation)
    }

    @Test(arguments: [
        ("storage_full", StorageErrorKind.full, true), ("storage_denied", .denied, false),
        ("storage_unavailable", .unavailable, true), ("storage_config", .configuration, false),
        ("conflict", .conflict, false), ("image_unavailable", .source, true), ("cancelled", .unavailable, true),
    ])
    func kindsAreThoseOfTheDocument(word: String, kind: StorageErrorKind, isRetryable: Bool) throws {
        let error = told(10017, ["kind": .string(word)])
        let expected = StorageError(
            kind,
            "klingd-storage-x: its own\\u{a}words",
            isRetryable: isRetryable,
            key: try ObjectKey("a")
        )
        #expect(error == expected)
        #expect(told(10017, ["kind": .string(word), "retryable": .bool(!isRetryable)]).isRetryable == !isRetryable)
    }

    @Test func whatIsNoKindIsAFaultOfThePlugin() {
        for data in [["kind": "moon"], ["kind": 3], [:], nil] as [JSONObject?] {
            let error = told(10017, data)
            #expect(error.kind == .plugin)
            #expect(error.isRetryable)
        }
        #expect(told(-32601, nil).message.contains("does not know 'head', which every plugin must"))
        #expect(told(-32602, nil).message.contains("refuses the parameters of head of a"))
        #expect(told(-32601, ["retryable": false]).isRetryable == false)
    }

    @Test(arguments: [(1500, Duration.milliseconds(1500)), (0, nil), (-5, nil), (1e300, .seconds(86_400))])
    func theTimeToWaitIsTakenWithinReason(milliseconds: Double, wait: Duration?) {
        let error = told(10017, ["kind": "storage_unavailable", "retry_after_ms": .real(milliseconds)])
        #expect(error.retryAfter == wait)
    }

    @Test(arguments: [
        ([2, 3], "upgrade klingd"), ([0], "upgrade the plugin"), ([], "upgrade whichever is older"),
    ])
    func aMismatchTellsWhichSideToUpgrade(versions: [Int64], advice: String) {
        let data: JSONObject = ["kind": "version", "versions": .array(versions.map(JSONValue.integer))]
        let error = errors.mismatch(RPCError(code: 10025, message: "no", data: data))
        #expect(error.kind == .configuration)
        #expect(error.message.hasSuffix(advice))
    }
}
