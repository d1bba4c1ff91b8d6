import Dispatch
import JSON
import Storage
import Testing

@testable import StoragePlugin

private let cancelled: JSONValue = "cancelled"

@MainActor @Suite(.timeLimit(.minutes(2))) struct PluginServerTests {
    @Test func aBackendThatBlocksItsThreadDoesNotKeepTheProtocolWaiting() throws {
        let (arrived, opened) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        var backend = try ScriptedBackend()
        backend.onHead = { _ in
            arrived.signal()
            _ = opened.blocked()
            return .absent
        }
        let peer = try PluginPeer(backend)
        peer.send(request(1, "head", #"{"key":"a"}"#))
        #expect(arrived.blocked())
        #expect(try peer.ask(request(2, "describe", "{}"))["id"] == 2)
        opened.signal()
        #expect(try peer.next()?["id"] == 1)
    }

    @Test func noMoreCallsAreMadeAtOnceThanTheBackendTakes() throws {
        let gate = Gate()
        var backend = try ScriptedBackend()
        backend.onHead = { _ in
            await gate.pass()
            return .absent
        }
        let peer = try PluginPeer(backend, concurrency: 2)
        for id in 1...5 { peer.send(request(id, "head", #"{"key":"a"}"#)) }
        #expect(gate.waitForOne() && gate.waitForOne())
        // Answered while both calls stand.
        #expect(try peer.ask(request(9, "describe", "{}"))["id"] == 9)
        #expect(gate.entered == 2)
        gate.open(for: 5)
        var answered: Set<Int64> = []
        for _ in 1...5 {
            let answer = try #require(try peer.next())
            #expect(answer["result"]?["state"] == "absent")
            answered.insert(try #require(answer["id"]?.integerValue))
        }
        #expect(answered == [1, 2, 3, 4, 5])
        #expect(gate.most == 2)
    }

    @Test func aRequestThatIsCancelledWhileItWaitsIsNeverBegun() throws {
        let gate = Gate()
        var backend = try ScriptedBackend()
        backend.onHead = { _ in
            await gate.pass()
            return .absent
        }
        let peer = try PluginPeer(backend)
        peer.send(request(1, "head", #"{"key":"a"}"#))
        #expect(gate.waitForOne())
        peer.send(request(2, "head", #"{"key":"b"}"#))
        let answer = try peer.ask(#"{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":2}}"#)
        #expect(answer["id"] == 2)
        #expect(answer["error"]?["data"]?["kind"] == cancelled)
        #expect(answer["error"]?["code"] == 10_024)
        gate.open(for: 1)
        #expect(try peer.next()?["id"] == 1)
        #expect(gate.entered == 1)
    }

    @Test func aBackendLearnsOfACancelAndMayStillSucceed() throws {
        let gate = Gate()
        var backend = try ScriptedBackend()
        backend.onHead = { key throws(StorageError) in
            await gate.pass()
            if Task.isCancelled, key.description == "fails" { throw StorageError(.unavailable, "the wire broke") }
            return .absent
        }
        let peer = try PluginPeer(backend)
        var answers: [JSONValue?] = []
        for (id, key) in [(1, "fails"), (2, "succeeds")] {
            peer.send(request(id, "head", #"{"key":"\#(key)"}"#))
            #expect(gate.waitForOne())
            peer.send(#"{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":\#(id)}}"#)
            // The cancel was handled before this is answered.
            #expect(try peer.ask(request(9, "describe", "{}"))["id"] == 9)
            gate.open(for: 1)
            answers.append(try peer.next())
        }
        #expect(answers[0]?["error"]?["data"]?["kind"] == cancelled)
        #expect(answers[1]?["result"]?["state"] == "absent")
    }

    @Test func reportsComeUnderTheRequestBeforeItsAnswerAndNotTooOften() throws {
        var backend = try ScriptedBackend()
        backend.onPut = { request in
            for bytes in 1...1000 as ClosedRange<Int64> { await PluginReports.progress(bytes: bytes) }
            await PluginReports.log(.warning, "slow today")
            return StoredObject(key: request.key, uri: "test://here/a", size: request.size)
        }
        let peer = try PluginPeer(backend)
        let digest = String(repeating: "0", count: 64)
        peer.send(
            request(
                7,
                "put",
                #"{"key":"a","path":"/f","size":5,"sha256":"\#(digest)","media_type":"image/png","metadata":{}}"#
            )
        )
        let progress = try #require(try peer.next())
        #expect(progress["method"] == "$/progress")
        #expect(progress["params"] == ["id": 7, "bytes": 1])
        var other = try #require(try peer.next())
        // A slow machine may have time for some more.
        var reports = 1
        while other["method"] == "$/progress" {
            reports += 1
            other = try #require(try peer.next())
        }
        #expect(reports < 100)
        #expect(
            other == ["jsonrpc": "2.0", "method": "$/log", "params": ["level": "warning", "message": "slow today"]]
        )
        let answer = try #require(try peer.next())
        #expect(answer["result"] == ["size": 5, "uri": "test://here/a", "was_there": false])
    }

    @Test func progressIsSpacedOut() {
        var pace = ProgressPace()
        let start = ContinuousClock.now
        let allowed = [0, 99, 100, 199, 200].map { pace.allows(at: start + .milliseconds($0)) }
        #expect(allowed == [true, false, true, false, true])
    }

    @Test func outsideOfARequestReportsGoNowhere() async {
        await PluginReports.progress(bytes: 1)
        await PluginReports.log(.info, "nobody hears")
    }

    @Test func getAndPresignAreThereWhenTheBackendSaysSo() throws {
        var backend = try ScriptedBackend()
        for (get, presign) in [(false, false), (true, false), (false, true)] {
            backend.capabilities = StorageCapabilities(get: get, presign: presign)
            backend.presigned = "https://here/a"
            let peer = try PluginPeer(backend)
            let got = try peer.ask(request(1, "get", #"{"key":"a","path":"/w/a"}"#))
            #expect(get ? got["result"]?["state"] == "absent" : got["error"]?["code"] == -32601)
            let signed = try peer.ask(request(2, "presign", #"{"key":"a","seconds":60}"#))
            #expect(
                presign ? signed["result"]?["url"] == "https://here/a?60.0 seconds" : signed["error"]?["code"] == -32601
            )
        }
    }

    @Test func aBackendThatBreaksItsWordIsAFaultOfThePlugin() throws {
        var backend = try ScriptedBackend()
        backend.capabilities = StorageCapabilities(presign: true)
        let peer = try PluginPeer(backend)
        let answer = try peer.ask(request(1, "presign", #"{"key":"a","seconds":60}"#))
        #expect(answer["error"]?["code"] == -32603)
        #expect(answer["error"]?["data"]?["kind"] == "plugin")
    }

    @Test func aPageFitsIntoALineWhateverIsAskedFor() throws {
        var backend = try ScriptedBackend()
        backend.onList = { limit throws(StorageError) in
            let keys = try (0..<limit).map { (number) throws(StorageError) in
                try ObjectKey(
                    [String](repeating: String(repeating: "k", count: 254), count: 3).joined(separator: "/")
                        + "/\(String(repeating: "k", count: 250))\(number)"
                )
            }
            return ObjectPage(
                objects: keys.map { ObjectSummary(key: $0, size: Int64.max) },
                next: keys.last?.description
            )
        }
        let peer = try PluginPeer(backend)
        let answer = try peer.ask(request(1, "list", #"{"prefix":"","limit":100000}"#))
        #expect(answer["result"]?["objects"]?.arrayValue?.count == 500)
        #expect(answer.serialized.count < PluginProtocol.maximumLineLength)
    }

    @Test func aFailedStartMayBeRepeatedAndWhatTheBackendCanDoCounts() throws {
        var backend = try ScriptedBackend()
        backend.capabilities = StorageCapabilities(sha256: true, get: true)
        let peer = try PluginPeer(
            StoragePlugin(name: "p", version: "1", concurrency: 99, config: ["token"]) {
                [backend] start throws(StorageError) in
                guard try start.config.string("token") == "right" else {
                    throw StorageError(.denied, "no", isRetryable: true, retryAfter: .seconds(3))
                }
                return backend
            }
        )
        let described = try peer.ask(request(1, "describe", "{}"))["result"]
        #expect(described?["capabilities"]?["get"] == false)
        #expect(described?["capabilities"]?["concurrency"] == 32)
        let refused = try peer.ask(initialize(id: 2, config: #"{"token":"wrong"}"#))["error"]
        #expect(refused?["data"] == ["kind": "storage_denied", "retryable": true, "retry_after_ms": 3000])
        #expect(try peer.ask(initialize(id: 3, config: #"{"tokem":"right"}"#))["error"]?["code"] == 10_018)
        let accepted = try peer.ask(initialize(id: 4, config: #"{"token":"right"}"#))["result"]
        #expect(accepted?["capabilities"]?["get"] == true)
        #expect(accepted?["capabilities"]?["sha256"] == true)
        #expect(try peer.ask(initialize(id: 5))["error"]?["code"] == -32600)
    }

    @Test func batchesAndLinesThatAreTooLongAreRefused() throws {
        let peer = try PluginPeer(try ScriptedBackend())
        #expect(try peer.ask("[\(request(1, "describe", "{}"))]")["error"]?["code"] == -32600)
        let long = String(repeating: " ", count: PluginProtocol.maximumLineLength)
        #expect(try peer.ask(request(2, "describe", "{\(long)}"))["error"]?["code"] == -32600)
        #expect(try peer.ask(request(3, "describe", "{}"))["id"] == 3)
    }

    @Test(arguments: [true, false])
    func theEndCancelsWhatIsInFlightAndIsReachedWhenThatIsAnswered(byShutdown: Bool) throws {
        let gate = Gate()
        var backend = try ScriptedBackend()
        backend.onHead = { _ throws(StorageError) in
            await gate.pass()
            guard !Task.isCancelled else { throw StorageError(.unavailable, "broken off") }
            return .absent
        }
        let peer = try PluginPeer(backend)
        peer.send(request(1, "head", #"{"key":"a"}"#))
        #expect(gate.waitForOne())
        peer.send(request(2, "head", #"{"key":"b"}"#))
        if byShutdown {
            #expect(try peer.ask(request(3, "shutdown", "{}"))["result"] == [:])
        } else {
            peer.endInput()
        }
        // The second had not begun; its answer shows that the first was cancelled too.
        let second = try #require(try peer.next())
        #expect(second["id"] == 2)
        #expect(second["error"]?["data"]?["kind"] == cancelled)
        gate.open(for: 1)
        let first = try #require(try peer.next())
        #expect(first["id"] == 1)
        #expect(first["error"]?["data"]?["kind"] == cancelled)
        #expect(try peer.isAtItsEnd())
    }
}

extension DispatchSemaphore {
    /// Blocks the thread, but not for ever.
    fileprivate func blocked() -> Bool { wait(timeout: .now() + 30) == .success }
}
