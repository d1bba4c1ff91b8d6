import Foundation
import JSON
import PluginStorage
import Storage
import Synchronization
import SystemPackage
import Testing

/// What a plugin is started with, what it must not see, and what is left of it.
@Suite(.timeLimit(.minutes(1))) struct LaunchTests {
    @Test func aPluginSeesOnlyWhatItMay() async throws {
        let plugin = try TestPlugin()
        let options = plugin.options {
            $0.environment = [
                "PATH": "/usr/bin:/bin", "HOME": "/nowhere", "LC_TIME": "C", "https_proxy": "http://proxy:1",
                "COMETAPI_KEY": "sk-123", "AWS_SECRET_ACCESS_KEY": "abc", "LD_PRELOAD": "", "WEBDAV_OPTION": "x",
            ]
            $0.environmentNames = ["WEBDAV_OPTION"]
        }
        // Open here and in no plugin.
        let descriptor = open("/dev/null", O_RDONLY)
        defer { close(descriptor) }
        try await plugin.use(options) { storage in
            let report = try await plugin.report(storage)
            var seen = Set(report.environment.keys)
            // Python sets these itself.
            seen.subtract(["LC_CTYPE"])
            #expect(seen == ["PATH", "HOME", "LC_TIME", "https_proxy", "WEBDAV_OPTION"])
            // The fourth is the folder that is being listed.
            #expect(report.descriptors == ["0", "1", "2"])
            #expect(report.arguments == [plugin.program.path, "--stdio"])
            #expect(report.leadsItsSession)
            #expect(report.folder.hasPrefix(plugin.work.path + "/test-"))
            #expect(report.mode == "0o700")
            #expect(report.files.isEmpty)
            #expect(plugin.workFolders.count == 1)
        }
        #expect(plugin.workFolders.isEmpty)
    }

    /// klingd serve blocks the signals that end it, and ignores SIGPIPE. Python ignores some itself, a shell does not.
    @Test func aPluginInheritsNoBlockedAndNoIgnoredSignals() async throws {
        let plugin = try TestPlugin()
        try plugin.install("#!/bin/sh\ngrep -E 'SigBlk|SigIgn' /proc/$$/status >&2\nexit 1\n", in: plugin.programs)
        var blocked = sigset_t()
        sigemptyset(&blocked)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&blocked, number) }
        pthread_sigmask(SIG_BLOCK, &blocked, nil)
        signal(SIGUSR2, SIG_IGN)
        let error = try await plugin.use(plugin.options()) { storage in
            await storageError { try await storage.prepare() }
        }
        signal(SIGUSR2, SIG_DFL)
        pthread_sigmask(SIG_UNBLOCK, &blocked, nil)
        let message = try #require(error?.message)
        #expect(message.contains("SigBlk: 0000000000000000 | "))
        // The C library ignores two of its own beyond 31.
        let ignored = message.suffix(8)
        #expect(UInt64(ignored, radix: 16).map { $0 & 0x7FFF_FFFF } == 0, "\(message)")
    }

    @Test func secretsAreNeitherInArgumentsNorInTheEnvironment() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options()) { storage in
            let pid = try await plugin.report(storage).pid
            for name in ["environ", "cmdline"] {
                let content = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(pid)/\(name)"))
                #expect(content.range(of: Data("klingd-storage-test".utf8)) != nil || name == "environ")
                #expect(content.range(of: Data("hunter22".utf8)) == nil)
            }
        }
        #expect(!plugin.log.text.contains("hunter22"))
    }

    @Test(arguments: ["secret in error", "secrets on stderr", "garbage"])
    func aSecretThatThePluginTellsIsTakenOut(fault: String) async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options(fault: fault)) { storage in
            let error = await storageError { try await storage.put(try plugin.file("some bytes")) }
            if fault != "secrets on stderr" {
                #expect(error?.message.contains("with [secret password]") == true)
                #expect(error?.message.contains("hunter22") == false)
            }
        }
        if fault == "secrets on stderr" {
            #expect(plugin.log.text.contains("info plugin=test logging in with [secret password]"))
        }
        #expect(!plugin.log.text.contains("hunter22"))
    }

    @Test(arguments: ["fork", "fork and crash"])
    func aChildThatThePluginLeavesBehindDiesAsWell(fault: String) async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options(fault: fault, times: 1)) { storage in
            try await storage.put(try plugin.file("some bytes"))
        }
        let text = try String(contentsOf: plugin.objects.appendingPathComponent(".child"), encoding: .utf8)
        let child = try #require(Int(text))
        #expect(await eventually { !isAlive(child) })
    }

    @Test func aFloodOnStderrCostsNeitherMemoryNorTheOperation() async throws {
        let plugin = try TestPlugin()
        try await plugin.use(plugin.options(fault: "flood", times: 1)) { storage in
            try await storage.prepare()
            let before = try residentBytes()
            try await storage.put(try plugin.file("some bytes"))
            #expect(try residentBytes() - before < 32 << 20)
        }
        let flood = plugin.log.lines.filter { $0.hasSuffix("a line of a flood on stderr") }
        #expect(flood.count >= 50 && flood.count < 500)
        #expect(plugin.log.text.contains("… dropped "))
    }

    @Test func whatAKilledKlingdLeftIsRemovedAndWhatAnotherUsesIsNot() async throws {
        let plugin = try TestPlugin()
        for name in ["test-AAAAAA/deep/er", "test-BBBBBB", "other-CCCCCC"] {
            let folder = plugin.work.appendingPathComponent(name)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        // A link in it is not followed.
        let kept = try plugin.file("kept").source
        let link = plugin.work.appendingPathComponent("test-AAAAAA/link").path
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: kept.string)
        let used = open(plugin.work.appendingPathComponent("test-BBBBBB").path, O_RDONLY | O_DIRECTORY)
        defer { close(used) }
        #expect(flock(used, LOCK_EX | LOCK_NB) == 0)
        try await plugin.use(plugin.options()) { try await $0.prepare() }
        #expect(plugin.workFolders.sorted() == ["other-CCCCCC", "test-BBBBBB"])
        #expect(FileManager.default.fileExists(atPath: kept.string))
    }

    private func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return (Int(text.split(separator: " ")[1]) ?? 0) * 4096
    }
}

/// What a plugin sees of itself.
struct PluginReport {
    var environment: [String: String]
    var descriptors: [String]
    var arguments: [String]
    var folder: String
    var mode: String
    var files: [String]
    var leadsItsSession: Bool
    var pid: Int
}

extension TestPlugin {
    func report(_ storage: PluginStorage) async throws -> PluginReport {
        guard case .present(let summary) = try await storage.head(ObjectKey("report")),
            let text = summary.metadata["report"]
        else { throw StorageError(.plugin, "no report") }
        let report = try JSONValue.parse(text)
        func strings(_ name: String) -> [String] { (report[name]?.arrayValue ?? []).compactMap(\.stringValue) }
        var environment: [String: String] = [:]
        for member in report["environment"]?.objectValue?.members ?? [] {
            environment[member.name] = member.value.stringValue
        }
        return PluginReport(
            environment: environment,
            descriptors: strings("descriptors"),
            arguments: strings("arguments"),
            folder: report["folder"]?.stringValue ?? "",
            mode: report["mode"]?.stringValue ?? "",
            files: strings("files"),
            leadsItsSession: report["leads"]?.boolValue ?? false,
            pid: Int(report["pid"]?.integerValue ?? 0)
        )
    }
}
