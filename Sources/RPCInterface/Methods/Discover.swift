import JSON
import JSONRPC

extension Method {
    /// Of OpenRPC, not of this protocol: not in the document that it answers.
    static let discover = Method(
        name: "rpc.discover",
        summary: "Answers the OpenRPC document of the protocol.",
        params: [],
        result: JSONSchema.Named("openrpc", .object()),
        errors: [],
        examples: []
    ) { _, _, writer in
        OpenRPCDocument.text.withUnsafeBytes { writer.raw($0) }
        return .written
    }
}
