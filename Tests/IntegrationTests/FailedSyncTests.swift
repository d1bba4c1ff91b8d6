import Foundation
import JSON
import KlingSimulator
import Testing

/// A disk that can't keep what it was given, and says so once: the built klingd under strace(1).
@Suite(.timeLimit(.minutes(10))) struct FailedSyncTests {
    /// strace counts in each thread apart, so the n-th call of every thread fails.
    @Test(arguments: 1...3)
    func anImageIsNotCalledStoredBeforeADiskHasConfirmedIt(failing number: Int) async throws {
        try await Bench.run { bench in
            // Both folders are made first: what can't be kept of those is told before anything is paid.
            try FileManager.default.createDirectory(at: bench.images, withIntermediateDirectories: true)
            let first = try bench.start()
            first.closeInput()
            _ = await first.exitCode()
            let log = bench.folder.appendingPathComponent("trace").path
            let arguments = [
                "-f", "-y", "-s", "0", "-o", log, "-e", "trace=fsync,linkat,renameat",
                "-e", "inject=fsync:error=EIO:when=\(number)", KlingdProcess.binary,
            ]
            let klingd = try KlingdProcess(arguments + bench.arguments, program: "/usr/bin/strace")
            defer { klingd.end() }
            let id = try #require(try await klingd.ask("generate", ["prompt": "p"])["id"], "\(klingd.errors)")
            let task = try await klingd.end(of: id)
            #expect(task["state"] == "stored")
            klingd.closeInput()
            #expect(await klingd.exitCode() == 0, "\(klingd.errors)")
            try await bench.expectStored([task])
            try await bench.expectPaidOnce(1)
            let trace = Trace(try String(contentsOfFile: log, encoding: .utf8))
            #expect(trace.steps.contains { $0.isInjected && $0.path.hasPrefix(bench.images.path) })
            try trace.expectDurable(try #require(task.path(ofImage: 0)))
        }
    }
}

/// What strace saw, in the order in which calls ended.
private struct Trace {
    struct Step {
        var call: String
        /// Of `fsync`, the file; of the others, the new name.
        var path: String
        /// Of the others, the old name.
        var from = ""
        var succeeded: Bool
        var isInjected: Bool
    }

    var steps: [Step] = []

    init(_ log: String) {
        var unfinished: [Substring: String] = [:]
        for line in log.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2 else { continue }
            var text = parts[1].trimmingCharacters(in: .whitespaces)
            // Another thread's call came in between.
            if let cut = text.range(of: " <unfinished ...>") {
                unfinished[parts[0]] = String(text[..<cut.lowerBound])
                continue
            }
            if text.hasPrefix("<... "), let rest = text.range(of: "resumed>") {
                text = (unfinished.removeValue(forKey: parts[0]) ?? "") + text[rest.upperBound...]
            }
            guard let call = text.firstMatch(of: /^([a-z]+)\(/)?.1 else { continue }
            let descriptors = text.matches(of: /<([^>]*)>/).map { String($0.1) }
            let names = text.matches(of: /"([^"]*)"/).map { String($0.1) }
            let isFsync = call == "fsync"
            guard let first = descriptors.first, isFsync || descriptors.count >= 2 && names.count == 2 else { continue }
            steps.append(
                Step(
                    call: String(call),
                    path: isFsync ? first : "\(descriptors[1])/\(names[1])",
                    from: isFsync ? "" : "\(first)/\(names[0])",
                    succeeded: text.contains(/\ = 0(?: |$)/),
                    isInjected: text.contains("(INJECTED)")
                )
            )
        }
    }

    /// The file at `path` was durable before it got this name, and its name afterwards.
    func expectDurable(_ path: String) throws {
        let publishing = try #require(
            steps.firstIndex { $0.call != "fsync" && $0.path == path && $0.succeeded },
            "nothing was published as \(path): \(steps)"
        )
        let source = steps[publishing].from
        let ofSource = steps[..<publishing].filter { $0.call == "fsync" && $0.path == source }
        #expect(ofSource.map(\.succeeded) == [true], "fsync of \(source)")
        let folder = String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
        let after = steps[publishing...].filter { $0.call == "fsync" && $0.path == folder }
        #expect(after.contains { $0.succeeded }, "fsync of \(folder) after the file appeared in it")
    }
}
