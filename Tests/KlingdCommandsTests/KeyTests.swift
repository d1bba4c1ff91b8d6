import Foundation
import KlingAPI
import Testing

@testable import KlingdCommands

/// Keys come from variables, else from where the configuration file says; nothing shows them.
@Suite(.timeLimit(.minutes(2)), .serialized) struct KeyTests {
    @Test func aKeyIsReadFromAFileACommandOrAnotherVariable() throws {
        let surroundings = try Surroundings(["ELSEWHERE": "of-variable"])
        let file = try surroundings.write("of-file\n", to: "key")
        let places = [
            (#"{"file": "\#(file)"}"#, "of-file"), (#"{"command": ["printf", "%s\\n", "of-command"]}"#, "of-command"),
            (#"{"environment": "ELSEWHERE"}"#, "of-variable"),
        ]
        for (place, key) in places {
            try surroundings.replaceFile(#"{"keys": {"cometapi": \#(place)}}"#)
            #expect(try surroundings.settings().key?.account == key)
            try surroundings.replaceFile(#"{"provider": "kling", "keys": {"kling": \#(place)}}"#)
            #expect(try surroundings.settings().key?.account == key)
        }
    }

    @Test func aKeyInAVariableGoesBeforeTheFileAndAWholeKeyBeforeAPair() throws {
        let file = """
            {"provider": "kling", "keys": {"cometapi": {"command": ["echo", "file"]}, "kling": {"command": ["echo", "file"]},
             "kling_access_key": {"command": ["echo", "access"]}, "kling_secret_key": {"command": ["echo", "secret"]}}}
            """
        func account(_ variables: [String: String], _ arguments: [String] = []) throws -> String? {
            try Surroundings(variables, file: file).settings(arguments).key?.account
        }
        #expect(try account([:]) == "file")
        #expect(try account(["KLING_API_KEY": "variable"]) == "variable")
        #expect(try account(["COMETAPI_KEY": "variable"], ["--provider", "cometapi"]) == "variable")
        #expect(try account(["KLING_ACCESS_KEY": "a", "KLING_SECRET_KEY": "s"]) == "a")
        #expect(try account(["KLING_ACCESS_KEY": "a"]) == "file")
        #expect(try account([:], ["--provider", "simulator"]) == Settings.simulatorKey)
    }

    @Test func aPairMayBeOfTwoPlacesAndHalfOfOneIsTold() throws {
        let half = #"{"provider": "kling", "keys": {"kling_secret_key": {"command": ["echo", "secret"]}}}"#
        #expect(try Surroundings(["KLING_ACCESS_KEY": "a"], file: half).settings().key?.account == "a")
        let alone = try Surroundings(file: half)
        #expect(
            alone.failure()?.message == "keys.kling_secret_key in \(alone.filePath) is set without KLING_ACCESS_KEY"
        )
        #expect(try alone.report().row(.klingSecretKey).problem == alone.failure()?.message)
        let variable = try Surroundings(["KLINGD_PROVIDER": "kling", "KLING_ACCESS_KEY": "a"])
        #expect(variable.failure()?.message == "KLING_ACCESS_KEY is set without KLING_SECRET_KEY")
        #expect(variable.failure()?.exitCode == 2)
    }

    @Test func nothingIsRunForAKeyThatIsNotNeeded() throws {
        let surroundings = try Surroundings()
        let mark = surroundings.folder.appendingPathComponent("was-run").path
        try surroundings.replaceFile(#"{"keys": {"cometapi": {"command": ["touch", "\#(mark)"]}}}"#)
        #expect(try surroundings.settings(needsKey: false).key == nil)
        _ = try surroundings.settings(["--provider", "simulator"])
        #expect(try surroundings.report().row(.cometAPIKey).text == "set (command touch)")
        #expect(!FileManager.default.fileExists(atPath: mark))
        // It prints no key.
        #expect(surroundings.failure()?.message.contains("holds what cannot be a key") == true)
        #expect(FileManager.default.fileExists(atPath: mark))
    }

    @Test func aKeyThatIsNotToBeHadIsToldWithItsPlace() throws {
        let places = [
            (#"{"file": "/nonexistent/key"}"#, "the file /nonexistent/key can't be read", Int32(2)),
            (#"{"environment": "NOWHERE"}"#, "the variable NOWHERE is not set", 2),
            (#"{"command": ["sh", "-c", "echo s3cret; echo s3cret >&2; exit 7"]}"#, "'sh' failed with exit code 7", 1),
            (#"{"command": ["sh", "-c", "kill -9 $$ # s3cret"]}"#, "'sh' was ended by signal 9", 1),
            (#"{"command": ["klingd-no-such-program", "s3cret"]}"#, "was not found", 1),
            (#"{"command": ["head", "-c", "70000", "/dev/zero"]}"#, "'head' printed more than 64 KiB", 1),
            (#"{"command": ["echo", "s3cret s3cret"]}"#, "holds what cannot be a key", 2),
            // It is given nothing to read.
            (#"{"command": ["cat"]}"#, "holds what cannot be a key", 2),
        ]
        for (place, words, code) in places {
            let surroundings = try Surroundings(file: #"{"keys": {"cometapi": \#(place)}}"#)
            let failure = try #require(surroundings.failure(), "\(place)")
            #expect(failure.message.hasPrefix("keys.cometapi in \(surroundings.filePath)"), "\(failure.message)")
            #expect(failure.message.contains(words), "\(failure.message)")
            #expect(failure.exitCode == code, "\(place)")
            #expect(!failure.message.contains("s3cret"))
        }
    }

    @Test func aCommandThatDoesNotEndIsEnded() async throws {
        let surroundings = try Surroundings()
        let file = surroundings.folder.appendingPathComponent("id").path
        let command = KeyCommand(
            words: ["sh", "-c", "echo $$ > '\(file)'; exec sleep 60"],
            environment: ["PATH": "/usr/bin:/bin"],
            timeLimit: .seconds(2)
        )
        let start = ContinuousClock.now
        guard case .failure(let failure) = await command.run() else {
            Issue.record("it ended of itself")
            return
        }
        #expect(failure.reason == "did not end within 2 s")
        #expect(ContinuousClock.now - start < .seconds(30))
        // On a very busy machine it may not have come so far.
        guard let text = try? String(contentsOfFile: file, encoding: .utf8), let id = Int32(text.dropLast()) else {
            return
        }
        #expect(kill(id, 0) == -1)
    }

    /// A marker in every place where a secret is, or could be by mistake.
    @Test func noSecretIsEverShown() throws {
        let marker = "M4rker"
        let surroundings = try Surroundings([
            "COMETAPI_KEY": marker, "KLING_API_KEY": marker, "KLING_ACCESS_KEY": marker, "KLING_SECRET_KEY": marker,
            "AWS_SECRET_ACCESS_KEY": marker, "PLUGIN_PASSWORD": marker,
        ])
        let file = try surroundings.write(marker, to: "secret")
        let blank = try surroundings.write(marker + " and " + marker, to: "blank")
        let plugins = """
            "storage_plugins": {"web": {"config": {"token": "\(marker)"}, "secrets": {"password":
            {"environment": "PLUGIN_PASSWORD"}, "other": {"file": "\(file)"}, "third": {"environment": "NOWHERE"}}}}
            """
        let keys = ["cometapi", "kling", "kling_access_key", "kling_secret_key"]
        let places = [
            #"{"file": "\#(file)"}"#, #"{"file": "\#(blank)"}"#, #"{"command": ["echo", "\#(marker)"]}"#,
            #"{"environment": "PLUGIN_PASSWORD"}"#, #""\#(marker)""#, #"{"secret": "\#(marker)"}"#, "[\(marker)]",
        ]
        let files = places.map { place in
            "{\(plugins), \"keys\": {" + keys.map { "\"\($0)\": \(place)" }.joined(separator: ",") + "}}"
        }
        let arguments = [
            [], ["--provider", "kling"], ["--base-url", "https://\(marker):\(marker)@api.example"],
            ["--base-url", "https://api.example/?key=\(marker)"], ["--storage", "s3://\(marker):\(marker)@bucket"],
            ["--storage", "web://\(marker)@host/x"],
        ]
        func expectNoMarker(_ surroundings: Surroundings, _ file: String, _ arguments: [String]) throws {
            try surroundings.replaceFile(file)
            let shown = try surroundings.report(arguments).everything
            #expect(!shown.contains(marker), "\(file) \(arguments)\n\(shown)")
            let message = surroundings.failure(arguments)?.message ?? ""
            #expect(!message.contains(marker), "\(message)")
        }
        let alone = try Surroundings(["PLUGIN_PASSWORD": marker])
        for file in files {
            for arguments in arguments.prefix(2) { try expectNoMarker(alone, file, arguments) }
        }
        for arguments in arguments { try expectNoMarker(surroundings, files[0], arguments) }
        try surroundings.replaceFile(files[0])
        #expect(try surroundings.report().row(.cometAPIKey).text == "set (variable COMETAPI_KEY)")
        #expect(try Surroundings().report().row(.cometAPIKey).text == "not set")
    }
}
