import JSON
import Testing

@testable import GenerationTasks
@testable import JSONRPC
@testable import RPCInterface

@Suite(.timeLimit(.minutes(1))) struct OpenRPCDocumentTests {
    private let document = OpenRPCDocument.json

    private var described: [JSONValue] { document["methods"]?.arrayValue ?? [] }

    @Test func itListsEveryMethodOfTheRegistryOnceButForItsOwn() {
        let names = described.compactMap { $0["name"]?.stringValue }
        #expect(names + ["rpc.discover"] == Method.all.map(\.name))
        #expect(Set(names).count == names.count)
    }

    @Test func itIsTheTextThatIsServed() throws {
        #expect(try JSONValue.parse(OpenRPCDocument.text) == document)
    }

    @Test func everyReferenceLeadsSomewhere() {
        let references = Self.references(in: document)
        #expect(references.count > 30)
        for reference in references {
            var place: JSONValue? = document
            for name in reference.split(separator: "/").dropFirst() { place = place?[String(name)] }
            #expect(place != nil, "\(reference)")
        }
    }

    private static func references(in value: JSONValue) -> [String] {
        switch value {
        case .object(let object):
            object.members.flatMap { member in
                member.name == "$ref" ? [member.value.stringValue ?? ""] : references(in: member.value)
            }
        case .array(let elements): elements.flatMap(references)
        case .null, .bool, .integer, .real, .string: []
        }
    }

    @Test(arguments: Method.all.map(\.name)) func whatIsDeclaredIsWhatIsTaken(name: String) throws {
        let method = try #require(Method.all.first { $0.name == name })
        for param in method.params {
            #expect(throws: Never.self, "\(param.name)") {
                try method.refuseUnknown([param.name: .null])
            }
        }
        let error = #expect(throws: RPCError.self) { try method.refuseUnknown(["undeclared": 1]) }
        #expect(error?.code == -32602)
        #expect(error?.data?["pointer"] == "/undeclared")
        #expect(Set(method.exactlyOne).isSubset(of: method.params.map(\.name)))
        let described = described.first { $0["name"] == .string(name) }
        guard name != "rpc.discover" else { return }
        let names = described?["params"]?.arrayValue?.compactMap { $0["name"]?.stringValue }
        #expect(names == method.params.map(\.name))
    }

    /// By code and kind: a method lists copies, since not every tool follows references there.
    @Test func theErrorsOfMethodsStandInTheTable() throws {
        let table = try #require(document["components"]?["errors"]?.objectValue).members.map(\.value)
        for method in described {
            let errors = try #require(method["errors"]?.arrayValue)
            #expect(errors.allSatisfy { table.contains($0) }, "\(method["name"] ?? nil)")
            #expect(Set(errors.compactMap { $0["code"]?.integerValue }).count == errors.count)
            #expect(errors.contains { $0["code"] == -32602 })
        }
    }

    @Test(arguments: ErrorKind.all.map(\.rawValue)) func everyKindOfErrorStandsInTheTable(name: String) throws {
        let kind = try #require(ErrorKind(rawValue: name))
        let error = try #require(document["components"]?["errors"]?[name])
        #expect(error["code"] == .integer(kind.code))
        #expect(error["data"]?["kind"] == .string(name))
        #expect(error["message"]?.stringValue?.isEmpty == false)
    }

    /// Those of the messages themselves, as JSON-RPC numbers them; a message that is too large is no request of ours.
    @Test func theErrorsOfMessagesStandInTheTableToo() throws {
        let errors = try #require(document["components"]?["errors"]?.objectValue)
        let codes: [(String, JSONValue)] = [
            ("parse_error", -32700), ("invalid_request", -32600), ("message_too_large", -32600),
            ("method_not_found", -32601), ("invalid_params", -32602),
        ]
        for (name, code) in codes { #expect(errors[name]?["code"] == code, "\(name)") }
        #expect(errors.members.count == ErrorKind.all.count + 4)
        let invalid = RPCError.invalidParams("")
        #expect(invalid.code == ErrorKind.invalidParams.code)
        #expect(invalid.data?["kind"] == .string(ErrorKind.invalidParams.rawValue))
    }

    @Test func dataOfAnErrorMayHoldEveryKindOfTheTable() throws {
        let schema = document["components"]?["schemas"]?["error-data"]
        let words = try #require(schema?["properties"]?["kind"]?["enum"]?.arrayValue)
        let kinds = words.compactMap(\.stringValue)
        let table = try #require(document["components"]?["errors"]?.objectValue)
        #expect(Set(kinds) == Set(table.members.compactMap { $0.value["data"]?["kind"]?.stringValue }))
        #expect(Set(kinds).count == kinds.count)
    }

    @Test func paramsAreClosedAndResultsAreOpen() throws {
        let schemas = try #require(document["components"]?["schemas"]?.objectValue)
        for member in schemas.members where member.value["type"] == "object" {
            let isClosed = member.value["additionalProperties"] == false
            #expect(isClosed == (member.name == "cancel-request.params"), "\(member.name)")
        }
    }

    @Test func theNotificationsStandBesideTheMethods() {
        let notifications = document["x-notifications"]?.arrayValue ?? []
        #expect(notifications.compactMap { $0["name"]?.stringValue } == ["$/cancelRequest", "task-updated"])
    }
}
