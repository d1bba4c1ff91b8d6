import JSON
package import Storage
import Synchronization
package import SystemPackage

/// Keeps objects through a storage plugin: a program of anybody's, `klingd-storage-NAME` for `NAME://…`
/// (protocol/storage-plugin.md).
///
/// The program is started when it is first needed, and is shut down when nothing has been asked of it for a while.
/// Whatever it does wrong becomes a ``StorageError`` that says what; klingd stays up.
package final class PluginStorage: StorageBackend {
    /// Gives secrets by their names.
    package typealias Secrets = @Sendable () throws(StorageError) -> [String: String]

    package let url: StorageURL

    private let host: PluginHost
    private let errors: PluginErrors
    private let names = Atomic<UInt64>(0)

    /// Does no input or output. Throws ``StorageErrorKind/configuration`` when the scheme can't name a plugin or an
    /// option is none.
    package init(url: StorageURL, options: PluginStorageOptions) throws(StorageError) {
        let launcher = try PluginLauncher(url: url, options: options)
        self.url = url
        host = PluginHost(launcher)
        errors = PluginErrors(program: launcher.locator.program)
    }

    /// What the plugin declared; nothing until it has been started once, which ``prepare()`` does.
    package var capabilities: StorageCapabilities { host.handshake?.capabilities ?? StorageCapabilities() }

    /// Starts the plugin, if it does not run, and shakes hands with it.
    package func prepare() async throws(StorageError) {
        try await host.ask(.prepare) { _, _ in .success(()) }
    }

    /// Stores the file and compares what `head` says then: nothing else is believed.
    @discardableResult
    package func put(_ request: PutRequest) async throws(StorageError) -> StoredObject {
        let said = try await ask(.put(request)) { answer, context throws(JSONDecodingError) in
            var put = try PluginAnswers.put(answer)
            put.uri = put.uri.map { context?.redactor.redact($0) ?? $0 }
            return put
        }
        let claims = "claims to have stored \(said.size) bytes under \(request.key)"
        guard said.size == request.size else {
            throw lie("\(claims), but was given a file of \(request.size)", request.key)
        }
        if let sha256 = said.sha256, sha256 != request.sha256 {
            throw lie("\(claims) with the sha256 \(sha256), but was given a file of \(request.sha256)", request.key)
        }
        guard case .present(let found) = try await head(request.key) else {
            throw lie("\(claims), but 'head' says that nothing is there", request.key)
        }
        guard found.size == request.size else {
            throw lie("\(claims), but 'head' says \(found.size)", request.key)
        }
        if !capabilities.sha256, capabilities.get { try await compare(request, claims) }
        if capabilities.sha256, found.sha256 != request.sha256 {
            let told = found.sha256.map { "the sha256 \($0)" } ?? "no sha256, which the plugin declares to tell"
            throw lie("\(claims) with the sha256 \(request.sha256), but 'head' says \(told)", request.key)
        }
        return StoredObject(
            key: request.key,
            uri: said.uri ?? url.appending(request.key).description,
            size: request.size,
            wasThere: said.wasThere
        )
    }

    /// Reads the object back and holds it against what was to be stored, where the plugin can't tell its digest.
    private func compare(_ request: PutRequest, _ claims: String) async throws(StorageError) {
        let copy = RetrievedFile.comparisonPath(beside: request.source)
        defer { RetrievedFile.remove(copy) }
        guard case .present = try await get(request.key, to: copy) else {
            throw lie("\(claims), but 'get' says that nothing is there", request.key)
        }
        guard try RetrievedFile.sha256(of: copy) == request.sha256 else {
            throw lie("\(claims), but 'get' gives other bytes", request.key)
        }
    }

    package func head(_ key: ObjectKey) async throws(StorageError) -> ObjectState {
        try await ask(.head(key)) { answer, _ throws(JSONDecodingError) in try PluginAnswers.state(of: key, answer) }
    }

    package func delete(_ key: ObjectKey) async throws(StorageError) {
        try await ask(.delete(key)) { answer, _ throws(JSONDecodingError) in try PluginAnswers.empty(answer) }
    }

    package func list(prefix: String, after cursor: String?, limit: Int) async throws(StorageError) -> ObjectPage {
        let limit = max(limit, 1)
        return try await ask(.list(prefix: prefix, after: cursor, limit: limit)) {
            answer,
            _ throws(JSONDecodingError) in
            try PluginAnswers.page(answer, prefix: prefix, after: cursor, limit: limit)
        }
    }

    package func get(_ key: ObjectKey, to path: FilePath) async throws(StorageError) -> ObjectState {
        guard try await declared().get else {
            throw StorageError(.configuration, "\(url) can't be read back: its plugin does not declare 'get'", key: key)
        }
        let name = "get-\(names.add(1, ordering: .relaxed).newValue)"
        let operation = PluginOperation.get(key, fileName: name)
        return try await host.ask(operation) { [errors] answer, context in
            Result { () throws(StorageError) in
                let state = try Self.read(errors, operation) { () throws(JSONDecodingError) in
                    try PluginAnswers.state(of: key, answer)
                }
                guard case .present(let summary) = state, let context else { return state }
                do throws(RetrievedFile.Failure) {
                    let file = RetrievedFile(path: context.workDirectory.appending(name))
                    try file.move(to: path, expecting: summary)
                } catch {
                    switch error {
                    case .plugin(let text): throw errors.plugin(text, key: key)
                    case .own(let error): throw error
                    }
                }
                return state
            }
        }
    }

    package func presign(_ key: ObjectKey, for duration: Duration) async throws(StorageError) -> String? {
        guard try await declared().presign else { return nil }
        let seconds = max(duration.components.seconds, 1)
        return try await ask(.presign(key, seconds: seconds)) { answer, _ throws(JSONDecodingError) in
            try PluginAnswers.url(answer)
        }
    }

    /// Asks the plugin what it is, without setting it up.
    package func describe() async throws(StorageError) -> PluginDescription {
        try await ask(.describe) { answer, context throws(JSONDecodingError) in
            try PluginDescription(answer: answer, executable: context?.executable.string ?? "")
        }
    }

    /// Ends the plugin for good, within 2 s: to be called when klingd ends. What is in flight fails as
    /// ``StorageErrorKind/unavailable``, and so does what is asked afterwards.
    package func shutdown() async {
        await host.shutDown()
    }

    private func declared() async throws(StorageError) -> StorageCapabilities {
        if host.handshake == nil { try await prepare() }
        return capabilities
    }

    private func lie(_ text: String, _ key: ObjectKey) -> StorageError { errors.plugin(text, key: key) }

    private func ask<Value: Sendable>(
        _ operation: PluginOperation,
        _ read: @escaping @Sendable (JSONValue, PluginHost.Context?) throws(JSONDecodingError) -> Value
    ) async throws(StorageError) -> Value {
        try await host.ask(operation) { [errors] answer, context in
            Result { () throws(StorageError) in
                try Self.read(errors, operation) { () throws(JSONDecodingError) in try read(answer, context) }
            }
        }
    }

    /// An answer that can't be read fails its request alone.
    private static func read<Value>(
        _ errors: PluginErrors,
        _ operation: PluginOperation,
        _ read: () throws(JSONDecodingError) -> Value
    ) throws(StorageError) -> Value {
        do {
            return try read()
        } catch {
            throw errors.fault(.badAnswer(operation.method, error), key: operation.key)
        }
    }
}
