import Foundation
import JSON
import KlingSimulator
import Testing

/// A configuration file that is wrong is told at the start, with the place, and without what may be secret.
@Suite(.timeLimit(.minutes(10))) struct ConfigurationFileTests {
    /// The file and words of what klingd says of it.
    private static let slips: [(text: String, words: String)] = [
        ("{", "it is not JSON at line 1"),
        (#"{"storage_plugins":{"a":{"secrets":{"p":s3cret}}}}"#, "it is not JSON at line 1"),
        ("[]", "must be an object"),
        (#"{"storage_plugin":{}}"#, "did you mean 'storage_plugins'?"),
        (#"{"storage_plugins":{"S3":{}}}"#, "'S3' can't be the name of a plugin at /storage_plugins/S3"),
        (#"{"storage_plugins":{"file":{}}}"#, "at /storage_plugins/file"),
        (#"{"storage_plugins":{"a":{"comand":"/x"}}}"#, "did you mean 'command'? at /storage_plugins/a/comand"),
        (#"{"storage_plugins":{"a":{"secrets":{"p":"s3cret"}}}}"#, "at /storage_plugins/a/secrets/p"),
        (
            #"{"storage_plugins":{"a":{"secrets":{"p":{"environment":"X","file":"/x"}}}}}"#,
            "one of 'environment' and 'file'"
        ),
        (#"{"storage_plugins":{"a":{"silence_ms":1}}}"#, "at /storage_plugins/a/silence_ms"),
        (#"{"plugin_directories":["/a",1]}"#, "at /plugin_directories/1"),
        (#"{"max_images_per_day":"10"}"#, "must be a whole number, not a string"),
        (#"{"keys":{"kling":"s3cret"}}"#, "a secret does not stand here"),
    ]

    @Test(arguments: slips.indices) func aSlipIsToldWithItsPlace(index: Int) async throws {
        let (text, words) = Self.slips[index]
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-config-\(UUID()).json")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let klingd = try KlingdProcess(["serve", "--provider", "simulator", "--config", file.path])
        defer { klingd.end() }
        #expect(await klingd.exitCode() == 2)
        let errors = await klingd.allErrors()
        #expect(errors.contains(words), "\(errors)")
        #expect(errors.contains(file.path))
        #expect(!errors.contains("s3cret"))
    }

    @Test func aFileThatIsNotThereIsTold() async throws {
        let klingd = try KlingdProcess(["serve", "--provider", "simulator", "--config", "/nonexistent/config.json"])
        defer { klingd.end() }
        #expect(await klingd.exitCode() == 2)
        #expect(await klingd.allErrors().contains("/nonexistent/config.json"))
    }

    /// The file that stands in the usual place holds all that is needed, the key by way of a command.
    @Test func aFileAloneIsEnoughForAStoredImage() async throws {
        try await Bench.run({ $0.dialect = .kling }) { bench in
            let marks = bench.folder.appendingPathComponent("runs").path
            let folder = try Self.write(
                [
                    "provider": "kling", "base_url": .string(bench.address.url), "storage": .string(bench.images.path),
                    "state": .string(bench.state.path), "no_task_updates": true, "max_images_per_day": 1,
                    "keys": ["kling": ["command": ["sh", "-c", .string("echo run >> '\(marks)'; echo \(Bench.key)")]]],
                ],
                below: bench.folder
            )
            let klingd = try KlingdProcess(["serve"], environment: ["XDG_CONFIG_HOME": folder])
            defer { klingd.end() }
            klingd.send(.request(1, "generate", ["prompt": "a fox", "wait_for": "stored"]))
            #expect(try await klingd.response(to: 1)["result"]?["state"] == "stored")
            klingd.send(.request(2, "generate", ["prompt": "one too many", "wait_for": "stored"]))
            #expect(try await klingd.response(to: 2)["error"] != nil)
            klingd.closeInput()
            #expect(await klingd.exitCode() == 0)
            // No updates in between.
            #expect(klingd.lines.count == 2)
            #expect(try await bench.paidTasks() == 1)
            #expect(try String(contentsOfFile: marks, encoding: .utf8) == "run\n")
        }
    }

    @Test func aKeyCommandThatFailsEndsServe() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-config-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = try Self.write(
            ["keys": ["cometapi": ["command": ["sh", "-c", "echo s3cret; echo s3cret >&2; exit 7"]]]],
            below: folder
        )
        let klingd = try KlingdProcess(["serve"], environment: ["XDG_CONFIG_HOME": file])
        defer { klingd.end() }
        #expect(await klingd.exitCode() == 1)
        let errors = await klingd.allErrors()
        #expect(errors.contains("the command 'sh' failed with exit code 7"), "\(errors)")
        #expect(!errors.contains("s3cret"))
    }

    @Test func theGalleryRunsNoKeyCommand() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-config-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = try Self.write(["keys": ["cometapi": ["command": ["sh", "-c", "exit 7"]]]], below: folder)
        let klingd = try KlingdProcess(
            ["gallery", "--state", folder.appendingPathComponent("state").path],
            environment: ["XDG_CONFIG_HOME": file]
        )
        defer { klingd.end() }
        #expect(await klingd.exitCode() == 1)
        let errors = await klingd.allErrors()
        #expect(errors.contains("there is no ledger"), "\(errors)")
    }

    @Test func configShowTellsValuesAndPlacesAndNoSecrets() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-config-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let place = try Self.write(["max_images_per_day": 3], below: folder)
        let environment = ["XDG_CONFIG_HOME": place, "COMETAPI_KEY": "s3cret", "KLINGD_REQUEST_TIMEOUT": "7"]
        let table = try KlingdProcess(["config", "show", "--storage", "/pictures"], environment: environment)
        defer { table.end() }
        #expect(await table.exitCode() == 0)
        #expect(await table.allErrors() == "")
        let rows = table.lines.map { $0.split(separator: " ").joined(separator: " ") }
        #expect(rows.contains("storage file:///pictures flag --storage"))
        #expect(rows.contains("request_timeout 7 variable KLINGD_REQUEST_TIMEOUT"))
        #expect(rows.contains("max_images_per_day 3 file \(place)/klingd/config.json"))
        #expect(rows.contains("provider cometapi default"))
        #expect(rows.contains("keys.cometapi set (variable COMETAPI_KEY) variable COMETAPI_KEY"))
        #expect(!table.lines.joined().contains("s3cret"))

        let wrong = try KlingdProcess(
            ["config", "show", "--json"],
            environment: environment.merging(["KLINGD_PROVIDER": "nobody"]) { $1 }
        )
        defer { wrong.end() }
        #expect(await wrong.exitCode() == 2)
        let settings = try #require(wrong.messages.first?["settings"]?.arrayValue)
        let provider = try #require(settings.first { $0["name"] == "provider" })
        #expect(provider["problem"]?.stringValue?.hasPrefix("the variable KLINGD_PROVIDER must be one of") == true)
        let limit = try #require(settings.first { $0["name"] == "max_images_per_day" })
        #expect(limit["value"] == 3)
        #expect(limit["origin"] == "file")
        let key = try #require(settings.first { $0["name"] == "keys.cometapi" })
        #expect(key["is_set"] == true)
        #expect(key["value"] == nil)
        #expect(!wrong.lines.joined().contains("s3cret"))
    }

    /// Writes `klingd/config.json`, and gives the configuration folder it is in.
    private static func write(_ configuration: JSONValue, below folder: URL) throws -> String {
        let place = folder.appendingPathComponent("configuration")
        let own = place.appendingPathComponent("klingd")
        try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
        try Data("\(configuration)".utf8).write(to: own.appendingPathComponent("config.json"))
        return place.path
    }
}
