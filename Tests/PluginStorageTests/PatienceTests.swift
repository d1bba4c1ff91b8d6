import Foundation
import PluginStorage
import Storage
import Synchronization
import SystemPackage
import Testing

/// Plugins that hang: each wait has an end.
@Suite(.timeLimit(.minutes(1))) struct PatienceTests {
    @Test func aPluginThatIgnoresRequestsAndCancelsIsEndedAndTheTaskSurvives() async throws {
        let plugin = try TestPlugin()
        let options = plugin.options(fault: "hang", times: 1) { $0.times.silence = .milliseconds(400) }
        try await plugin.use(options) { storage in
            let request = try plugin.file("some bytes")
            let error = await storageError { try await storage.put(request) }
            #expect(error?.kind == .plugin)
            #expect(error?.isRetryable == true)
            #expect(
                error?.message
                    == "klingd-storage-test neither answered put of a/b.png nor sent '$/progress' for 0.4 s "
                    + "and was told to stop"
            )
            #expect(plugin.log.text.contains("did not end put of a/b.png within 0.3 s of '$/cancelRequest'"))
            try await storage.put(request)
        }
    }

    @Test func aPluginThatStopsWhenToldToIsNotEnded() async throws {
        let plugin = try TestPlugin()
        let options = plugin.options(fault: "slow", times: 1) {
            $0.times.silence = .milliseconds(400)
            $0.times.cancel = .seconds(30)
        }
        try await plugin.use(options) { storage in
            let request = try plugin.file("some bytes")
            let error = await storageError { try await storage.put(request) }
            #expect(error?.message.contains("nor sent '$/progress' for 0.4 s") == true)
            try await storage.put(request)
        }
        #expect(!plugin.log.text.contains("crash"))
    }

    @Test func progressKeepsAnOperationAlive() async throws {
        let plugin = try TestPlugin()
        let options = plugin.options(fault: "progress") { $0.times.silence = .seconds(3) }
        try await plugin.use(options) { storage in try await storage.put(try plugin.file("some bytes")) }
        #expect(!plugin.log.text.contains("warning"))
    }

    @Test func progressDoesNotKeepItAliveForEver() async throws {
        let plugin = try TestPlugin()
        let options = plugin.options(fault: "endless progress", times: 1) { $0.times.operation = .milliseconds(700) }
        try await plugin.use(options) { storage in
            let error = await storageError { try await storage.put(try plugin.file("some bytes")) }
            #expect(
                error?.message == "klingd-storage-test did not end put of a/b.png within 0.7 s and was told to stop"
            )
        }
    }

    @Test func aPluginThatIgnoresTheEndOfItsInputAndSIGTERMIsKilled() async throws {
        let plugin = try TestPlugin()
        let storage = try PluginStorage(
            url: StorageURL("test://place"),
            options: plugin.options(fault: "deaf") {
                $0.times.lastEndOfInput = .milliseconds(300)
                $0.times.lastTermination = .milliseconds(200)
            }
        )
        let pid = try await plugin.report(storage).pid
        #expect(isAlive(pid))
        let start = ContinuousClock.now
        await storage.shutdown()
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(!isAlive(pid))
        #expect(plugin.log.text.contains("was ended by signal 9 (SIGKILL) when it was shut down"))
    }

    @Test func whatIsInFlightWhenKlingdEndsIsGivenUp() async throws {
        let plugin = try TestPlugin()
        let storage = try PluginStorage(url: StorageURL("test://place"), options: plugin.options(fault: "slow"))
        let request = try plugin.file("some bytes")
        async let error = storageError { try await storage.put(request) }
        #expect(await eventually { FileManager.default.fileExists(atPath: plugin.objects.path + "/.marks-slow") })
        await storage.shutdown()
        #expect(await error?.kind == .unavailable)
        #expect(await error?.message == "put of a/b.png was given up: klingd is ending")
        #expect(plugin.workFolders.isEmpty)
    }

    @Test func theUsualTimesEndWithinThreeSecondsWhenKlingdEnds() {
        let times = PluginTimes()
        #expect(times.lastEndOfInput + times.lastTermination <= .milliseconds(2500))
    }
}
