import AsyncHTTPClient
import Foundation
import JSON
import KlingSimulator
import NIOCore
import StorageServers
import Testing

/// Images in real object stores, read back by a client that shares no code with klingd.
@Suite(.timeLimit(.minutes(10))) struct ObjectStoreTests {
    static let stores: [StorageServer.Kind] = [.openStackSwift, .seaweedFS]

    /// A place of its own for each test in the bucket that all share.
    private func place(_ name: String, in store: StorageServer) -> (url: String, prefix: String) {
        let prefix = "\(name)-\(UUID().uuidString.lowercased())/pictures"
        return ("s3://\(store.bucket)/\(prefix)", prefix)
    }

    @Test(arguments: stores) func imagesAreReadBackByteForByte(kind: StorageServer.Kind) async throws {
        let store = try await StorageServer.sharedInRoom(kind)
        let (url, prefix) = place("main", in: store)
        try await Bench.run { bench in
            let klingd = try bench.start(["--storage", url], environment: store.environment)
            let task = try await klingd.ask("generate", ["prompt": "p", "n": 3, "wait_for": "stored"])
            #expect(task["state"] == "stored")
            let images = try #require(task["images"]?.arrayValue)
            #expect(images.count == 3)
            let objects = try await store.readBack(prefix: prefix)
            #expect(objects.count == 4, "three images and what tells of them")
            for image in images {
                let uri = try #require(image["uri"]?.stringValue)
                #expect(uri.hasPrefix(url + "/"))
                #expect(image["path"] == .null)
                let object = try #require(objects.first { "s3://\(store.bucket)/\($0.key)" == uri })
                // What the provider gave, fetched once more.
                let original = try await bench.download(try #require(image["url"]?.stringValue))
                #expect(object.sha256 == original.sha256)
                #expect(object.sha256 == image["sha256"]?.stringValue)
                #expect(object.size == original.size)
                #expect(object.contentType == "image/png")
                #expect(object.metadata["task-id"] == task["task_id"]?.stringValue)
                #expect(object.metadata["sha256"] == object.sha256)
            }
            let sidecar = try #require(objects.first { $0.key.hasSuffix(".json") })
            #expect(sidecar.contentType == "application/json")
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func keysCanComeFromAProgram() async throws {
        let store = try await StorageServer.sharedInRoom(.seaweedFS)
        let (url, prefix) = place("program", in: store)
        try await Bench.run { bench in
            // It tells which signals it is started with: klingd itself holds some of them back.
            let program = bench.folder.appendingPathComponent("keys.sh")
            let keys: JSONValue = [
                "Version": 1, "AccessKeyId": .string(store.accessKey), "SecretAccessKey": .string(store.secretKey),
            ]
            let script = "#!/bin/sh\ngrep SigBlk /proc/self/status >'\(bench.folder.path)/mask'\necho '\(keys)'\n"
            try Data(script.utf8).write(to: program)
            let file = bench.folder.appendingPathComponent("aws.config")
            try Data("[profile kling]\ncredential_process = /bin/sh \(program.path)\n".utf8).write(to: file)
            let klingd = try bench.start(
                ["--storage", url],
                environment: [
                    "AWS_CONFIG_FILE": file.path, "AWS_PROFILE": "kling", "AWS_ENDPOINT_URL": store.endpoint,
                    "AWS_REGION": store.region,
                ]
            )
            let task = try await klingd.ask("generate", ["prompt": "p", "wait_for": "stored"])
            #expect(task["state"] == "stored", "\(task)")
            #expect(try await store.readBack(prefix: prefix).count == 2)
            let mask = try String(contentsOfFile: bench.folder.path + "/mask", encoding: .utf8)
            #expect(mask.hasSuffix("\t0000000000000000\n"), "\(mask)")
            #expect(!klingd.errors.contains(store.secretKey))
        }
    }

    /// Whoever corrects the keys in a file need not start klingd anew.
    @Test func correctedKeysInAFileAreTakenWithoutARestart() async throws {
        let store = try await StorageServer.sharedInRoom(.seaweedFS)
        let (url, prefix) = place("file", in: store)
        try await Bench.run { configuration in
            configuration.timeScale = 0.2
        } _: { bench in
            let file = bench.folder.appendingPathComponent("aws.credentials")
            func write(_ secret: String) throws {
                let text = "[default]\naws_access_key_id = \(store.accessKey)\naws_secret_access_key = \(secret)\n"
                try Data(text.utf8).write(to: file)
            }
            try write(store.secretKey)
            let environment = [
                "AWS_SHARED_CREDENTIALS_FILE": file.path, "AWS_ENDPOINT_URL_S3": store.endpoint,
                "AWS_CONFIG_FILE": "/nonexistent",
            ]
            let first = try bench.start(["--storage", url], environment: environment)
            let id = try #require(try await first.ask("generate", ["prompt": "p"])["id"])
            first.signal(SIGKILL)
            _ = await first.exitCode()
            try write("wrong")
            let klingd = try bench.start(["--storage", url], environment: environment)
            let task = try await klingd.task(id) { $0["state"] == "storing" && $0["error"] != .null }
            let message = task["error"]?["message"]?.stringValue ?? ""
            #expect(message.contains("in \(file.path) line 3"), "\(message)")
            try write(store.secretKey)
            #expect(try await klingd.end(of: id)["state"] == "stored")
            #expect(try await store.readBack(prefix: prefix).count == 2)
        }
    }

    /// What was paid is told as paid, whatever the storage is like today.
    @Test func aRepeatUnderItsKeyIsAnsweredWhenTheStoreRefuses() async throws {
        let store = try await StorageServer.sharedInRoom(.seaweedFS)
        let proxy = try await FaultProxy(to: store)
        let (url, _) = place("repeat", in: store)
        try await Bench.run { bench in
            let klingd = try bench.start(["--storage", url], environment: proxy.environment)
            let params: JSONValue = ["prompt": "p", "idempotency_key": "k"]
            let first = try await klingd.ask("generate", params)
            try await proxy.queue(StoreFault(.answer, times: nil, details: ["status": 403, "code": "AccessDenied"]))
            _ = try await klingd.task(try #require(first["id"])) { $0["error"]?["kind"] == "storage_denied" }
            let refusal = try await klingd.refusal(of: "generate", ["prompt": "another"])
            #expect(refusal["data"]?["charged"] == "no")
            let again = try await klingd.ask("generate", params)
            #expect(again["id"] == first["id"])
            #expect(again["charged"] == "yes")
            try await proxy.reset()
            #expect(try await klingd.end(of: try #require(first["id"]))["state"] == "stored")
            try await bench.expectPaidOnce(1)
        }
        await proxy.stop()
    }

    /// A setting that is wrong, how to make it so, and words of the error that names it.
    private struct Mistake {
        var environment: [String: String]
        var kind: String
        var words: [String]
    }

    @Test(arguments: stores) func aWrongSettingIsNamedAndTheTaskIsStoredOnceItIsRight(kind: StorageServer.Kind)
        async throws
    {
        let store = try await StorageServer.sharedInRoom(kind)
        var mistakes = [
            Mistake(
                environment: ["AWS_SECRET_ACCESS_KEY": "wrong"],
                kind: "storage_denied",
                words: ["AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch"]
            ),
            Mistake(
                environment: [
                    "AWS_ACCESS_KEY_ID": store.limitedAccessKey, "AWS_SECRET_ACCESS_KEY": store.limitedSecretKey,
                ],
                kind: "storage_denied",
                words: ["s3:PutObject", "AccessDenied"]
            ),
            Mistake(
                environment: ["AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"],
                kind: "storage_unavailable",
                words: ["http://127.0.0.1:1"]
            ),
        ]
        // The other one takes any region.
        if kind == .openStackSwift {
            mistakes.append(
                Mistake(
                    environment: ["AWS_REGION": "eu-west-1"],
                    kind: "storage_config",
                    words: ["set AWS_REGION to 'us-east-1'"]
                )
            )
        }
        try await expect(mistakes, in: store)
    }

    @Test func aClockThatIsWrongIsNamedAndTheTaskIsStoredOnceItIsRight() async throws {
        let store = try await Bench.inRoom(taking: 2) { try await StorageServer.openStackSwift(clockOffset: 1200) }
        try await expect(
            [
                Mistake(
                    environment: [:],
                    kind: "storage_config",
                    words: ["clock is 20 min behind", "RequestTimeTooSkewed"]
                )
            ],
            in: store,
            right: store.readerEnvironment
        )
        await store.stop()
    }

    private func expect(
        _ mistakes: [Mistake],
        in store: StorageServer,
        right: [String: String]? = nil
    ) async throws {
        let (url, prefix) = place("mistakes", in: store)
        let right = right ?? store.environment
        try await Bench.run { bench in
            let first = try bench.start(["--storage", url], environment: right)
            let id = try #require(try await first.ask("generate", ["prompt": "p"])["id"])
            // Before the job is finished, so that it is stored by those that follow.
            first.signal(SIGKILL)
            _ = await first.exitCode()
            for mistake in mistakes {
                let environment = store.environment.merging(mistake.environment) { $1 }
                let klingd = try bench.start(["--storage", url], environment: environment)
                // Not the one that the ledger has of the mistake before.
                let task = try await klingd.task(id) { task in
                    let message = task["error"]?["message"]?.stringValue ?? ""
                    return mistake.words.allSatisfy { message.contains($0) }
                }
                #expect(task["state"] == "storing")
                #expect(task["error"]?["kind"] == .string(mistake.kind))
                #expect(task["error"]?["charged"] == "yes")
                for secret in [store.secretKey, store.limitedSecretKey] where secret != "testing" {
                    #expect(!klingd.errors.contains(secret) && !"\(task)".contains(secret))
                }
                // Before anything is paid, too.
                let refusal = try await klingd.refusal(of: "generate", ["prompt": "another"])
                #expect(refusal["data"]?["kind"] == .string(mistake.kind), "\(refusal)")
                #expect(refusal["data"]?["charged"] == "no")
                klingd.signal(SIGKILL)
                _ = await klingd.exitCode()
            }
            #expect(try await store.readBack(prefix: prefix).isEmpty)
            let last = try bench.start(["--storage", url], environment: right)
            let task = try await last.end(of: id)
            #expect(task["state"] == "stored", "\(task)")
            let stored = try await store.readBack(prefix: prefix).map(\.sha256)
            #expect(stored.contains(try #require(task["images"]?[0]?["sha256"]?.stringValue)))
            try await bench.expectPaidOnce(1)
        }
    }

    @Test(arguments: stores) func aBucketThatIsGoneIsNamedAndTheTaskIsStoredOnceItIsThere(
        kind: StorageServer.Kind
    ) async throws {
        let store = try await StorageServer.sharedInRoom(kind)
        let bucket = "klingd-\(UUID().uuidString.lowercased().prefix(8))"
        // Jobs that take some seconds: the bucket is gone before they end.
        try await Bench.run { configuration in
            configuration.timeScale = 0.4
        } _: { bench in
            let klingd = try bench.start(["--storage", "s3://\(bucket)"], environment: store.environment)
            let refusal = try await klingd.refusal(of: "generate", ["prompt": "p"])
            #expect(refusal["data"]?["kind"] == "storage_config")
            #expect(refusal["message"]?.stringValue?.contains("the bucket '\(bucket)' does not exist") == true)
            #expect(try await bench.bill()["creates_received"] == 0)

            try await store.makeBucket(bucket)
            let id = try #require(try await klingd.ask("generate", ["prompt": "p"])["id"])
            try await store.removeBucket(bucket)
            let task = try await klingd.task(id) { $0["state"] == "storing" && $0["error"] != .null }
            #expect(task["error"]?["kind"] == "storage_config", "\(task)")
            #expect(task["error"]?["message"]?.stringValue?.contains("'\(bucket)' does not exist") == true)

            try await store.makeBucket(bucket)
            #expect(try await klingd.end(of: id)["state"] == "stored")
            try await bench.expectPaidOnce(1)
        }
    }

    /// What the network and the store do to what klingd sends, and how often the image is sent then.
    private struct Trouble {
        var fault: StoreFault
        var puts: Int
    }

    private static func trouble(
        _ action: StoreFault.Action,
        _ path: String = ".png",
        times: Int = 1,
        puts: Int,
        details: JSONObject = [:]
    ) -> Trouble {
        Trouble(fault: StoreFault(action, method: "PUT", path: path, times: times, details: details), puts: puts)
    }

    private static let troubles: [Trouble] = [
        trouble(.slowDown, times: 2, puts: 3),
        trouble(.internalError, times: 3, puts: 4),
        trouble(.resetBefore, puts: 2),
        trouble(.cutUpload, puts: 2),
        trouble(.cutUpload, puts: 2, details: ["forward": true]),
        trouble(.answerLost, times: 2, puts: 3),
        trouble(.errorIn200, puts: 2),
        trouble(.wrongETag, puts: 2),
        // More than one storing may ask: the task goes on later.
        trouble(.internalError, times: 5, puts: 6),
        trouble(.answerLost, ".json", puts: 1),
        trouble(.answerLost, ".klingd-probe", puts: 1),
    ]

    @Test(arguments: stores) func everyTaskIsStoredWhateverHappensOnTheWay(kind: StorageServer.Kind) async throws {
        let store = try await StorageServer.sharedInRoom(kind)
        let proxy = try await FaultProxy(to: store)
        let (url, prefix) = place("faults", in: store)
        try await Bench.run(taking: 2) { bench in
            let klingd = try bench.start(["--storage", url], environment: proxy.environment)
            for trouble in Self.troubles {
                try await proxy.reset()
                try await proxy.queue(trouble.fault)
                let task = try await klingd.ask("generate", ["prompt": "p", "wait_for": "stored"])
                #expect(task["state"] == "stored", "\(trouble): \(task)")
                let sum = try #require(task["images"]?[0]?["sha256"]?.stringValue)
                let log = try await proxy.log().filter { $0.method == "PUT" && $0.path.contains(".png") }
                #expect(log.count == trouble.puts, "\(trouble): \(log)")
                let key = String(
                    try #require(task["images"]?[0]?["uri"]?.stringValue).dropFirst("s3://\(store.bucket)/".count)
                )
                let object = try #require(
                    try await store.readBack(prefix: prefix).first { $0.key == key },
                    "\(trouble)"
                )
                #expect(object.sha256 == sum, "\(trouble)")
            }
            try await bench.expectPaidOnce(Self.troubles.count)
        }
        await proxy.stop()
    }
}

extension Bench {
    /// What lies at a URL, judged by a program that shares no code with klingd.
    func download(_ url: String) async throws -> (sha256: String, size: Int) {
        let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        let path = folder.appendingPathComponent("download-\(UUID())").path
        try Data(bytes.readableBytesView).write(to: URL(fileURLWithPath: path))
        return (try #require(try await sha256(ofFiles: [path])[path]), bytes.readableBytes)
    }
}

extension KlingdProcess {
    /// A task once it `shows` something: looked at again and again, for half a minute at the most.
    func task(_ id: JSONValue, once shows: (JSONValue) -> Bool) async throws -> JSONValue {
        let end = Date(timeIntervalSinceNow: 30)
        while true {
            let task = try await ask("status", ["id": id])
            if shows(task) { return task }
            try #require(end > Date(), "not in half a minute: \(task)")
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

extension StorageServer {
    func makeBucket(_ name: String) async throws { try await bucket(name, "create_bucket") }
    func removeBucket(_ name: String) async throws { try await bucket(name, "delete_bucket") }

    private func bucket(_ name: String, _ action: String) async throws {
        let program = """
            import boto3, sys
            from botocore.config import Config
            client = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
            getattr(client, sys.argv[1])(Bucket=sys.argv[2])
            """
        _ = try await runPython(["-c", program, action, name], environment: environment)
    }
}
