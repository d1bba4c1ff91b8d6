import JSON
import JSONRPC
import Storage

/// The errors that a plugin answers, as klingd's own (protocol/storage-plugin.md, "Errors").
struct PluginErrors: Sendable {
    /// `klingd-storage-NAME`.
    let program: String
    /// What klingd speaks.
    static let versions: [Int64] = [1]

    func fault(_ fault: PluginFault, key: ObjectKey? = nil) -> StorageError { plugin(fault.text, key: key) }

    /// A plugin that misbehaved may be mended or behave next time: the task is worth keeping.
    func plugin(_ text: String, retryAfter: Duration? = nil, key: ObjectKey? = nil) -> StorageError {
        StorageError(.plugin, "\(program) \(text)", isRetryable: true, retryAfter: retryAfter, key: key)
    }

    /// klingd ends, or who asked wants no answer any more.
    func interrupted(_ operation: PluginOperation, _ reason: String) -> StorageError {
        StorageError(
            .unavailable,
            "\(operation.subject) was given up: \(reason)",
            isRetryable: true,
            key: operation.key
        )
    }

    func answered(_ error: RPCError, to operation: PluginOperation) -> StorageError {
        let message = Excerpt.line(error.message)
        let word = error.data?["kind"]?.stringValue
        guard let word, let (kind, retryable) = Self.kinds[word] else {
            return refused(error, word, message, operation)
        }
        return StorageError(
            kind,
            "\(program): \(message)",
            isRetryable: error.data?["retryable"]?.boolValue ?? retryable,
            retryAfter: retryAfter(error),
            key: operation.key
        )
    }

    /// `initialize` was answered with the kind `version`.
    func mismatch(_ error: RPCError) -> StorageError {
        let theirs = (error.data?["versions"]?.arrayValue ?? []).compactMap(\.integerValue)
        let ours = Self.versions
        let advice: String
        if let newest = theirs.max(), let oldest = ours.min(), newest < oldest {
            advice = "upgrade the plugin"
        } else if let oldest = theirs.min(), let newest = ours.max(), oldest > newest {
            advice = "upgrade klingd"
        } else {
            advice = "upgrade whichever is older"
        }
        let told = theirs.isEmpty ? "none that it tells (data.versions)" : theirs.list
        return StorageError(
            .configuration,
            "\(program) speaks the versions \(told) of the plugin protocol, klingd \(ours.list): \(advice)"
        )
    }

    private func refused(
        _ error: RPCError,
        _ kind: String?,
        _ message: String,
        _ operation: PluginOperation
    ) -> StorageError {
        let reason =
            switch (error.code, kind) {
            case (-32601, _): "does not know '\(operation.method)', which every plugin must"
            case (-32602, _): "refuses the parameters of \(operation.subject)"
            case (-32700, _), (-32600, _): "takes klingd's message for no request"
            case (_, let kind?):
                "answered \(operation.subject) with the kind '\(Excerpt.line(kind, limit: 40))', which is none"
            case (_, nil): "answered \(operation.subject) with an error without a kind (data.kind)"
            }
        var refused = plugin("\(reason): \(message)", retryAfter: retryAfter(error), key: operation.key)
        if let retryable = error.data?["retryable"]?.boolValue { refused.isRetryable = retryable }
        return refused
    }

    private func retryAfter(_ error: RPCError) -> Duration? {
        guard let milliseconds = error.data?["retry_after_ms"]?.numberValue, milliseconds > 0 else { return nil }
        return .milliseconds(min(milliseconds, 86_400_000))
    }

    private static let kinds: [String: (StorageErrorKind, retryable: Bool)] = [
        "storage_full": (.full, true),
        "storage_denied": (.denied, false),
        "storage_unavailable": (.unavailable, true),
        "storage_config": (.configuration, false),
        "conflict": (.conflict, false),
        "image_unavailable": (.source, true),
        "cancelled": (.unavailable, true),
    ]
}
