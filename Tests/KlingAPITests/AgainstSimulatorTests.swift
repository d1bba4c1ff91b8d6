import HTTPTransport
import JSON
import KlingSimulator
import Logging
import Synchronization
import Testing

@testable import KlingAPI

/// The core client and the simulator were written apart from the same pages: where they differ, one has misread.
@Suite("Kling's own API, as the simulator has it", .timeLimit(.minutes(1)))
struct AgainstSimulatorTests {
    private static let body = Array(#"{"model_name":"kling-v3","prompt":"p","n":2,"external_task_id":"mine"}"#.utf8)

    /// Runs `body` with a client that signs, of a simulator that knows its keys. The client's clock is late by
    /// `lateness`.
    private func withClient(
        lateness: Int64 = 0,
        _ body: (KlingClient) async throws -> Void
    ) async throws {
        var configuration = SimulatorConfiguration()
        configuration.dialect = .kling
        configuration.accessKey = "AccessKey0123456789abcdef"
        configuration.secretKey = "short secret".filter { $0 != " " }
        let transport = HTTPTransport(configuration: HTTPTransportConfiguration(), logger: Logger(label: "test"))
        let credentials = try #require(
            Credentials(accessKey: "AccessKey0123456789abcdef", secretKey: "shortsecret")
        )
        do {
            try await Simulator.whileRunning(configuration) { address in
                try await body(
                    KlingClient(
                        transport: transport,
                        baseURL: address.url,
                        dialect: KlingAPI.Dialect.kling,
                        credentials: credentials,
                        now: { WallClock.now() - lateness }
                    )
                )
            }
        } catch {
            await transport.shutdown()
            throw error
        }
        await transport.shutdown()
    }

    @Test("What is made is found by either id and in the list, and what is not is not there")
    func made() async throws {
        try await withClient { client in
            guard case .noSuchTask(let failure) = await client.lookUp(externalTaskID: "mine") else {
                Issue.record("found before it was made")
                return
            }
            #expect(failure.code == 1203)
            guard case .accepted(let task) = await client.create(body: Self.body),
                case .found(let byID) = await client.lookUp(taskID: task.taskID),
                case .found(let byExternalID) = await client.lookUp(externalTaskID: "mine"),
                case .page(let listed) = await client.list(page: 1, size: 500)
            else {
                Issue.record("not made, found and listed")
                return
            }
            #expect([task, byID, byExternalID].allSatisfy { $0.externalTaskID == "mine" })
            #expect(byID.taskID == byExternalID.taskID)
            #expect(listed.map(\.taskID) == [task.taskID])
            #expect(task.createdAt != nil && task.createdAt == listed[0].createdAt)
            guard case .page(let rest) = await client.list(page: 2, size: 500) else {
                Issue.record("no second page")
                return
            }
            #expect(rest.isEmpty)
        }
    }

    @Test("A machine whose clock is an hour off either way is told what is wrong", arguments: [3_600_000, -3_600_000])
    func wrongClock(lateness: Int64) async throws {
        try await withClient(lateness: lateness) { client in
            guard case .refused(let failure) = await client.create(body: Self.body) else {
                Issue.record("not refused")
                return
            }
            #expect(failure.code == (lateness > 0 ? 1004 : 1003))
            #expect(failure.message.contains("clock"))
        }
    }
}
