import JSON
import JSONRPC
import Storage
import Synchronization
import SystemPackage

/// The plugin's side of the protocol: requests in, calls of a ``StorageBackend`` out.
final class PluginServer: RequestHandler {
    private enum State {
        case created
        case starting
        case ready(any StorageBackend)
    }

    private let plugin: StoragePlugin
    private let onShutdown: @Sendable () -> Void
    private let turnstile: Turnstile
    private let state = Mutex(State.created)

    /// `onShutdown` is called, on the connection's executor, when klingd asks for the end.
    init(_ plugin: StoragePlugin, onShutdown: @escaping @Sendable () -> Void) {
        self.plugin = plugin
        self.onShutdown = onShutdown
        turnstile = Turnstile(places: plugin.concurrency)
    }

    func handle(_ request: Request, writer: inout JSONWriter, connection: isolated Connection) -> Handling {
        do throws(RPCError) {
            guard let method = PluginProtocol.Method(rawValue: request.method) else {
                throw Self.unknown(request.method)
            }
            let params = try Self.params(of: request)
            let reports = RequestReports(id: request.id ?? .null, connection: connection)
            switch method {
            case .describe:
                writer.value(.object(description.json))
                return .written
            case .shutdown:
                writer.value(.object([:]))
                onShutdown()
                return .written
            case .initialize: return try initialize(try Self.read(params), reports)
            case .put, .head, .get, .delete, .list, .presign:
                guard case .ready(let backend) = state.withLock({ $0 }) else {
                    throw .invalidRequest("'\(method)' came before 'initialize' was answered")
                }
                return try operation(method, params, backend, reports)
            }
        } catch {
            return .failed(error)
        }
    }

    func handle(notification: Request, connection: isolated Connection) {
        // JSON-RPC 2.0 section 4.1: nobody is told of an error.
    }

    private var description: DescribeResult {
        DescribeResult(
            plugin: ProgramVersion(name: plugin.name, version: plugin.version),
            capabilities: PluginCapabilities(plugin.capabilities, concurrency: plugin.concurrency),
            config: plugin.config,
            secrets: plugin.secrets
        )
    }

    private func initialize(_ params: InitializeParams, _ reports: RequestReports) throws(RPCError) -> Handling {
        guard let version = PluginProtocol.versions.first(where: params.versions.contains) else {
            let ours = PluginProtocol.versions.map(String.init).joined(separator: ", ")
            throw PluginFailure.version(
                message: "\(plugin.name) speaks version \(ours) of the protocol: use a plugin made for this klingd",
                versions: PluginProtocol.versions
            ).rpcError
        }
        let isFirst = state.withLock { state in
            guard case .created = state else { return false }
            state = .starting
            return true
        }
        guard isFirst else { throw .invalidRequest("'initialize' came before and is not repeated") }
        let start = PluginStart(
            url: params.url,
            config: params.config,
            secrets: params.secrets,
            workDirectory: FilePath(params.workDirectory)
        )
        return pending(reports) { () async throws(StorageError) in
            do throws(StorageError) {
                try params.config.refuseMembers(otherThan: self.plugin.config)
                let backend = try await self.plugin.makeBackend(start)
                try await backend.prepare()
                self.state.withLock { $0 = .ready(backend) }
                return InitializeResult(
                    version: version,
                    plugin: self.description.plugin,
                    capabilities: PluginCapabilities(backend.capabilities, concurrency: self.plugin.concurrency)
                )
            } catch {
                self.state.withLock { $0 = .created }
                throw error
            }
        }
    }

    private func operation(
        _ method: PluginProtocol.Method,
        _ params: JSONObject,
        _ backend: any StorageBackend,
        _ reports: RequestReports
    ) throws(RPCError) -> Handling {
        switch method {
        case .put:
            let params: PutParams = try Self.read(params)
            return pending(reports) { () async throws(StorageError) in
                let stored = try await backend.put(PutRequest(params))
                return PutResult(size: stored.size, uri: stored.uri, wasThere: stored.wasThere)
            }
        case .head:
            let params: KeyParams = try Self.read(params)
            return pending(reports) { () async throws(StorageError) in HeadResult(try await backend.head(params.key)) }
        case .delete:
            let params: KeyParams = try Self.read(params)
            return pending(reports) { () async throws(StorageError) in
                try await backend.delete(params.key)
                return EmptyObject()
            }
        case .list:
            let params: ListParams = try Self.read(params)
            return pending(reports) { () async throws(StorageError) in
                let limit = min(params.limit, PluginProtocol.maximumPage)
                return ListResult(try await backend.list(prefix: params.prefix, after: params.after, limit: limit))
            }
        case .get where backend.capabilities.get:
            let params: GetParams = try Self.read(params)
            return pending(reports) { () async throws(StorageError) in
                HeadResult(try await backend.get(params.key, to: FilePath(params.path)))
            }
        case .presign where backend.capabilities.presign:
            let params: PresignParams = try Self.read(params)
            return pending(reports) { () async throws(StorageError) in
                guard let url = try await backend.presign(params.key, for: .seconds(params.seconds)) else {
                    throw StorageError(.plugin, "the plugin says that it can presign and gave no URL", key: params.key)
                }
                return PresignResult(url: url)
            }
        case .get, .presign, .describe, .initialize, .shutdown:
            throw .methodNotFound("\(plugin.name) has no '\(method)', as its capabilities say")
        }
    }

    /// Runs `work` when it is its turn, where it may block without keeping the protocol waiting.
    private func pending<Answer: WireObject>(
        _ reports: RequestReports,
        _ work: @escaping @Sendable () async throws(StorageError) -> Answer
    ) -> Handling {
        .pending { [turnstile] in
            guard await turnstile.enter() else { return .failure(Self.cancelled) }
            let outcome = await PluginReports.$current.withValue(reports) { await Self.outcome(of: work) }
            turnstile.leave()
            return outcome
        }
    }

    @concurrent
    private static func outcome<Answer: WireObject>(
        of work: @Sendable () async throws(StorageError) -> Answer
    ) async -> Result<RPCResult, RPCError> {
        do throws(StorageError) {
            let answer = try await work()
            return .success(RPCResult { $0.value(.object(answer.json)) })
        } catch {
            // Whatever a cancelled backend says of its broken work: it is no trouble of the storage.
            return .failure(Task.isCancelled ? cancelled : PluginFailure.storage(error).rpcError)
        }
    }

    private static let cancelled = PluginFailure.cancelled(message: "cancelled, as klingd asked").rpcError

    private static func params(of request: Request) throws(RPCError) -> JSONObject {
        switch request.params {
        case .absent: return [:]
        case .byName(let object): return object
        case .byPosition: throw .invalidParams("'params' must be an object: '\(request.method)' takes them by name")
        }
    }

    private static func read<Params: WireObject>(_ object: JSONObject) throws(RPCError) -> Params {
        do {
            return try Params(object)
        } catch {
            throw .invalidParams(error.message, pointer: error.pointer)
        }
    }

    private static func unknown(_ name: String) -> RPCError {
        let known = PluginProtocol.Method.allCases.map(\.rawValue)
        let nearest = Spelling.nearest(to: name, among: known).map { "did you mean '\($0)'?" }
        return .methodNotFound(
            "there is no method '\(name)'; \(nearest ?? "there are \(known.joined(separator: ", "))")"
        )
    }
}

extension PutRequest {
    fileprivate init(_ params: PutParams) {
        self.init(
            key: params.key,
            source: FilePath(params.path),
            size: params.size,
            sha256: params.sha256,
            mediaType: params.mediaType,
            metadata: params.metadata
        )
    }
}
