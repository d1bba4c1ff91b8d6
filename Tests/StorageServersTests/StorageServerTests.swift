import Foundation
import JSON
import StorageServers
import Testing

/// The servers are what the storage tests take them for.
@Suite(.timeLimit(.minutes(3))) struct StorageServerTests {
    /// `self_test.py` shows what each server keeps and refuses, and what each fault of the proxy does.
    @Test func storesAndFaultsAreWhatTheTestsTakeThemFor() async throws {
        _ = try await runPython(["self_test.py"])
    }

    @Test func aServerIsSharedUntilTheTestsEnd() async throws {
        async let first = StorageServer.shared(.seaweedFS)
        async let second = StorageServer.shared(.seaweedFS)
        #expect(try await first === second)
    }

    @Test func whatIsPutIsReadBack() async throws {
        let server = try await StorageServer.shared(.seaweedFS)
        let put = """
            import os, s3
            store = s3.client(os.environ["AWS_ENDPOINT_URL_S3"], os.environ["AWS_ACCESS_KEY_ID"],
                              os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["AWS_REGION"])
            store.put_object(Bucket="\(server.bucket)", Key="back/a.png", Body=b"abc", ContentType="image/png",
                             Metadata={"task": "7"})
            """
        _ = try await runPython(["-c", put], environment: server.environment)
        let objects = try await server.readBack(prefix: "back/")
        let object = try #require(objects.first)
        #expect(objects.count == 1)
        #expect(object.key == "back/a.png")
        #expect(object.size == 3)
        #expect(object.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(object.contentType == "image/png")
        #expect(object.metadata == ["task": "7"])
        #expect(object.etag == "900150983cd24fb0d6963f7d28e17f72")
        #expect(try await server.readBack(prefix: "elsewhere/").isEmpty)
    }

    @Test func faultsAreMadeAndRequestsSeen() async throws {
        let server = try await StorageServer.webDAV()
        let proxy = try await FaultProxy(to: server)
        try await proxy.queue(
            StoreFault(.slowDown, method: "PUT", path: "/a", after: 1, details: ["headers": ["retry-after": "3"]])
        )
        let client = """
            import sys, urllib.error, urllib.request
            for path in ("a", "b", "a", "a"):
                try:
                    urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/" + path, b"1", method="PUT"))
                except urllib.error.HTTPError as error:
                    print(error.code, error.headers.get("retry-after"))
            """
        let output = String(decoding: try await runPython(["-c", client, proxy.endpoint]), as: UTF8.self)
        #expect(output == "401 None\n401 None\n503 3\n401 None\n")
        let log = try await proxy.log()
        #expect(log.map(\.path) == ["/a", "/b", "/a", "/a"])
        #expect(log.map(\.fault) == [nil, nil, "slow_down", nil])
        #expect(log.map(\.status) == [401, 401, 503, 401])
        #expect(log.map(\.storeStatus) == [401, 401, nil, 401])
        #expect(log.allSatisfy { $0.method == "PUT" && $0.bytes == 1 && $0.headers["content-length"] == "1" })
        #expect(try await proxy.pendingFaults() == 0)
        try await proxy.reset()
        #expect(try await proxy.log().isEmpty)
        await proxy.stop()
        await server.stop()
    }

    @Test func aStoppedServerIsGone() async throws {
        let server = try await StorageServer.webDAV()
        let port = try #require(URL(string: server.endpoint)?.port)
        let probe = ["-c", "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])))", "\(port)"]
        _ = try await runPython(probe)
        await server.stop()
        await #expect(throws: StorageServerError.self) { _ = try await runPython(probe) }
        #expect(!FileManager.default.fileExists(atPath: server.root))
    }

    @Test func everyFaultIsOneThatTheProxyKnows() async throws {
        let server = try await StorageServer.shared(.seaweedFS)
        let proxy = try await FaultProxy(to: server)
        for action in StoreFault.Action.allCases { try await proxy.queue(StoreFault(action)) }
        #expect(try await proxy.pendingFaults() == StoreFault.Action.allCases.count)
        await proxy.stop()
    }
}
