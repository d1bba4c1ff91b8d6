import Foundation
import JSON
import PluginStorage
import Storage
import Synchronization
import SystemPackage
import Testing

/// What a plugin does wrong is told in words that its author can act on, and the next attempt finds klingd well.
@Suite(.timeLimit(.minutes(1))) struct MisbehaviourTests {
    /// A put that fails as long as the plugin misbehaves, and succeeds afterwards with the same storage.
    private func failure(
        of fault: String,
        times: Int = 2,
        config: JSONObject = [:],
        _ change: (inout PluginStorageOptions) -> Void = { _ in }
    ) async throws -> StorageError {
        let plugin = try TestPlugin()
        let options = plugin.options(fault: fault, times: times, config: config, change)
        let error = try await plugin.use(options) { storage in
            let request = try plugin.file("some bytes")
            let error = await storageError { try await storage.put(request) }
            try await storage.put(request)
            return try #require(error)
        }
        #expect(plugin.workFolders.isEmpty)
        #expect(error.kind == .plugin)
        #expect(error.isRetryable)
        return error
    }

    @Test(arguments: ["crash in put", "segfault in put", "crash after storing", "crash at start", "garbage"])
    func aCrashThatDoesNotComeAgainIsNotSeen(fault: String) async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options(fault: fault, times: 1)) { storage in
            let stored = try await storage.put(try plugin.file("some bytes"))
            #expect(stored.wasThere == (fault == "crash after storing"))
        }
        #expect(plugin.log.text.contains("warning plugin=test klingd-storage-test"))
    }

    @Test(arguments: [
        ("crash in put", "it exited with status 3 unasked; its last lines on stderr: cannot go on"),
        ("segfault in put", "it was ended by signal 11 (SIGSEGV) unasked; it wrote nothing to stderr"),
        ("crash after storing", "it exited with status 4 unasked"),
        (
            "garbage",
            #"wrote to stdout what is no message (not JSON: invalid token near 'Uploading' (line 1, column 10, byte 9)): "#
                + #""Uploading \x1b[31mnow\xff with [secret password]..."; stdout is for the protocol alone: "#
                + "write logs to stderr"
        ),
        ("request", "asked for 'give_me_more': a plugin answers and notifies, but makes no requests"),
        ("unknown id", "answered a request with the id 4711, which was never made or has been answered"),
        ("batch", "wrote to stdout what is no message (a batch must not be empty): \"[]\""),
        ("batch of answers", #"wrote a batch: "[{\"jsonrpc\": \"2.0\""#),
        ("long line", "wrote a line of more than 1048576 bytes to stdout; image content goes by path"),
        ("malformed answer", "answered what can't be read (a response with both or neither of result and error)"),
    ])
    func whatEndsThePluginIsTold(fault: String, told: String) async throws {
        let error = try await failure(of: fault)
        #expect(error.message.hasPrefix("klingd-storage-test crashed twice during put of a/b.png: it "))
        #expect(error.message.contains(told), "\(error.message)")
    }

    @Test(arguments: [
        (
            "wrong types",
            "answered 'put' with what the protocol does not allow: 'size' must be an integer, not a string (at /result/size)"
        ),
        ("no members", "answered 'put' with what the protocol does not allow: 'size' is missing (at /result/size)"),
        ("claims more", "claims to have stored 15 bytes under a/b.png, but was given a file of 10"),
        ("says stored", "claims to have stored 10 bytes under a/b.png, but 'head' says that nothing is there"),
        ("absent", "claims to have stored 10 bytes under a/b.png, but 'head' says that nothing is there"),
        ("other size", "claims to have stored 10 bytes under a/b.png, but 'head' says 9"),
        ("other digest", "but 'head' says the sha256 0000000000000000000000000000000000000000000000000000000000000000"),
        ("strange kind", "answered put of a/b.png with the kind 'moon_phase', which is none: not today"),
    ])
    func anAnswerThatIsWrongFailsItsRequestAlone(fault: String, told: String) async throws {
        let error = try await failure(of: fault, times: 1)
        #expect(error.message.hasPrefix("klingd-storage-test "))
        #expect(error.message.contains(told), "\(error.message)")
    }

    @Test(arguments: [
        ("crash at start", "it exited with status 1 unasked; its last lines on stderr: no module named foo"),
        ("hang at start", "it did not answer 'initialize' within 0.5 s"),
        ("wrong version", "it picked version 9 of the protocol, but klingd speaks 1: pick one of those"),
        ("wrong types in initialize", "'get' must be true or false, not a string (at /result/capabilities/get)"),
        ("close stdout", "it closed its stdout but did not exit"),
    ])
    func aPluginThatCannotBeSetUpIsTold(fault: String, told: String) async throws {
        let error = try await failure(of: fault) {
            if fault == "hang at start" { $0.times.handshake = .milliseconds(500) }
        }
        #expect(error.message.hasPrefix("klingd-storage-test crashed twice"))
        #expect(error.message.contains(told), "\(error.message)")
    }

    @Test func aPluginThatAnswersBeforeItIsAskedIsTold() async throws {
        let plugin = try TestPlugin(name: "eager")
        try await plugin.use(plugin.options()) { storage in
            let error = await storageError { try await storage.describe() }
            let message = try #require(error?.message)
            // It is asked at once: whether its answer came earlier is a matter of luck.
            #expect(message.contains("answer") || message.contains("'protocol' is missing"), "\(message)")
        }
    }

    @Test func aSecondAnswerToOneRequestEndsThePlugin() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options(fault: "answer twice", times: 1)) { storage in
            try await storage.put(try plugin.file("some bytes"))
        }
        #expect(plugin.log.text.contains("which was never made or has been answered"))
    }

    @Test func aVersionThatKlingdDoesNotSpeakIsAMatterOfTheSetUp() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options(fault: "version kind")) { storage in
            let error = await storageError { try await storage.prepare() }
            #expect(error?.kind == .configuration)
            #expect(error?.isRetryable == false)
            #expect(
                error?.message
                    == "klingd-storage-test speaks the versions 7, 8 of the plugin protocol, klingd 1: upgrade klingd"
            )
        }
    }

    @Test func aPluginThatRefusesItsConfigurationIsAskedAgainWhenSomebodyWants() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options(fault: "refuse", times: 1)) { storage in
            let error = await storageError { try await storage.prepare() }
            #expect(error?.kind == .configuration)
            #expect(error?.message == "klingd-storage-test: the folder must be named in 'folder'")
            try await storage.prepare()
        }
    }

    @Test func howLongToWaitIsHandedOn() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options(fault: "busy")) { storage in
            let error = await storageError { try await storage.put(try plugin.file("some bytes")) }
            #expect(error?.kind == .unavailable)
            #expect(error?.isRetryable == true)
            #expect(error?.retryAfter == .milliseconds(1500))
        }
    }

    @Test func aPluginThatCrashesAgainAndAgainIsLeftAlone() async throws {
        let plugin = try TestPlugin()
        let options = plugin.options(fault: "crash in put") { $0.date = { 1_795_636_799 } }
        try await plugin.use(options) { storage in
            var last: StorageError?
            for _ in 0..<4 { last = await storageError { try await storage.put(try plugin.file("some bytes")) } }
            let error = try #require(last)
            #expect(error.kind == .plugin)
            #expect(error.isRetryable)
            #expect(error.message.contains("crashed 5 times within 300 s and is left alone until 2026-11-25T20:0"))
            #expect(error.message.contains("the last time it exited with status 3"))
            #expect((error.retryAfter ?? .zero) > .seconds(200))
        }
        let marks = try Data(contentsOf: plugin.objects.appendingPathComponent(".marks-crash in put"))
        #expect(marks.count == 5)
    }

    @Test(arguments: ["link", "no file", "cut file"])
    func aFileThatIsNotWhatGetSaysIsNotHandedOn(fault: String) async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options(fault: fault)) { storage in
            let request = try plugin.file("some bytes")
            try await storage.put(request)
            let copy = FilePath(plugin.folder.appendingPathComponent("copy").path)
            let error = try #require(await storageError { try await storage.get(request.key, to: copy) })
            #expect(error.kind == .plugin)
            let told = [
                "link": "the file at 'path' is a link", "no file": "the file at 'path' can't be opened",
                "cut file": "with a size of 10 bytes, but the file at 'path' has 9",
            ]
            #expect(error.message.contains(told[fault] ?? "?"), "\(error.message)")
            #expect(!FileManager.default.fileExists(atPath: copy.string))
        }
    }

    @Test func anObjectThatIsListedTwiceIsTold() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options(fault: "listed twice")) { storage in
            for key in ["a", "b"] { try await storage.put(try plugin.file("x", key: key)) }
            let error = await storageError { try await storage.list(prefix: "", after: nil, limit: 10) }
            #expect(error?.message.contains("'a' comes twice (at /result/objects/1/key)") == true)
        }
    }
}
