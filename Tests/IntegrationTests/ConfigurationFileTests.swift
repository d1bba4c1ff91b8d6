import Foundation
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
}
