import Foundation
import JSON
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// An example plugin, with a storage for it.
enum ExamplePlugin: String, CaseIterable, Sendable {
    case webdav, content

    /// The program of this plugin.
    var program: URL {
        switch self {
        case .webdav: root.appendingPathComponent("protocol/plugins/klingd-storage-webdav")
        case .content:
            URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
                .appendingPathComponent("klingd-storage-content")
        }
    }
}

/// Runs `work`, which waits for processes, on a thread of its own: those of Swift's pool are few.
private func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: work)) }
    }
}

/// Runs a Python program of the tests' environment and returns what it wrote, with its exit code.
private func python(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = root.appendingPathComponent(".build-python/venv/bin/python")
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.standardError
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
}

/// A WebDAV server, for as long as `body` runs.
private func withWebDAV(_ body: (JSONValue) throws -> Void) throws {
    let process = Process()
    process.executableURL = root.appendingPathComponent(".build-python/venv/bin/python")
    process.arguments = [root.appendingPathComponent("Tests/StorageServers/webdav.py").path]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    defer {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
    var line: [UInt8] = []
    while let byte = try output.fileHandleForReading.read(upToCount: 1)?.first, byte != 0x0A { line.append(byte) }
    try body(try JSONValue.parse(line))
}

/// Replays transcripts with `program` in the place of the plugin.
private func replay(
    _ plugin: ExamplePlugin,
    _ transcripts: [String],
    program: URL? = nil
) throws -> (status: Int32, output: String) {
    let program = program ?? plugin.program
    let files = transcripts.map { root.appendingPathComponent("protocol/transcripts/storage-plugin/\($0)").path }
    let tool = root.appendingPathComponent("protocol/transcripts/replay").path
    var outcome: (Int32, String)?
    switch plugin {
    case .content:
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-content-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        outcome = try python([tool, "--url", "content://localhost\(folder.path)", program.path] + files)
    case .webdav:
        try withWebDAV { server in
            let endpoint = try #require(server["endpoint"]?.stringValue)
            let folder = URL(fileURLWithPath: try #require(server["root"]?.stringValue)).appendingPathComponent(
                "images"
            )
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let secrets: JSONValue = ["username": server["user"] ?? "", "password": server["password"] ?? ""]
            outcome = try python(
                [
                    tool, "--url", endpoint.replacingOccurrences(of: "http:", with: "webdav:") + "/images",
                    "--config", #"{"scheme":"http"}"#, "--secrets", "\(secrets)", program.path,
                ] + files
            )
        }
    }
    return try #require(outcome)
}

private let transcripts: [String] = {
    let folder = root.appendingPathComponent("protocol/transcripts/storage-plugin").path
    return (try? FileManager.default.contentsOfDirectory(atPath: folder).sorted()) ?? []
}()

@Suite(.timeLimit(.minutes(5)), .serialized) struct TranscriptTests {
    @Test(arguments: ExamplePlugin.allCases)
    func everyTranscriptIsTrueOfBothPlugins(plugin: ExamplePlugin) async throws {
        let (status, output) = try await onThread { try replay(plugin, transcripts) }
        #expect(status == 0, "\(output)")
        let others = ExamplePlugin.allCases.map(\.rawValue).filter { $0 != plugin.rawValue }
        for line in output.split(separator: "\n") where line.hasSuffix("not for it") {
            #expect(others.contains { line.hasPrefix($0) } || line.hasPrefix("storage-full"), "\(line)")
        }
    }

    @Test func theSessionInTheDocumentIsOfTheShapeThatTheSchemasSay() async throws {
        let tool = root.appendingPathComponent("protocol/transcripts/replay").path
        let document = root.appendingPathComponent("protocol/storage-plugin.md").path
        let (status, output) = try await onThread { try python([tool, "--check", document]) }
        #expect(status == 0, "\(output)")
    }

    /// One character of one answer, each of which a program in klingd's place would stumble over.
    @Test(
        arguments: [
            (#""size""#, #""sise""#), (#""state""#, #""stat""#), (#""present""#, #""Present""#),
            (#""objects""#, #""object""#), (#""next""#, #""nxt""#), (#""versions""#, #""version""#),
            (#""was_there""#, #""wasthere""#), (#""uri""#, #""url""#), (#""kind""#, #""kinds""#),
            (#"10003"#, #"10004"#), (#""jsonrpc""#, #""jsonrp""#), (#""key": *""#, #""key":"/"#),
            (#""size": *\([0-9]*\)"#, #""size":"\1""#), (#""bytes": *\([0-9]*\)"#, #""bytes":-\1"#),
        ]
    )
    func anAnswerOfAnotherShapeIsFound(pattern: String, replacement: String) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-liar-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let liar = folder.appendingPathComponent("liar")
        try "#!/bin/sh\n'\(ExamplePlugin.content.program.path)' --stdio | sed -u 's|\(pattern)|\(replacement)|'\n"
            .write(to: liar, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: liar.path)
        let (status, output) = try await onThread {
            try replay(
                .content,
                ["describe.txt", "put-head-get-delete.txt", "put-conflict.txt", "put-twice.txt", "list-pages.txt"],
                program: liar
            )
        }
        #expect(status == 1, "\(output)")
    }

    @Test(arguments: ExamplePlugin.allCases)
    func otherArgumentsAreRefusedWithAWordOnStderr(plugin: ExamplePlugin) async throws {
        try await onThread { try refusesArguments(plugin) }
    }

    private func refusesArguments(_ plugin: ExamplePlugin) throws {
        for arguments in [[], ["--help"], ["--stdio", "x"]] {
            let process = Process()
            process.executableURL = plugin.program
            process.arguments = arguments
            let (output, error) = (Pipe(), Pipe())
            process.standardOutput = output
            process.standardError = error
            try process.run()
            let said = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(output.fileHandleForReading.readDataToEndOfFile().isEmpty)
            process.waitUntilExit()
            #expect(process.terminationStatus == 2)
            #expect(said.contains("--stdio"))
        }
    }
}
