import HTTPTransport
import Logging
import Synchronization

extension HTTPTransport {
    /// Runs `body` with a transport that is shut down afterwards, whatever happens. Its patience, unless it is what a
    /// test is about, is that for a busy machine.
    static func run<Result>(
        requestTimeout: Duration = .seconds(30),
        idleTimeout: Duration = .seconds(30),
        proxies: [String: String] = [:],
        log: CapturedLog = CapturedLog(),
        _ body: (HTTPTransport) async throws -> Result
    ) async throws -> Result {
        let transport = HTTPTransport(
            configuration: HTTPTransportConfiguration(
                connectTimeout: .seconds(20),
                idleTimeout: idleTimeout,
                requestTimeout: requestTimeout,
                downloadTimeout: requestTimeout,
                proxies: ProxyEnvironment(proxies),
                userAgent: "klingd/test"
            ),
            logger: log.logger
        )
        do {
            let result = try await body(transport)
            await transport.shutdown()
            return result
        } catch {
            await transport.shutdown()
            throw error
        }
    }
}

/// Everything that was logged, at every level.
final class CapturedLog: Sendable {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        init(log: CapturedLog) {
            self.log = log
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let line = "\(event.message) \(metadata) \(event.metadata ?? [:]) \(event.error.map { "\($0)" } ?? "")"
            log.lines.withLock { $0.append(line) }
        }
    }
}
