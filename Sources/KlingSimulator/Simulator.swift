import Hummingbird
import NIOCore

/// Where a running simulator can be reached.
package struct SimulatorAddress: Sendable, Equatable {
    package let host: String
    package let port: Int

    /// The base URL for clients, without a path.
    package var url: String {
        host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)"
    }
}

/// The provider, imitated over HTTP: the same addresses, answers, refusals and durations, no bill but its own, and every
/// fault on demand.
package struct Simulator: Sendable {
    private let configuration: SimulatorConfiguration

    package init(_ configuration: SimulatorConfiguration) {
        self.configuration = configuration
    }

    /// Serves until the task that runs it is cancelled, then closes all connections and returns.
    ///
    /// - Parameter onReady: told once where the simulator listens; it may talk to it, which is served meanwhile.
    /// - Throws: the system's error when the address cannot be listened on.
    package func run(onReady: (SimulatorAddress) async -> Void) async throws {
        let (bound, announce) = AsyncStream.makeStream(of: SimulatorAddress.self)
        try await withThrowingTaskGroup { group in
            group.addTask { try await serve(announce) }
            for await address in bound { await onReady(address) }
            try await group.waitForAll()
        }
    }

    /// Runs a simulator for as long as `body` does.
    ///
    /// - Throws: what `body` throws, or the system's error when the address cannot be listened on.
    package static func whileRunning<Result: Sendable>(
        _ configuration: SimulatorConfiguration = SimulatorConfiguration(),
        _ body: (SimulatorAddress) async throws -> Result
    ) async throws -> Result {
        let (bound, announce) = AsyncStream.makeStream(of: SimulatorAddress.self)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await Simulator(configuration).serve(announce) }
            for await address in bound {
                defer { group.cancelAll() }
                return try await body(address)
            }
            // It ended without listening, so it has an error to tell, or was cancelled.
            try await group.waitForAll()
            throw CancellationError()
        }
    }

    /// Serves until cancelled; `announce` gets the address, and ends when it will not come.
    private func serve(_ announce: AsyncStream<SimulatorAddress>.Continuation) async throws {
        defer { announce.finish() }
        let application = Application(
            responder: SimulatorResponder(configuration),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port)
            ),
            onServerRunning: { channel in
                guard let port = channel.localAddress?.port else { return }
                announce.yield(SimulatorAddress(host: configuration.host, port: port))
                announce.finish()
            },
            logger: configuration.logger
        )
        // Detached, so that it has no executor preference: with one, a cancel can wait for ever for a lock that the
        // server's clock of dates holds across a suspension (AsyncAlgorithms' merge), which waits for the cancel.
        let serving = Task.detached { try await application.run() }
        do {
            try await withTaskCancellationHandler {
                try await serving.value
            } onCancel: {
                serving.cancel()
            }
        } catch {
            // However the server words it: the end that was asked for is no error.
            if !Task.isCancelled { throw error }
        }
    }
}
