import Foundation
import HTTPTransport
import Logging
import SigV4
import Storage
import StorageServers
import SystemPackage
import Testing

@testable import S3Storage

/// Against real stores.
@Suite(.timeLimit(.minutes(5))) struct StoreTests {
    private struct Keys: S3Credentials {
        var keys: SigV4Credentials
        var origin = "the test"

        func current() async throws(StorageError) -> SigV4Credentials { keys }
        func discard(_ credentials: SigV4Credentials) {}
    }

    private func run<Result>(
        _ store: StorageServer,
        prefix: String = "tests",
        _ configure: (inout S3StorageOptions) -> Void = { _ in },
        _ body: (S3Storage) async throws -> Result
    ) async throws -> Result {
        var options = S3StorageOptions(endpoint: try HTTPURL(store.endpoint), region: store.region)
        configure(&options)
        let clock = ContinuousClock()
        let start = clock.now
        var configuration = HTTPTransportConfiguration(idleTimeout: .seconds(30))
        let domain = try #require(URL(string: store.endpoint)?.host)
        configuration.addresses = ["\(store.bucket).s3.localhost": domain]
        let storage = try S3Storage(
            url: StorageURL("s3://\(store.bucket)/\(prefix)"),
            options: options,
            credentials: Keys(
                keys: try #require(
                    SigV4Credentials(accessKeyID: store.accessKey, secretAccessKey: store.secretKey)
                )
            ),
            transport: HTTPTransport(configuration: configuration, logger: Logger(label: "test")),
            surroundings: S3Surroundings(
                date: { Int64(Date().timeIntervalSince1970) },
                now: { start.duration(to: clock.now) },
                sleep: { try await clock.sleep(for: $0) },
                jitter: { 0.5 }
            ),
            log: Logger(label: "test")
        )
        do {
            let result = try await body(storage)
            await storage.shutdown()
            return result
        } catch {
            await storage.shutdown()
            throw error
        }
    }

    /// A large file goes in parts, and is the same object afterwards.
    @Test(arguments: [StorageServer.Kind.openStackSwift, .seaweedFS])
    func whatIsTooLargeForOneRequestGoesInParts(kind: StorageServer.Kind) async throws {
        let store = try await StorageServer.shared(kind)
        let configure: (inout S3StorageOptions) -> Void = { options in
            options.multipartThreshold = 6 << 20
            options.partLength = 5 << 20
        }
        let prefix = "parts-\(UUID().uuidString.lowercased())"
        try await run(store, prefix: prefix, configure) { storage in
            let request = try file(of: (11 << 20) + 17, key: "large.bin")
            defer { try? FileManager.default.removeItem(atPath: request.source.string) }
            try await storage.put(request)
            let object = try #require(try await store.readBack(prefix: prefix).first)
            #expect(object.sha256 == request.sha256)
            #expect(object.size == Int(request.size))
            #expect(object.etag.contains("-3"), "three parts: \(object.etag)")
            #expect(object.metadata["sha256"] == request.sha256)
        }
    }

    @Test func aBucketCanStandInTheHostName() async throws {
        let store = try await StorageServer.shared(.seaweedFS)
        let port = try #require(URL(string: store.endpoint)?.port)
        let configure: (inout S3StorageOptions) -> Void = { options in
            options.endpoint = try? HTTPURL("http://s3.localhost:\(port)")
            options.addressing = .virtual
        }
        let prefix = "virtual-\(UUID().uuidString.lowercased())"
        try await run(store, prefix: prefix, configure) { storage in
            let request = try file(of: 1000, key: "a.bin")
            defer { try? FileManager.default.removeItem(atPath: request.source.string) }
            try await storage.put(request)
            #expect(try await store.readBack(prefix: prefix).map(\.sha256) == [request.sha256])
        }
    }

    private func file(of size: Int, key: String) throws -> PutRequest {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-s3-\(UUID())").path
        var bytes = Data(count: size)
        for index in stride(from: 0, to: size, by: 97) { bytes[index] = UInt8(truncatingIfNeeded: index) }
        try bytes.write(to: URL(fileURLWithPath: path))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/sha256sum")
        process.arguments = [path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return PutRequest(
            key: try ObjectKey(key),
            source: FilePath(path),
            size: Int64(size),
            sha256: String(line.prefix(64)),
            mediaType: "application/octet-stream"
        )
    }
}
