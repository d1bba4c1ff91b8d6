import AsyncHTTPClient
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// The only way out to the network: AsyncHTTPClient behind klingd's rules.
///
/// Redirects are answers like others, nothing is ever sent twice on its own account, every exchange is bounded in time
/// and size, and no secret reaches a log or an error. Threads and connections begin with the first request, so that
/// starting the process costs nothing. `shutdown()` must be called before the last reference goes.
package final class HTTPTransport: Sendable {
    let configuration: HTTPTransportConfiguration
    private let logger: Logger
    private let state = Mutex(State())

    /// Connections that may not be mixed: AsyncHTTPClient has one proxy and one policy for each client.
    private struct Lane: Hashable {
        var isSingleUse: Bool
        var proxy: Proxy?
    }

    private struct State {
        var isShutDown = false
        var group: MultiThreadedEventLoopGroup?
        var clients: [Lane: HTTPClient] = [:]
    }

    package init(configuration: HTTPTransportConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Ends what is in flight as `cancelled`, closes every connection and ends the thread. Later requests fail.
    package func shutdown() async {
        let (clients, group) = state.withLock { state in
            defer { state = State(isShutDown: true) }
            return (state.clients.values, state.group)
        }
        // Both can fail only by having been shut down before, which nobody else can do.
        for client in clients { try? await client.shutdown() }
        try? await group?.shutdownGracefully()
    }

    /// Sends a request over a shared connection and takes the answer in, up to `bodyLimit` bytes of it.
    ///
    /// For what may be asked again: a request on a kept connection can be lost without anyone being at fault.
    /// `file` is the body, in place of the request's own; `timeout` is for the whole exchange, in place of the
    /// configuration's.
    package func send(
        _ request: HTTPRequest,
        file: FileSlice? = nil,
        bodyLimit: Int,
        timeout: Duration? = nil
    ) async throws(HTTPTransportError) -> HTTPResponse {
        let body: HTTPClientRequest.Body?
        if let file {
            body = .stream(try FileBody(file, eventLoop: try eventLoop()), length: .known(file.length))
        } else {
            body = request.body.isEmpty ? nil : .bytes(ByteBuffer(bytes: request.body))
        }
        do {
            return try await collect(request, body: body, isSingleUse: false, bodyLimit: bodyLimit, timeout: timeout)
        } catch {
            var error = error
            error.requestHandedOut = true
            throw error
        }
    }

    /// Sends a request that must not be sent twice: over a connection of its own, made for it, used once, by HTTP/1.1.
    ///
    /// Error and answer both tell whether all of it was handed out. Once this returns or throws with "no", the rest
    /// will never be (design 6.3).
    ///
    /// `stillMaySend` is asked once, right before the last byte would be handed out (for a request without a body,
    /// before its head). With "no" that byte never is, and the request ends as
    /// ``HTTPTransportError/Kind/withdrawn``. It must not block.
    package func sendOnce(
        _ request: HTTPRequest,
        bodyLimit: Int,
        stillMaySend: @escaping @Sendable () -> Bool = { true }
    ) async throws(HTTPTransportError) -> HTTPResponse {
        guard !request.body.isEmpty || stillMaySend() else { throw .withdrawn(request.url) }
        var request = request
        request.headers = HTTPFields(request.headers.fields + [(name: "Connection", value: "close")])
        let body = SingleUseBody(request.body, to: request.url, stillMaySend: stillMaySend)
        do {
            var response = try await collect(
                request,
                body: .stream(body, length: .known(Int64(request.body.count))),
                isSingleUse: true,
                bodyLimit: bodyLimit
            )
            response.requestHandedOut = body.close()
            return response
        } catch {
            var error = error
            error.requestHandedOut = body.close()
            throw error
        }
    }

    private func collect(
        _ request: HTTPRequest,
        body: HTTPClientRequest.Body?,
        isSingleUse: Bool,
        bodyLimit: Int,
        timeout: Duration? = nil
    ) async throws(HTTPTransportError) -> HTTPResponse {
        let timeout = timeout ?? configuration.requestTimeout
        let deadline = ContinuousClock.now + timeout
        let answer = try await begin(request, body: body, isSingleUse: isSingleUse, timeout: timeout)
        var bytes: [UInt8] = []
        // The length that an answer to HEAD tells is that of the body it does not have (RFC 9110 section 9.3.2).
        let announcesBody = request.method != .head
        try await answer.read(announcesBody: announcesBody, limit: bodyLimit, deadline: deadline) {
            bytes.append(contentsOf: $0)
        }
        return HTTPResponse(status: answer.status, headers: answer.headers, body: bytes)
    }

    /// Sends a request and returns when the head of its answer is there.
    func begin(
        _ request: HTTPRequest,
        body: HTTPClientRequest.Body? = nil,
        isSingleUse: Bool = false,
        timeout: Duration
    ) async throws(HTTPTransportError) -> Answer {
        let lane = Lane(isSingleUse: isSingleUse, proxy: try configuration.proxies.proxy(for: request.url))
        let client = try client(for: lane)
        var outgoing = HTTPClientRequest(url: request.url.text)
        outgoing.method = HTTPMethod(rawValue: request.method.rawValue)
        outgoing.headers = HTTPHeaders(request.headers.fields.map { ($0.name, $0.value) })
        outgoing.headers.replaceOrAdd(name: "User-Agent", value: configuration.userAgent)
        outgoing.body = body
        let start = ContinuousClock.now
        do {
            let response = try await client.execute(outgoing, timeout: TimeAmount(timeout))
            log(request, since: start, outcome: "\(response.status.code)")
            return Answer(response, url: request.url)
        } catch {
            let failure = HTTPTransportError(error, url: request.url)
            log(request, since: start, outcome: failure.kind.description)
            throw failure
        }
    }

    private func log(_ request: HTTPRequest, since start: ContinuousClock.Instant, outcome: String) {
        logger.debug(
            "HTTP exchange",
            metadata: [
                "request": "\(request)", "outcome": "\(outcome)", "duration": "\(start.duration(to: .now))",
            ]
        )
    }

    private func client(for lane: Lane) throws(HTTPTransportError) -> HTTPClient {
        try state.withLock { state throws(HTTPTransportError) in
            guard !state.isShutDown else { throw HTTPTransportError(.shutDown, "the transport was shut down") }
            if let client = state.clients[lane] { return client }
            let group = Self.group(in: &state)
            let client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: clientConfiguration(lane))
            state.clients[lane] = client
            return client
        }
    }

    /// The one that all connections are on.
    private func eventLoop() throws(HTTPTransportError) -> any EventLoop {
        try state.withLock { state throws(HTTPTransportError) in
            guard !state.isShutDown else { throw HTTPTransportError(.shutDown, "the transport was shut down") }
            return Self.group(in: &state).next()
        }
    }

    private static func group(in state: inout State) -> MultiThreadedEventLoopGroup {
        let group = state.group ?? MultiThreadedEventLoopGroup(numberOfThreads: 1)
        state.group = group
        return group
    }

    private func clientConfiguration(_ lane: Lane) -> HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file = configuration.certificateFile, !file.isEmpty { tls.additionalTrustRoots = [.file(file)] }
        let idle = TimeAmount(configuration.idleTimeout)
        var client = HTTPClient.Configuration(
            tlsConfiguration: tls,
            redirectConfiguration: .disallow,
            timeout: .init(connect: TimeAmount(configuration.connectTimeout), read: idle, write: idle),
            proxy: lane.proxy.map(HTTPClient.Configuration.Proxy.init)
        )
        client.dnsOverride = configuration.addresses
        // A caller that wants another attempt makes it itself, knowing of the first.
        client.connectionPool.retryConnectionEstablishment = false
        // Above the 32 requests that klingd has at once: waiting for a connection would count as connecting.
        client.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        guard lane.isSingleUse else { return client }
        // To give up on a silent server early would only turn its late answer into an unknown outcome.
        client.timeout.read = TimeAmount(configuration.requestTimeout)
        client.httpVersion = .http1Only
        client.maximumUsesPerConnection = 1
        // A connection whose request was cancelled while it was made must not wait here for the next one.
        client.connectionPool.idleTimeout = .milliseconds(1)
        client.http1_1ConnectionDebugInitializer = SingleUseConnection.initializer(silence: configuration.idleTimeout)
        return client
    }
}

extension HTTPClient.Configuration.Proxy {
    fileprivate init(_ proxy: Proxy) {
        switch proxy.kind {
        case .socks: self = .socksServer(host: proxy.host, port: proxy.port)
        case .http:
            let parts = proxy.credentials?.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let authorization = parts.map {
                HTTPClient.Authorization.basic(username: String($0[0]), password: String($0[1]))
            }
            self = .server(host: proxy.host, port: proxy.port, authorization: authorization)
        }
    }
}

extension TimeAmount {
    fileprivate init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .seconds(seconds) + .nanoseconds(attoseconds / 1_000_000_000)
    }
}
