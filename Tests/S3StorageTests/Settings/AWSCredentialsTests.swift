import Foundation
import SigV4
import Storage
import Synchronization
import Testing

@testable import S3Storage

@Suite(.timeLimit(.minutes(1))) struct AWSCredentialsTests {
    /// A source that answers when it is told to.
    private final class Source: Sendable {
        private struct State {
            var calls: [CheckedContinuation<Void, Never>?] = []
            var answers: [Result<TemporaryCredentials, StorageError>] = []
        }

        private let state = Mutex(State())
        let now = Mutex<Int64>(0)
        let reports = Mutex<[StorageError]>([])

        var calls: Int { state.withLock { $0.calls.count } }

        func credentials() -> AWSCredentials {
            AWSCredentials(
                now: { self.now.withLock { $0 } },
                report: { error in self.reports.withLock { $0.append(error) } },
                load: { () throws(StorageError) in try await self.load() }
            )
        }

        private func load() async throws(StorageError) -> TemporaryCredentials {
            let index = state.withLock { state in
                state.calls.append(nil)
                return state.calls.count - 1
            }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    state.withLock { state in
                        guard state.answers.count <= index, !Task.isCancelled else { return continuation.resume() }
                        state.calls[index] = continuation
                    }
                }
            } onCancel: {
                state.withLock { $0.calls[index].take()?.resume() }
            }
            return try state.withLock { state throws(StorageError) in
                guard index < state.answers.count else { throw StorageError(.unavailable, "cancelled") }
                return try state.answers[index].get()
            }
        }

        /// Answers the next call, the one under way or one to come.
        func answer(_ answer: Result<TemporaryCredentials, StorageError>) {
            state.withLock { state in
                state.answers.append(answer)
                let index = state.answers.count - 1
                if index < state.calls.count { state.calls[index].take()?.resume() }
            }
        }
    }

    private let source = Source()
    private let trouble = StorageError(.unavailable, "log in", isRetryable: true)

    private func temporary(_ id: String, until expires: Int64?) throws -> TemporaryCredentials {
        let credentials = try #require(SigV4Credentials(accessKeyID: id, secretAccessKey: "s"))
        return TemporaryCredentials(credentials: credentials, expires: expires, origin: "the test")
    }

    @Test func manyThatAskAtOnceCauseOneRefresh() async throws {
        let credentials = source.credentials()
        let answer = try temporary("A", until: nil)
        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { try await credentials.current().accessKeyID } }
            try await eventually { source.calls == 1 }
            source.answer(.success(answer))
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(ids == Array(repeating: "A", count: 50) && source.calls == 1)
    }

    @Test func aFailureIsTheFailureOfAllWhoWaitForIt() async throws {
        let credentials = source.credentials()
        let failures = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<5 {
                group.addTask {
                    do throws(StorageError) {
                        _ = try await credentials.current()
                        return false
                    } catch {
                        return error == trouble
                    }
                }
            }
            // Every call that still comes is answered alike.
            for _ in 0..<5 { source.answer(.failure(trouble)) }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(failures == 5)
        // The next one tries again.
        for _ in 0..<5 { source.answer(.success(try temporary("A", until: nil))) }
        var id: String?
        for _ in 0..<10 where id == nil { id = try? await credentials.current().accessKeyID }
        #expect(id == "A")
    }

    @Test func oneThatIsCancelledLeavesTheRefreshToAnother() async throws {
        let credentials = source.credentials()
        let first = Task { try await credentials.current() }
        try await eventually { source.calls == 1 }
        async let second = credentials.current().accessKeyID
        first.cancel()
        await #expect(throws: StorageError.self) { try await first.value }
        try await eventually { source.calls == 2 }
        source.answer(.failure(trouble))
        source.answer(.success(try temporary("B", until: nil)))
        #expect(try await second == "B")
    }

    @Test func oneThatWaitsCanBeCancelledAlone() async throws {
        let credentials = source.credentials()
        async let first = credentials.current().accessKeyID
        try await eventually { source.calls == 1 }
        let second = Task { try await credentials.current() }
        second.cancel()
        let error = await #expect(throws: StorageError.self) { try await second.value }
        #expect(error?.isRetryable == true)
        source.answer(.success(try temporary("A", until: nil)))
        #expect(try await first == "A" && source.calls == 1)
    }

    @Test func anEarlyFailureIsReportedAndTheOldOnesGoOn() async throws {
        let credentials = source.credentials()
        source.answer(.success(try temporary("A", until: 3600)))
        #expect(try await credentials.current().accessKeyID == "A")
        source.now.withLock { $0 = 3100 }
        source.answer(.failure(trouble))
        #expect(try await credentials.current().accessKeyID == "A")
        #expect(source.reports.withLock { $0 } == [trouble])
        source.now.withLock { $0 = 3590 }
        source.answer(.failure(trouble))
        await #expect(throws: trouble) { try await credentials.current() }
        #expect(source.reports.withLock { $0 }.count == 1)
    }

    @Test func discardedCredentialsAreReadAnewFromTheFiles() async throws {
        let folder = try AWSFolder(credentials: "[default]\naws_access_key_id=OLD\naws_secret_access_key=s\n")
        let credentials = AWSCredentials(environment: folder.environment, now: { 0 })
        let old = try await credentials.current()
        try folder.write("[default]\naws_access_key_id=NEW\naws_secret_access_key=s\n", to: "credentials")
        #expect(try await credentials.current().accessKeyID == "OLD")
        credentials.discard(old)
        #expect(try await credentials.current().accessKeyID == "NEW")
        credentials.discard(old)
        #expect(try await credentials.current().accessKeyID == "NEW")
    }

    @Test func aProgramIsRunAgainBeforeItsCredentialsEnd() async throws {
        let folder = try AWSFolder()
        let program = try folder.script(
            """
            echo x >> "$(dirname "$0")/runs"
            n=$(wc -l < "$(dirname "$0")/runs" | tr -d ' ')
            echo '{"Version": 1, "AccessKeyId": "RUN'$n'", "SecretAccessKey": "s", "Expiration": "1970-01-01T0'$n':00:00Z"}'
            """
        )
        try folder.write("[profile p]\ncredential_process = \(program)\n", to: "config")
        let now = Mutex<Int64>(0)
        let environment = folder.environment.merging(["AWS_PROFILE": "p"]) { $1 }
        let credentials = AWSCredentials(environment: environment, now: { now.withLock { $0 } })
        #expect(try await credentials.current().accessKeyID == "RUN1")
        now.withLock { $0 = 2999 }
        #expect(try await credentials.current().accessKeyID == "RUN1")
        now.withLock { $0 = 3000 }
        #expect(try await credentials.current().accessKeyID == "RUN2")
        #expect(folder.text("runs") == "x\nx\n")
    }
}
