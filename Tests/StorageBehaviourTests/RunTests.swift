import Foundation
import Storage
import StorageBehaviour
import Synchronization
import Testing

/// How a run goes, whatever the storage does.
@Suite(.timeLimit(.minutes(2)))
struct RunTests {
    @Test func aStorageThatNeverAnswersIsToldAndLeftAlone() async throws {
        let results = try await Bench(.hangsAndIgnoresCancel).results
        let failed = results.filter(\.isFailure)
        #expect(failed.count == 2)
        for result in failed {
            guard case .failed(let seen, let advice) = result.outcome else { continue }
            #expect(seen == "did not answer within 0.2 s")
            #expect(advice.contains("storage_unavailable"))
        }
        #expect(BehaviourTable.lines(for: try #require(results.last)).contains("gave no answer 2 times in a row"))
    }

    @Test func otherKeysAreLeftAlone() async throws {
        let storage = try ModelStorage()
        for name in ["suite-not/a", "a", "z/suite/a"] {
            storage.state.withLock { $0.objects[name] = .init(file: "", size: 1, sha256: "") }
        }
        let options = BehaviourOptions(prefix: try ObjectKey("suite"), largeObjectBytes: 1_000)
        await StorageBehaviour(backend: storage, options: options).run()
        #expect(storage.keys == ["a", "suite-not/a", "z/suite/a"])
    }

    @Test func whatAFailedCaseMadeIsDeletedAndWhatCannotBeIsTold() async throws {
        let failed = try await Bench(.wrongSize, only: ["write_only"])
        #expect(failed.results.first?.isFailure == true)
        #expect(failed.storage.keys == [])
        let stuck = try await Bench(.deleteOfAbsentFails, only: ["stat_not_exist"])
        let result = try #require(stuck.results.first)
        #expect(result.outcome == .passed)
        #expect(result.leftBehind.count == 2)
        #expect(
            BehaviourTable.lines(for: result).contains(
                "left behind: 2 object(s) such as suite/stat_not_exist/never.png"
            )
        )
    }

    @Test func aCancelledRunTidiesUpAndReturns() async throws {
        let storage = try ModelStorage(.hangs)
        let options = BehaviourOptions(prefix: try ObjectKey("suite"), largeObjectBytes: 1_000)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let results = await StorageBehaviour(backend: storage, options: options).run()
                #expect(results.isEmpty)
            }
            // It has put its first object, and waits for a look-up that is never answered.
            while storage.keys.isEmpty { await Task.yield() }
            group.cancelAll()
        }
        #expect(storage.keys == [])
    }

    @Test func onlyTheChosenCasesAreRunAndEachIsToldAsItEnds() async throws {
        let storage = try ModelStorage()
        let options = BehaviourOptions(prefix: try ObjectKey("suite"))
        var told: [String] = []
        let results = await StorageBehaviour(backend: storage, options: options).run(
            only: ["write_only", "stat_file", "no_such_case"]
        ) { told.append($0.behaviourCase.name) }
        #expect(told == ["write_only", "stat_file"])
        #expect(results.map(\.behaviourCase.name) == told)
    }

    @Test func whatAStorageLacksIsSkippedWithTheReason() async throws {
        let storage = Plain(try ModelStorage())
        let options = BehaviourOptions(prefix: try ObjectKey("suite"), largeObjectBytes: 1_000)
        let results = await StorageBehaviour(backend: storage, options: options).run()
        #expect(results.filter(\.isFailure).map(BehaviourTable.lines) == [])
        let skipped = results.filter { if case .skipped = $0.outcome { true } else { false } }
        let needs: Set<BehaviourCase.Need> = [
            .exclusiveCreate, .metadata, .sha256, .get, .presign, .spool, .unreachable,
        ]
        #expect(Set(skipped.map(\.behaviourCase.need)) == needs)
        #expect(BehaviourTable.lines(for: try #require(skipped.first)).contains("does not declare"))
    }

    @Test func aTableNamesWhatWasPromisedAndSeenAndWhereToRead() async throws {
        let results = try await Bench(.wrongSHA256, only: ["stat_file", "stat_sha256"]).results
        let lines = BehaviourTable.table(results).split(separator: "\n")
        #expect(lines.count == 7)
        #expect(lines[0].hasPrefix("passed   stat_file "))
        #expect(lines[1].hasPrefix("FAILED   stat_sha256 "))
        #expect(lines[2] == "         promised: A look-up tells the SHA-256 of what is stored.")
        #expect(lines[3].hasPrefix("         seen:     head tells the SHA-256 "))
        #expect(lines[4].hasPrefix("         to do:    answer sha256 "))
        #expect(lines[5] == "         read:     protocol/storage-plugin.md, Methods, head")
        #expect(lines[6] == "1 passed, 1 failed, 0 skipped")
    }

    @Test func everyCaseSaysWhatItIsAbout() {
        let cases = StorageBehaviour.cases
        #expect(Set(cases.map(\.name)).count == cases.count)
        for behaviourCase in cases {
            #expect(behaviourCase.name.wholeMatch(of: /[a-z0-9]+(_[a-z0-9]+)*/) != nil)
            #expect(behaviourCase.promise.hasSuffix("."))
            #expect(!behaviourCase.advice.isEmpty && !behaviourCase.section.isEmpty)
        }
    }
}

/// A storage that can do no more than every storage must.
private struct Plain: StorageBackend {
    let model: ModelStorage

    init(_ model: ModelStorage) { self.model = model }

    var url: StorageURL { model.url }
    let capabilities = StorageCapabilities()

    func prepare() async throws(StorageError) { try await model.prepare() }
    func put(_ request: PutRequest) async throws(StorageError) -> StoredObject { try await model.put(request) }
    func delete(_ key: ObjectKey) async throws(StorageError) { try await model.delete(key) }

    func head(_ key: ObjectKey) async throws(StorageError) -> ObjectState {
        guard case .present(let object) = try await model.head(key) else { return .absent }
        return .present(ObjectSummary(key: key, size: object.size))
    }

    func list(prefix: String, after cursor: String?, limit: Int) async throws(StorageError) -> ObjectPage {
        try await model.list(prefix: prefix, after: cursor, limit: limit)
    }
}
