import Foundation
import GenerationTasks
import JSON
import SQLiteLedger
import Synchronization
import Testing

/// Which ledger a test is about.
enum LedgerKind: String, CaseIterable, CustomTestStringConvertible {
    case memory, sqlite

    var testDescription: String { rawValue }
}

/// A ledger whose owners a test can stop and kill.
final class LedgerBench: Sendable {
    let clock = LedgerClock()
    let ledger: any Ledger
    private let memory: InMemoryLedger?
    private let sqlite: SQLiteLedger?
    private let folder = TemporaryFolder(isInMemory: true)

    init(_ kind: LedgerKind) throws {
        switch kind {
        case .memory:
            let memory = InMemoryLedger { [clock] in clock.date }
            (ledger, self.memory, sqlite) = (memory, memory, nil)
        case .sqlite:
            let sqlite = folder.ledger(clock)
            (ledger, memory, self.sqlite) = (sqlite, nil, sqlite)
        }
    }

    /// The owner is silent for so long that its leases may be taken; the others are not.
    func stop(_ owner: OwnerID, others: [OwnerID]) async throws {
        clock.advance(by: .seconds(11))
        for other in others { try await ledger.heartbeat(other) }
        await memory?.set(.expired, of: owner)
    }

    /// A stopped owner goes on.
    func wake(_ owner: OwnerID) async throws {
        try await ledger.heartbeat(owner)
        await memory?.set(.alive, of: owner)
    }

    /// The owner's process ends without a word.
    func kill(_ owner: OwnerID) async {
        sqlite?.abandonForTests(owner)
        await memory?.set(.gone, of: owner)
    }

    /// Inserts a task that must be new.
    func insert(_ task: GenerationTask, owner: OwnerID = OwnerID("mine")) async throws -> ClaimedTask {
        try await ledger.join(owner)
        guard case .inserted(let claimed) = try await ledger.insert(task, owner: owner) else {
            throw Unexpected("task \(task.id) was not inserted")
        }
        return claimed
    }

    /// The next version of a task: changed, and one revision on.
    func next(
        _ claimed: ClaimedTask,
        slots: LedgerWrite.Slots = .keep,
        releases: Bool = false,
        _ change: (inout GenerationTask) -> Void = { _ in }
    ) -> LedgerWrite {
        var task = claimed.task
        change(&task)
        task.revision += 1
        return LedgerWrite(
            task: task,
            lease: claimed.lease,
            replaces: claimed.task.revision,
            slots: slots,
            releases: releases
        )
    }

    func write(_ write: LedgerWrite) async throws -> LedgerWriteOutcome? { try await ledger.write([write]).first }
}

func isWritten(_ outcome: LedgerWriteOutcome?) -> Bool {
    if case .written = outcome { true } else { false }
}

extension LedgerWrite.Slots {
    /// Whatever nobody sees end counts for ever.
    static func take(limit: Int?) -> LedgerWrite.Slots {
        .take(limit: limit, unseenSince: Timestamp(milliseconds: .min))
    }
}

/// A state directory of its own, gone with the last reference.
final class TemporaryFolder: Sendable {
    let path: String

    /// In memory, where the system has such a place, for what is not about the disk: there nothing waits for it.
    init(isInMemory: Bool = false) {
        let memory = "/dev/shm"
        let parent = isInMemory && FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
        path = parent + "/klingd-ledger-\(UUID().uuidString)"
        mkdir(path, 0o700)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Another ledger on this folder, as another process would have it.
    func ledger(_ clock: LedgerClock) -> SQLiteLedger {
        SQLiteLedger(directory: path, time: clock, bootMilliseconds: { clock.bootMilliseconds })
    }

    var database: String { path + "/ledger.sqlite" }

    func names(_ folder: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/" + folder).sorted()
    }
}

/// Time that stands still until the test moves it, or until somebody sleeps: then it moves on to the end of that sleep.
final class LedgerClock: TimeSource {
    /// 2026-11-23T20:26:00.000Z.
    static let epoch = Timestamp(milliseconds: 1_795_465_560_000)

    private let state = Mutex(Moment(.seconds(60)))
    /// Called with the number of every sleep, from 1, before it begins.
    private let onSleep = Mutex<(@Sendable (Int) -> Void)?>(nil)
    private let sleeps = Atomic(0)

    var now: Moment { state.withLock(\.self) }
    var date: Timestamp { Self.epoch.adding(now.elapsed - .seconds(60)) }
    var bootMilliseconds: Int64 { now.elapsed.milliseconds }

    func sleep(until deadline: Moment) async throws {
        let number = sleeps.add(1, ordering: .relaxed).newValue
        onSleep.withLock(\.self)?(number)
        try Task.checkCancellation()
        state.withLock { $0 = max($0, deadline) }
        await Task.yield()
    }

    func onSleep(_ body: @escaping @Sendable (Int) -> Void) { onSleep.withLock { $0 = body } }

    func advance(by duration: Duration) { state.withLock { $0 = $0 + duration } }
}

extension Timestamp {
    func adding(_ duration: Duration) -> Timestamp { Timestamp(milliseconds: milliseconds + duration.milliseconds) }
}

/// Random numbers that a seed fixes (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A test cannot go on.
struct Unexpected: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension TaskID {
    /// The `number`th id of a test.
    static func sample(_ number: Int) -> TaskID {
        var generator = SeededGenerator(seed: UInt64(number))
        return TaskID(at: LedgerClock.epoch.adding(.milliseconds(number)), random: &generator)
    }
}

extension GenerationTask {
    /// The `number`th task of a test, changed as it likes.
    static func sample(
        _ number: Int = 0,
        imageCount: Int = 1,
        account: String = "account",
        storage: String = "file:///pictures",
        _ change: (inout GenerationTask) -> Void = { _ in }
    ) -> GenerationTask {
        let id = TaskID.sample(number)
        var task = GenerationTask(
            id: id,
            externalTaskID: id.description,
            idempotencyKey: nil,
            fingerprint: "fingerprint",
            provider: "simulator",
            account: account,
            request: ["prompt": "a lighthouse at dusk", "model_name": "kling-v3"],
            imageCount: imageCount,
            storage: storage,
            createdAt: LedgerClock.epoch
        )
        change(&task)
        return task
    }
}
