import Foundation
import Storage
import StorageBehaviour
import Testing

/// Every promise, broken: the suite says so, and of nothing else.
@Suite struct BrokenStorageTests {
    /// Looked at where nothing else uses memory.
    private static let memoryCase = "large_object_flat_memory"
    private static let names = Set(StorageBehaviour.cases.map(\.name))
    private static let faults = Fault.allCases.filter { $0 != .keepsAllInMemory }

    private static func expectFailures(of fault: Fault) async throws {
        let results = try await Bench(fault, only: names.subtracting([memoryCase])).results
        #expect(Set(results.filter(\.isFailure).map(\.behaviourCase.name)) == fault.failingCases)
        for result in results {
            guard case .failed(let seen, let advice) = result.outcome else { continue }
            #expect(!seen.isEmpty && seen.count < 600 && !advice.isEmpty)
        }
    }

    // Some faults are seen at a moment only, which many runs at once would miss: two at a time.

    @Suite(.serialized, .timeLimit(.minutes(3))) struct FirstHalf {
        @Test(arguments: faults.prefix(faults.count / 2))
        func aBrokenPromiseFailsTheCasesThatAreAboutItAndNoOther(fault: Fault) async throws {
            try await expectFailures(of: fault)
        }
    }

    @Suite(.serialized, .timeLimit(.minutes(3))) struct SecondHalf {
        @Test(arguments: faults.dropFirst(faults.count / 2))
        func aBrokenPromiseFailsTheCasesThatAreAboutItAndNoOther(fault: Fault) async throws {
            try await expectFailures(of: fault)
        }
    }

    @Test func everyCaseCanFail() {
        #expect(Fault.allCases.reduce(into: Set()) { $0.formUnion($1.failingCases) } == Self.names)
    }

    @Test func whoDoesNotCreateExclusivelyMayReplaceButNotTear() async throws {
        #expect(try await Bench(only: ["overwrite_with_other_bytes"], exclusiveCreate: false).results.allPassed)
        let torn = try await Bench(.tearsOnOverwrite, only: ["overwrite_with_other_bytes"]).results
        #expect(!torn.allPassed)
    }
}

/// One after the other, so that what one keeps in memory is not counted for another.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct MemoryTests {
    @Test func aStorageThatKeepsEveryPromisePassesEveryCase() async throws {
        let bench = try await Bench()
        #expect(bench.results.map(\.behaviourCase.name) == StorageBehaviour.cases.map(\.name))
        #expect(bench.results.filter { $0.outcome != .passed }.map(BehaviourTable.lines) == [])
        #expect(bench.storage.keys == [])
    }

    @Test func aStorageThatHoldsAnObjectInMemoryIsFoundOut() async throws {
        let results = try await Bench(.keepsAllInMemory, only: Fault.keepsAllInMemory.failingCases).results
        #expect(results.count == 1 && results[0].isFailure)
    }
}

extension [BehaviourResult] {
    fileprivate var allPassed: Bool { !isEmpty && allSatisfy { $0.outcome == .passed } }
}
