import Foundation
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// The transcripts of the native protocol are true of this klingd, and would notice if they were not.
@Suite(.timeLimit(.minutes(10))) struct TranscriptTests {
    private static let folder = root.appendingPathComponent("protocol/transcripts/native")

    /// Every transcript of a revision.
    private func transcripts(of revision: Int) throws -> [String] {
        let folder = Self.folder.appendingPathComponent("revision-\(revision)").path
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        return names.filter { $0.hasSuffix(".txt") }.map { "\(folder)/\($0)" }
    }

    /// Replays transcripts, in the Python that `make test` has prepared.
    private func replay(
        _ options: [String],
        _ files: [String],
        klingd: String = KlingdProcess.binary
    ) async throws -> (code: Int32, output: String) {
        let tool = root.appendingPathComponent("protocol/transcripts/replay").path
        let python = root.appendingPathComponent(".build-python/venv/bin/python").path
        try #require(FileManager.default.isExecutableFile(atPath: python), "`make test` or .ci/setup-tests makes it")
        return try await Bench.inRoom(taking: files.count == 1 ? 1 : 4) {
            let process = try KlingdProcess([tool, "--klingd", klingd] + options + files, program: python)
            defer { process.end() }
            let code = await process.exitCode()
            return (code, process.lines.joined(separator: "\n") + "\n" + (await process.allErrors()))
        }
    }

    @Test func everyTranscriptIsTrueToTheMemberAndEveryChangeOfItWouldBeNoticed() async throws {
        let files = try transcripts(of: 2)
        try #require(files.count > 100)
        let (code, output) = try await replay(["--prove"], files)
        #expect(code == 0, "\(output)")
        #expect(!output.contains("not for it"), "\(output)")
        #expect(!output.contains("not checked"), "\(output)")
    }

    @Test func whatAClientOfRevision1ReliesOnIsThere() async throws {
        let (code, output) = try await replay(["--open", "--prove"], try transcripts(of: 1))
        #expect(code == 0, "\(output)")
        #expect(!output.contains("not for it"), "\(output)")
    }

    /// Runs `body` with a klingd whose answers go through a `sed` with `script`.
    private func withLiar(_ script: String, _ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("klingd-liar-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let liar = folder.appendingPathComponent("liar")
        let text = "#!/bin/sh\n'\(KlingdProcess.binary)' \"$@\" | sed -u '\(script)'\n"
        // Written by a child: while this process has it open, a child of another test has too, and it can't be run.
        let writer = try KlingdProcess(
            ["-c", #"printf %s "$TEXT" > "$1" && chmod 755 "$1""#, "sh", liar.path],
            program: "/bin/sh",
            environment: ["TEXT": text]
        )
        try #require(await writer.exitCode() == 0)
        try await body(liar.path)
    }

    @Test func aMemberMoreIsForAClientOfAnOlderRevisionToIgnoreAndForTheNewestOneToKnow() async throws {
        try await withLiar(#"s|"tasks":|"new":1,"tasks":|"#) { liar in
            let file = Self.folder.appendingPathComponent("revision-2/rpc-params-empty.txt").path
            #expect(try await replay(["--open"], [file], klingd: liar).code == 0)
            let (code, output) = try await replay([], [file], klingd: liar)
            #expect(code == 1)
            #expect(output.contains("rpc-params-empty.txt: FAILED: line 3: "), "\(output)")
            #expect(output.contains("the member 'new'") || output.contains("by the schema"), "\(output)")
        }
    }

    @Test(arguments: [#"s|"tasks":|"task":|"#, #"s|"id":1|"id":"1"|"#, #"s|"2.0"|"2.1"|"#, "p"])
    func anAnswerOfAnotherShapeIsNoticedAlsoByAClientOfAnOlderRevision(script: String) async throws {
        try await withLiar(script) { liar in
            let file = Self.folder.appendingPathComponent("revision-2/rpc-params-empty.txt").path
            let (code, output) = try await replay(["--open"], [file], klingd: liar)
            #expect(code == 1, "\(output)")
            #expect(output.contains("rpc-params-empty.txt: FAILED: line "), "\(output)")
        }
    }
}
