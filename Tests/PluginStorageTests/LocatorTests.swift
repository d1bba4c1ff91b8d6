import Crypto
import Foundation
import PluginStorage
import Storage
import StorageServers
import Synchronization
import SystemPackage
import Testing

/// Which program is started for a URL, and which is not.
@Suite(.timeLimit(.minutes(1))) struct LocatorTests {
    private func set(_ mode: Int, _ url: URL) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: url.path)
    }

    private func refusal(
        _ plugin: TestPlugin,
        _ change: (inout PluginStorageOptions) -> Void = { _ in }
    ) async throws -> String {
        let error = try await plugin.use(plugin.options(change)) { storage in
            await storageError { try await storage.prepare() }
        }
        #expect(error?.kind == .configuration)
        #expect(error?.isRetryable == false)
        #expect(plugin.workFolders.isEmpty)
        return try #require(error?.message)
    }

    @Test(arguments: ["file", "s3", "1a", "a.b", "a+b", "abcdefghijabcdefghijabcdefghijabc"])
    func aNameThatIsNoneOfAPluginIsRefused(name: String) throws {
        let plugin = try TestPlugin()
        let url = try? StorageURL(name == "file" ? "file:///x" : "\(name)://x")
        guard let url else { return }
        #expect(throws: StorageError.self) { try PluginStorage(url: url, options: plugin.options()) }
    }

    @Test func theExplicitPathGoesFirstThenTheFoldersThenPATH() async throws {
        let plugin = try TestPlugin()
        let second = plugin.folder.appendingPathComponent("second")
        let third = plugin.folder.appendingPathComponent("third")
        for folder in [second, third] { try plugin.install(try FaultyPlugin.text, in: folder) }
        let explicit = plugin.folder.appendingPathComponent("another-name")
        try FileManager.default.copyItem(at: plugin.program, to: explicit)
        func started(_ change: (inout PluginStorageOptions) -> Void) async throws -> String {
            try await plugin.use(plugin.options(change)) { try await $0.describe().executable }
        }
        let path = "relative:\(third.path):/usr/bin:/bin"
        let all = try await started {
            $0.command = FilePath(explicit.path)
            $0.environment["PATH"] = path
        }
        #expect(all == explicit.path)
        let folders = try await started {
            $0.directories = [FilePath(plugin.programs.path), FilePath(second.path)]
            $0.environment["PATH"] = path
        }
        #expect(folders == plugin.program.path)
        let later = "\(second.path)/klingd-storage-test, \(third.path)/klingd-storage-test"
        #expect(plugin.log.text.contains("started is \(plugin.program.path), not the later \(later)"))
        let onPath = try await started {
            $0.directories = []
            $0.environment["PATH"] = path
        }
        #expect(onPath == third.path + "/klingd-storage-test")
    }

    @Test func whereWasLookedIsTold() async throws {
        let plugin = try TestPlugin(name: "other")
        try FileManager.default.removeItem(at: plugin.program)
        let message = try await refusal(plugin)
        #expect(message.contains("no program klingd-storage-other for 'other://' was found"))
        #expect(message.contains("(looked in: \(plugin.programs.path), /usr/bin, /bin)"))
        #expect(message.contains("--plugin-directory"))
        let explicit = try await refusal(plugin) { $0.command = "/nowhere/at/all" }
        #expect(explicit == "'/nowhere/at/all' (storage_plugins.other.command) is not there: correct the path")
    }

    @Test func aProgramThatMayNotBeExecutedIsNotPassedOver() async throws {
        let plugin = try TestPlugin()
        try set(0o644, plugin.program)
        #expect(try await refusal(plugin).hasSuffix("is not executable: chmod +x it"))
    }

    @Test func whatEverybodyMayWriteIsRefused() async throws {
        let plugin = try TestPlugin()
        try set(0o757, plugin.program)
        #expect(try await refusal(plugin).hasSuffix("may be written by everybody, and so is not started: chmod o-w it"))
        try set(0o755, plugin.program)
        try set(0o777, plugin.programs)
        #expect(try await refusal(plugin).contains("which everybody may write to, and so is not started"))
        // A link elsewhere does not help.
        let link = plugin.folder.appendingPathComponent("link")
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: plugin.program)
        #expect(
            try await refusal(plugin) { $0.command = FilePath(link.path) }.contains("which everybody may write to")
        )
    }

    @Test func whatIsNoFileIsRefused() async throws {
        let plugin = try TestPlugin()
        #expect(
            try await refusal(plugin) { $0.command = FilePath(plugin.programs.path) }.hasSuffix("is not a regular file")
        )
    }

    @Test func aProgramIsHeldToItsDigest() async throws {
        let plugin = try TestPlugin()
        let digest = SHA256.hash(data: Data(try FaultyPlugin.text.utf8)).map { String(format: "%02x", $0) }.joined()
        try await plugin.use(plugin.options { $0.sha256 = digest.uppercased() }) { try await $0.prepare() }
        let other = String(digest.reversed())
        let message = try await refusal(plugin) { $0.sha256 = other }
        #expect(
            message.contains("is not the program that storage_plugins.test.sha256 names (its SHA-256 is \(digest))")
        )
        #expect(throws: StorageError(.configuration, "storage_plugins.test.sha256 must be 64 hexadecimal digits")) {
            try PluginStorage(url: StorageURL("test://x"), options: plugin.options { $0.sha256 = "abc" })
        }
    }

    @Test(arguments: ["#!/nowhere/python3\n", "\u{7F}ELF nonsense"])
    func aProgramThatTheSystemCannotStartIsTold(text: String) async throws {
        let plugin = try TestPlugin()
        try plugin.install(text, in: plugin.programs)
        let message = try await refusal(plugin)
        #expect(message.contains("can't be started"))
        #expect(message.contains("a script whose first line names an interpreter that is there"))
    }

    @Test func pathsThatAreNotAbsoluteAreRefused() throws {
        let plugin = try TestPlugin()
        let url = try StorageURL("test://x")
        #expect(throws: StorageError.self) { try PluginStorage(url: url, options: plugin.options { $0.command = "x" }) }
        #expect(throws: StorageError.self) {
            try PluginStorage(url: url, options: plugin.options { $0.directories = ["x"] })
        }
    }
}
