import Foundation
import JSON
import KlingSimulator
import Testing

/// The ledger's files: private, and never taken for what they are not.
@Suite(.timeLimit(.minutes(10))) struct LedgerFileTests {
    private func generateOne(_ bench: Bench) async throws {
        let klingd = try bench.start()
        #expect(try await klingd.ask("generate", ["prompt": "p", "wait_for": "stored"])["state"] == "stored")
        klingd.closeInput()
        #expect(await klingd.exitCode() == 0)
    }

    @Test(arguments: Dialect.allCases)
    func onlyTheirOwnerCanReadThem(dialect: Dialect) async throws {
        try await Bench.run({ $0.dialect = dialect }) { bench in
            let klingd = try bench.start()
            #expect(try await klingd.ask("generate", ["prompt": "p", "wait_for": "stored"])["state"] == "stored")
            let files = try #require(FileManager.default.enumerator(atPath: bench.state.path))
            var names: Set<String> = []
            while let name = files.nextObject() as? String {
                let isFolder = files.fileAttributes?[.type] as? FileAttributeType == .typeDirectory
                let mode = (files.fileAttributes?[.posixPermissions] as? NSNumber)?.intValue
                #expect(mode == (isFolder ? 0o700 : 0o600), "\(name)")
                names.insert(URL(fileURLWithPath: name).lastPathComponent)
            }
            #expect(names.isSuperset(of: ["ledger.sqlite", "owners", "salt"]))
        }
    }

    @Test func aLedgerOfANewerKlingdIsRefusedAndSaysWhatToDo() async throws {
        try await Bench.run { bench in
            try await generateOne(bench)
            let change = "INSERT INTO grdb_migrations (identifier) VALUES ('of-the-future')"
            let program = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit()"
            let path = bench.ledgerFolder.appendingPathComponent("ledger.sqlite").path
            let python = try KlingdProcess(["python3", "-c", program, path, change], program: "/usr/bin/env")
            try #require(await python.exitCode() == 0, "\(python.errors)")
            let klingd = try bench.start()
            #expect(await klingd.exitCode() == 1)
            #expect(await klingd.allErrors().contains("newer klingd"))
            #expect(await klingd.allErrors().contains("--state"))
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func aDamagedLedgerIsSetAsideAndNothingIsSentUntilAPersonSaysSo() async throws {
        try await Bench.run { bench in
            try await generateOne(bench)
            // What is not yet in the first lies in the second.
            for name in ["ledger.sqlite", "ledger.sqlite-wal"] {
                let url = bench.ledgerFolder.appendingPathComponent(name)
                guard FileManager.default.fileExists(atPath: url.path) else { continue }
                let file = try FileHandle(forUpdating: url)
                try file.write(contentsOf: Data(repeating: 0x21, count: 100))
                try file.close()
            }

            let klingd = try bench.start()
            let refusal = try await klingd.refusal(of: "generate", ["prompt": "p"])
            #expect(refusal["data"]?["kind"] == "ledger")
            #expect(refusal["data"]?["charged"] == "no")
            let note = bench.ledgerFolder.appendingPathComponent("LEDGER-WAS-CORRUPT.txt").path
            #expect(refusal["message"]?.stringValue?.contains(note) == true)
            #expect(try String(contentsOfFile: note, encoding: .utf8).contains("paid twice"))
            let names = try FileManager.default.contentsOfDirectory(atPath: bench.ledgerFolder.path)
            #expect(names.contains { $0.hasPrefix("ledger.sqlite.corrupt-") })
            try await bench.expectPaidOnce(1)

            try FileManager.default.removeItem(atPath: note)
            #expect(try await klingd.ask("generate", ["prompt": "p", "wait_for": "stored"])["state"] == "stored")
            try await bench.expectPaidOnce(2)
        }
    }
}
