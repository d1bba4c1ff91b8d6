import Foundation
import JSON
import KlingSimulator
import Testing

/// A paid image whose disk is full.
@Suite(.timeLimit(.minutes(10))) struct FullDiskTests {
    @Test func nothingIsCalledStoredOnAFullDiskAndTheTaskEndsByItselfOnceThereIsRoom() async throws {
        try await Bench.run { bench in
            try await SmallDisk.with(megabytes: 8, at: bench.images) { disk in
                let klingd = try bench.start()
                try disk.fill()
                let id = try #require(try await klingd.ask("generate", ["prompt": "p", "n": 2])["id"])
                // More than once, so that a repeated attempt is seen to fail too.
                for attempt in 1...2 {
                    let troubled = try await klingd.message { message in
                        let task = message["params"]?["task"]
                        return task?["error"]?["kind"] == "storage_full" && task?["id"] == id
                    }
                    let task = try #require(troubled["params"]?["task"])
                    #expect(task["state"] == "storing", "attempt \(attempt)")
                    #expect(task["error"]?["charged"] == "yes")
                    #expect(task["error"]?["retryable"] == true)
                    expectNothingStored(try await klingd.ask("status", ["id": id]), bench, disk)
                }
                #expect(!klingd.messages.contains { $0["params"]?["task"]?["state"] == "stored" })
                try disk.empty()
                let task = try await klingd.end(of: id)
                #expect(task["state"] == "stored")
                #expect(task["error"] == .null)
                try await bench.expectStored([task])
                #expect(try FileManager.default.contentsOfDirectory(atPath: bench.spool.path) == [])
                try await bench.expectPaidOnce(1)
                klingd.closeInput()
                #expect(await klingd.exitCode() == 0)
            }
        }
    }

    @Test func aTaskThatAFullDiskLeftToTheNextKlingdIsStoredByThat() async throws {
        try await Bench.run { bench in
            try await SmallDisk.with(megabytes: 8, at: bench.images) { disk in
                let first = try bench.start()
                try disk.fill()
                let id = try #require(try await first.ask("generate", ["prompt": "p"])["id"])
                _ = try await first.message { $0["params"]?["task"]?["error"]?["kind"] == "storage_full" }
                first.signal(SIGKILL)
                _ = await first.exitCode()
                #expect(bench.imageFiles == disk.ownFiles)
                try disk.empty()
                let task = try await bench.start().end(of: id)
                #expect(task["state"] == "stored")
                try await bench.expectStored([task])
                try await bench.expectPaidOnce(1)
            }
        }
    }

    private func expectNothingStored(_ task: JSONValue, _ bench: Bench, _ disk: SmallDisk) {
        #expect(task["state"] != "stored")
        for image in task["images"]?.arrayValue ?? [] {
            #expect(image["path"] == nil || image["path"] == .null, "\(image)")
        }
        #expect(bench.imageFiles == disk.ownFiles)
    }
}

extension Bench {
    /// Where the storage has files on their way.
    fileprivate var spool: URL { images.appendingPathComponent(".klingd-spool") }
}
