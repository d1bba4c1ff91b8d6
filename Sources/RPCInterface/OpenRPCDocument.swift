import GenerationTasks
import JSON
import KlingService

/// The protocol for programs, as OpenRPC 1.4 has it, made from the registry that dispatches.
///
/// Made when it is first asked for. It is the same for every klingd of this revision, whatever its settings.
enum OpenRPCDocument {
    static let text = json.serialized

    static let json: JSONValue = [
        "openrpc": "1.4.0",
        "info": [
            "title": "klingd",
            "version": .string("\(ServerIdentity.protocolRevision)"),
            "description": .string(about),
            "license": ["name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"],
        ],
        "methods": .array(methods.map(describe)),
        "components": [
            "schemas": .object(JSONObject(schemas.map { .init(name: $0.name, value: json($0.schema)) })),
            "errors": .object(JSONObject(ErrorTable.entries.map { .init(name: $0.name, value: describe($0)) })),
        ],
        "x-notifications": .array(NotificationDescription.all.map(describe)),
    ]

    private static let about = """
        The native protocol of klingd, which makes images with Kling and stores them: JSON-RPC 2.0, one message a line, \
        on stdin and stdout. The version is the protocol's revision: a revision adds members, methods and kinds of \
        errors, and takes nothing away. Params are given by name; null counts as not given. Where settings of klingd \
        allow less than a schema, its description says so; the error then tells what is allowed. An error's data is \
        the schema error-data; any request may also be answered with the errors that no method lists: parse_error, \
        invalid_request, message_too_large and method_not_found. x-notifications lists the messages that are not \
        answered, x-exactly-one-of params of which exactly one is given.
        """

    /// Without those that JSON-RPC reserves for extensions of itself (section 4), such as the one that answers this.
    static let methods = Method.all.filter { !$0.name.hasPrefix("rpc.") }

    private static let schemas: [JSONSchema.Named] =
        GenerationTask.schemas + [GenerationService.rehearsalSchema, GenerationService.countersSchema]
        + methods.map { $0.result() }.filter { $0.name != GenerationTask.schema.name }
        + MessageSchemas.all

    private static func json(_ schema: JSONSchema) -> JSONValue {
        schema.json(definitionsAt: "#/components/schemas/")
    }

    private static func describe(_ method: Method) -> JSONValue {
        let result = method.result()
        let kinds = [ErrorKind.invalidParams] + method.errors()
        var description: JSONObject = [
            "name": .string(method.name),
            "summary": .string(method.summary),
            "paramStructure": "by-name",
            "params": .array(method.params.map(describe)),
            "result": ["name": .string(result.name), "schema": json(result.reference)],
            // Not as references, which some tools do not follow here.
            "errors": .array(kinds.map { describe(ErrorTable.Entry($0)) }),
            "examples": .array(method.examples().map(describe)),
        ]
        if !method.exactlyOne.isEmpty {
            description["x-exactly-one-of"] = .array(method.exactlyOne.map(JSONValue.string))
        }
        return .object(description)
    }

    private static func describe(_ param: JSONSchema.Property) -> JSONValue {
        let schema = param.schema
        var descriptor: JSONObject = ["name": .string(param.name)]
        descriptor["description"] = schema.description.map(JSONValue.string)
        descriptor["required"] = .bool(param.isRequired)
        descriptor["schema"] = json(schema.described(nil))
        return .object(descriptor)
    }

    private static func describe(_ example: Method.Example) -> JSONValue {
        [
            "name": .string(example.name),
            "params": .array(example.params.members.map { ["name": .string($0.name), "value": $0.value] }),
            "result": ["name": "result", "value": example.result],
        ]
    }

    private static func describe(_ entry: ErrorTable.Entry) -> JSONValue {
        [
            "code": .integer(entry.code),
            "message": .string(entry.meaning),
            "data": ["kind": .string(entry.kind)],
        ]
    }

    private static func describe(_ notification: NotificationDescription) -> JSONValue {
        [
            "name": .string(notification.name),
            "direction": .string(notification.direction),
            "summary": .string(notification.summary),
            "params": json(notification.params.reference),
        ]
    }
}
