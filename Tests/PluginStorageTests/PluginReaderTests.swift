import JSON
import JSONRPC
import Testing

@testable import PluginStorage

@Suite struct PluginReaderTests {
    private func read(_ text: String, secrets: [String: String] = [:], blocks: Int = .max) -> [PluginMessage] {
        var reader = PluginReader(limits: PluginLimits(), redactor: SecretRedactor(secrets))
        var messages: [PluginMessage] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            messages += Array(rest.prefix(blocks)).withUnsafeBytes { reader.receive($0) }
            rest = rest.dropFirst(blocks)
        }
        return messages
    }

    private func fault(_ text: String) -> String? {
        guard case .fault(let fault) = read(text + "\n").first else { return nil }
        return fault.text
    }

    @Test(arguments: [1, 7, Int.max])
    func messagesAreReadHoweverTheyArrive(blocks: Int) {
        let text = """
            {"jsonrpc":"2.0","id":7,"result":{"size":1}}\r
            {"jsonrpc":"2.0","method":"$/progress","params":{"id":7,"bytes":12}}

            {"jsonrpc":"2.0","id":8,"error":{"code":10015,"message":"full","data":{"kind":"storage_full"}}}
            {"jsonrpc":"2.0","method":"$/log","params":{"level":"error","message":"oh"}}

            """
        let full = RPCError(code: 10015, message: "full", data: ["kind": "storage_full"])
        #expect(
            read(text, blocks: blocks) == [
                .answer(id: 7, .success(["size": 1])), .progress(id: 7), .answer(id: 8, .failure(full)),
                .log(level: "error", message: "oh"),
            ]
        )
    }

    @Test(arguments: [
        ("hello", "is no message (not JSON"),
        (#"{"jsonrpc":"2.0","id":1}"#, "is no message ('method' is missing)"),
        (#"{"id":1,"result":{}}"#, "can't be read (a response without version or valid id)"),
        (#"{"jsonrpc":"2.0","id":1,"error":{"message":"x"}}"#, "can't be read (an error without code or message)"),
        (#"{"jsonrpc":"2.0","id":"1","result":{}}"#, #"a request with the id "1", which was never made"#),
        (#"{"jsonrpc":"2.0","id":1.0,"result":{}}"#, "a request with the id 1.0, which was never made"),
        (
            #"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"eh?"}}"#,
            "could not read a message of klingd: eh?"
        ),
        (#"{"jsonrpc":"2.0","id":1,"method":"x"}"#, "asked for 'x'"),
        (#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#, "wrote a batch"),
        (#"{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}"#, "?"),
    ])
    func whatIsNotAllowedIsNamed(line: String, told: String) {
        guard told != "?" else {
            // Nobody knows which of two members counts, but whose answer it is.
            guard case .answer(1, .failure(let error)) = read(line + "\n").first else {
                Issue.record("an answer was expected")
                return
            }
            #expect(error.message.contains("duplicate"))
            return
        }
        #expect(fault(line)?.contains(told) == true, "\(fault(line) ?? "no fault")")
    }

    @Test func nothingIsReadAfterAFault() {
        let messages = read("hello\n{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n")
        #expect(messages.count == 1)
    }

    @Test func ofGarbageTheFirst200BytesAreShown() throws {
        let told = fault(String(repeating: "é", count: 5000))
        let fault = try #require(told)
        #expect(fault.contains(String(repeating: #"\xc3\xa9"#, count: 100) + "\" …;"))
        #expect(fault.utf8.count < 1200)
    }

    @Test func aLineMayBeAsLongAsTheLimitAndNoLonger() {
        let frame = #"{"jsonrpc":"2.0","id":1,"result":""}"#
        let room = PluginLimits().line - frame.utf8.count
        let fits = frame.replacing("\"\"", with: "\"\(String(repeating: "a", count: room))\"")
        #expect(fault(fits) == nil)
        #expect(fault(fits + " ")?.contains("a line of more than 1048576 bytes") == true)
    }

    @Test func secretsAreTakenOutOfErrorsLogsAndGarbage() {
        let secrets = ["password": #"pass"word"#]
        let text = #"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"for pass\"word","data":{}}}"# + "\n"
        #expect(
            read(text, secrets: secrets)
                == [.answer(id: 1, .failure(RPCError(code: 1, message: "for [secret password]", data: [:])))]
        )
        guard case .fault(let fault) = read(#"{"password": "pass\"word"}"# + "\n", secrets: secrets).first else {
            Issue.record("a fault was expected")
            return
        }
        #expect(fault.text.contains("[secret password]"))
        #expect(!fault.text.contains("pass\\"))
    }

    @Test func unknownNotificationsAreNoFault() {
        let messages = read(#"{"jsonrpc":"2.0","method":"$/moon","params":{}}"# + "\n")
        #expect(messages == [.ignored("an unknown notification: $/moon")])
    }
}
