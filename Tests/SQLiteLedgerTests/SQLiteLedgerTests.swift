import Foundation
import GRDB
import GenerationTasks
import SQLiteLedger
import Synchronization
import Testing

private let mine = OwnerID("mine")
private let other = OwnerID("other")
private let binding: Set = [Binding(account: "account", storage: "file:///pictures")]

/// What only a ledger on disk does. Two ledgers on one folder stand for two processes: the locks that tell them apart
/// belong to open files, not to processes.
@Suite("Ledger in SQLite")
struct SQLiteLedgerTests {
    private let folder = TemporaryFolder()
    private let clock = LedgerClock()

    private func insert(
        _ task: GenerationTask,
        body: [UInt8]? = nil,
        in ledger: SQLiteLedger,
        owner: OwnerID = mine
    ) async throws -> ClaimedTask {
        guard case .inserted(let claimed) = try await ledger.insert(NewTask(task, body: body), owner: owner) else {
            throw Unexpected("task \(task.id) was not inserted")
        }
        return claimed
    }

    private func next(_ claimed: ClaimedTask, _ state: TaskState) -> LedgerWrite {
        var task = claimed.task
        task.state = state
        task.revision += 1
        let replaces = claimed.task.revision
        return LedgerWrite(task: task, lease: claimed.lease, replaces: replaces, slots: .keep, releases: false)
    }

    /// Another process in the middle of a write.
    private func blocker() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let queue = try DatabaseQueue(path: folder.database, configuration: configuration)
        try queue.inDatabase { db in try db.beginTransaction(.immediate) }
        return queue
    }

    private func message(_ error: LedgerError?) -> String {
        switch error {
        case .busy(let message), .failed(let message): message
        case .badCursor, nil: ""
        }
    }

    // MARK: Durability

    @Test("nothing is touched before the first use; what was stored is there for the next process")
    func reopened() async throws {
        let first = folder.ledger(clock)
        #expect(try folder.names().isEmpty)
        try await first.join(mine)
        let body = [UInt8](repeating: 7, count: 100_000)
        let claimed = try await insert(.sample(1), body: body, in: first)
        _ = try await first.learn(.seconds(9), of: claimed.task.jobClass)
        try await first.leave(mine)
        await first.close()
        let second = folder.ledger(clock)
        #expect(try await second.task(claimed.task.id) == claimed.task)
        #expect(try await second.body(of: claimed.task.id) == body)
        #expect(try await second.identity() == first.identity())
        #expect(try await second.learntDurations() == [claimed.task.jobClass: [.seconds(9)]])
        try await second.join(other)
        #expect(try await second.claim(binding, owner: other, limit: 9).map(\.task) == [claimed.task])
    }

    @Test("every file is the user's alone, whatever the mask of the process")
    func modes() async throws {
        let mask = umask(0)
        defer { umask(mask) }
        let ledger = folder.ledger(clock)
        try await ledger.join(mine)
        _ = try await insert(.sample(1), body: [UInt8](repeating: 1, count: 70_000), in: ledger)
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
        let request = "requests/\(TaskID.sample(1))"
        #expect(
            files == [
                "ledger.lock", "ledger.sqlite", "ledger.sqlite-shm", "ledger.sqlite-wal", "owners", "owners/mine",
                "requests", request,
            ]
        )
        for file in files {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + file)
            let isFolder = attributes[.type] as? FileAttributeType == .typeDirectory
            #expect(attributes[.posixPermissions] as? Int == (isFolder ? 0o700 : 0o600), "\(file)")
        }
    }

    @Test("files that were made readable for others are made private again")
    func repairedModes() async throws {
        let first = folder.ledger(clock)
        _ = try await insert(.sample(1), in: first)
        chmod(folder.database, 0o644)
        chmod(folder.path + "/owners", 0o755)
        let second = folder.ledger(clock)
        try await second.open()
        for (name, mode) in [("ledger.sqlite", 0o600), ("owners", 0o700)] {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + name)
            #expect(attributes[.posixPermissions] as? Int == mode)
        }
    }

    @Test("a ledger that cannot be looked at is not taken for none")
    func existence() {
        #expect(!SQLiteLedger.exists(in: folder.path + "/none"))
        // No look-up gets through a link to itself.
        let loop = folder.path + "/loop"
        #expect(symlink(loop, loop) == 0)
        #expect(SQLiteLedger.exists(in: loop))
    }

    @Test("a list goes on where it was after a restart, but not in another ledger")
    func cursor() async throws {
        let first = folder.ledger(clock)
        for number in 0..<4 { _ = try await insert(.sample(number), in: first) }
        let page = try await first.list(TaskQuery(limit: 2))
        await first.close()
        let rest = try await folder.ledger(clock).list(TaskQuery(limit: 2, cursor: page.next))
        #expect(rest.tasks.map(\.id) == [.sample(1), .sample(0)])
        let elsewhere = TemporaryFolder()
        let foreign = elsewhere.ledger(clock)
        for number in 0..<4 { _ = try await insert(.sample(number), in: foreign) }
        await #expect(throws: LedgerError.badCursor) { try await foreign.list(TaskQuery(cursor: page.next)) }
        let made = page.next.map { $0 + "9" }
        await #expect(throws: LedgerError.badCursor) { try await first.list(TaskQuery(cursor: made)) }
    }

    // MARK: Owners

    @Test("what a dead process had is claimed at once, and its rest is removed")
    func death() async throws {
        let (first, second) = (folder.ledger(clock), folder.ledger(clock))
        try await first.join(mine)
        try await second.join(other)
        let claimed = try await insert(.sample(1), in: first)
        #expect(try await second.claim(binding, owner: other, limit: 9).isEmpty)
        #expect(try await !second.isGone(mine))
        first.abandonForTests(mine)
        #expect(try await second.isGone(mine))
        let taken = try await second.claim(binding, owner: other, limit: 9)
        #expect(taken.map(\.lease) == [Lease(owner: other, fence: 2)])
        #expect(try folder.names("owners") == ["other"])
        #expect(try await first.write([next(claimed, .submitting)]) == [.stale(claimed.task)])
        #expect(first.staleWrites == 1)
    }

    @Test("a process that ends without a word and comes back under its name is alive again")
    func comeBack() async throws {
        let (first, second) = (folder.ledger(clock), folder.ledger(clock))
        try await first.join(mine)
        let claimed = try await insert(.sample(1), in: first)
        first.abandonForTests(mine)
        try await second.join(mine)
        #expect(try await !first.isGone(mine))
        #expect(try await second.claim(claimed.task.id, owner: mine) == claimed)
    }

    @Test("a stopped process loses its leases, and its late write is refused and counted")
    func stopped() async throws {
        let (first, second) = (folder.ledger(clock), folder.ledger(clock))
        try await first.join(mine)
        try await second.join(other)
        let claimed = try await insert(.sample(1), in: first)
        clock.advance(by: .seconds(10))
        try await second.heartbeat(other)
        #expect(try await second.claim(claimed.task.id, owner: other) == nil)
        clock.advance(by: .milliseconds(1))
        #expect(!first.isFresh)
        let taken = try #require(try await second.claim(claimed.task.id, owner: other))
        #expect(try await !second.isGone(mine))
        #expect(try await first.write([next(claimed, .submitting)]) == [.stale(claimed.task)])
        #expect(first.staleWrites == 1)
        #expect(try await second.write([next(taken, .submitting)]) == [.written(sequence: 2)])
        // A version that was replaced is no lost lease.
        #expect(try await second.write([next(taken, .submitting)]) != [.written(sequence: 3)])
        #expect(second.staleWrites == 0)
    }

    @Test("an owner is sure of its leases for 8 s after it was last heard of; every write counts")
    func freshness() async throws {
        let ledger = folder.ledger(clock)
        #expect(!ledger.isFresh)
        try await ledger.join(mine)
        #expect(ledger.isFresh)
        clock.advance(by: .milliseconds(7999))
        #expect(ledger.isFresh)
        clock.advance(by: .milliseconds(1))
        #expect(!ledger.isFresh)
        _ = try await insert(.sample(1), in: ledger)
        #expect(ledger.isFresh)
        clock.advance(by: .seconds(8))
        try await ledger.heartbeat(mine)
        #expect(ledger.isFresh)
        // A beat that does not get through is none.
        clock.advance(by: .seconds(7))
        let blocker = try blocker()
        await #expect(throws: LedgerError.self) { try await ledger.heartbeat(mine) }
        #expect(!ledger.isFresh)
        try blocker.close()
        try await ledger.heartbeat(mine)
        #expect(ledger.isFresh)
        try await ledger.leave(mine)
        #expect(!ledger.isFresh)
    }

    @Test("a process that was stopped and goes on knows of the gap")
    func lapses() async throws {
        let ledger = folder.ledger(clock)
        try await ledger.join(mine)
        let before = ledger.hold()
        for _ in 0..<3 {
            clock.advance(by: .milliseconds(7999))
            try await ledger.heartbeat(mine)
        }
        #expect(ledger.isUnbroken(before))
        clock.advance(by: .seconds(8))
        #expect(!ledger.isUnbroken(before))
        try await ledger.heartbeat(mine)
        #expect(ledger.isFresh)
        #expect(!ledger.isUnbroken(before))
        #expect(ledger.isUnbroken(ledger.hold()))
    }

    @Test("two processes cannot have one owner id")
    func sameOwner() async throws {
        let (first, second) = (folder.ledger(clock), folder.ledger(clock))
        try await first.join(mine)
        await #expect(throws: LedgerError.self) { try await second.join(mine) }
        #expect(try await !second.isGone(mine))
    }

    @Test("beats of another start of the machine do not count, the lock does")
    func otherBoot() async throws {
        let (first, second) = (folder.ledger(clock), folder.ledger(clock))
        try await first.join(mine)
        try await second.join(other)
        let claimed = try await insert(.sample(1), in: first)
        let raw = try DatabaseQueue(path: folder.database)
        try await raw.write { db in try db.execute(sql: "UPDATE owners SET boot_id = 'other', beat_ms = 0") }
        clock.advance(by: .seconds(60))
        #expect(try await second.claim(claimed.task.id, owner: other) == nil)
        first.abandonForTests(mine)
        #expect(try await second.claim(claimed.task.id, owner: other) != nil)
    }

    @Test("who cannot join because another process holds the ledger leaves nothing behind, and can join later")
    func lateJoin() async throws {
        let ledger = folder.ledger(clock)
        try await ledger.open()
        let blocker = try blocker()
        await #expect(throws: LedgerError.self) { try await ledger.join(mine) }
        #expect(try folder.names("owners").isEmpty)
        #expect(!ledger.isFresh)
        try blocker.close()
        try await ledger.join(mine)
        #expect(ledger.isFresh)
    }

    @Test("an owner's name stays inside its folder")
    func ownerName() async throws {
        let ledger = folder.ledger(clock)
        let strange = OwnerID("../é/.")
        try await ledger.join(strange)
        #expect(try await !ledger.isGone(strange))
        #expect(try folder.names("owners").count == 1)
        try await ledger.leave(strange)
        #expect(try folder.names("owners").isEmpty)
    }

    // MARK: Requests

    @Test("a large request is a file until the create is definite")
    func requestFile() async throws {
        let ledger = folder.ledger(clock)
        let large = [UInt8](repeating: 1, count: (64 << 10) + 1)
        let claimed = try await insert(.sample(1), body: large, in: ledger)
        _ = try await insert(.sample(2), body: Array(large.dropLast()), in: ledger)
        #expect(try folder.names("requests") == [TaskID.sample(1).description])
        #expect(try await ledger.write([next(claimed, .failed)]) == [.written(sequence: 3)])
        #expect(try folder.names("requests").isEmpty)
    }

    @Test("requests that nobody needs are removed an hour later, and no others")
    func sweptRequests() async throws {
        let first = folder.ledger(clock)
        let large = [UInt8](repeating: 1, count: 70_000)
        _ = try await insert(.sample(1), body: large, in: first)
        let requests = folder.path + "/requests/"
        for number in 2...3 { try Data([1]).write(to: URL(fileURLWithPath: requests + "\(TaskID.sample(number))")) }
        try Data([1]).write(to: URL(fileURLWithPath: requests + "something else"))
        let old = Date(timeIntervalSince1970: Double(clock.date.milliseconds) / 1000 - 3601)
        let young = Date(timeIntervalSince1970: Double(clock.date.milliseconds) / 1000 - 3599)
        for (number, date) in [(1, old), (2, old), (3, young)] {
            let path = requests + "\(TaskID.sample(number))"
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
        }
        try await folder.ledger(clock).join(other)
        #expect(
            try Set(folder.names("requests"))
                == [TaskID.sample(1).description, TaskID.sample(3).description, "something else"]
        )
    }

    // MARK: Other processes that write

    @Test(
        "while another process holds the ledger, reads are answered; a submission waits, ends as busy, and is not there"
    )
    func blocked() async throws {
        let ledger = folder.ledger(clock)
        let claimed = try await insert(.sample(1), in: ledger)
        let blocker = try blocker()
        let start = clock.now
        #expect(try await ledger.task(claimed.task.id) == claimed.task)
        #expect(try await ledger.list(TaskQuery()).tasks == [claimed.task])
        #expect(clock.now == start)
        let body = [UInt8](repeating: 1, count: 70_000)
        let error = await #expect(throws: LedgerError.self) {
            try await ledger.insert(NewTask(.sample(2), body: body), owner: mine)
        }
        #expect(message(error).contains("another process holds the ledger"))
        #expect(message(error).contains("nothing was written"))
        guard case .busy = error else { throw Unexpected("it is not busy") }
        #expect(clock.now - start >= .seconds(10))
        #expect(clock.now - start < .seconds(11))
        try blocker.inDatabase { db in try db.rollback() }
        #expect(try await ledger.task(TaskID.sample(2)) == nil)
        #expect(try folder.names("requests").isEmpty)
        _ = try await insert(.sample(2), body: body, in: ledger)
    }

    @Test("a write that is let through in time succeeds")
    func letThrough() async throws {
        let ledger = folder.ledger(clock)
        let claimed = try await insert(.sample(1), in: ledger)
        let blocker = try blocker()
        clock.onSleep { number in if number == 5 { try? blocker.close() } }
        #expect(try await ledger.write([next(claimed, .submitting)]) == [.written(sequence: 2)])
    }

    @Test("cancelling the caller ends the waiting of a submission, but not of a write")
    func cancelled() async throws {
        let ledger = folder.ledger(clock)
        let claimed = try await insert(.sample(1), in: ledger)
        let blocker = try blocker()
        let start = clock.now
        let caller = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            await #expect(throws: LedgerError.self) { try await ledger.insert(.sample(2), owner: mine) }
            let slept = Atomic(0)
            clock.onSleep { _ in
                if slept.add(1, ordering: .relaxed).newValue == 3 { try? blocker.close() }
            }
            return try await ledger.write([next(claimed, .submitting)])
        }
        #expect(try await caller.value == [.written(sequence: 2)])
        #expect(clock.now == start)
        #expect(try await ledger.task(TaskID.sample(2)) == nil)
    }

    @Test("processes that start at once make one ledger, and of one key one task")
    func contention() async throws {
        let processes = (0..<6).map { _ in SQLiteLedger(directory: folder.path) }
        let results = try await withThrowingTaskGroup(of: [Bool].self) { group in
            for (process, ledger) in processes.enumerated() {
                group.addTask {
                    let owner = OwnerID("process\(process)")
                    try await ledger.join(owner)
                    var inserted: [Bool] = []
                    for number in 0..<20 {
                        let task = GenerationTask.sample(100 * process + number) { $0.idempotencyKey = "key\(number)" }
                        let admission = try await ledger.insert(task, owner: owner)
                        if case .inserted = admission { inserted.append(true) } else { inserted.append(false) }
                    }
                    return inserted
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for number in 0..<20 { #expect(results.count { $0[number] } == 1) }
        #expect(try await processes[0].list(TaskQuery()).tasks.count == 20)
        #expect(try await processes[1].lastSequence() == 20)
    }

    // MARK: Ledgers that cannot be opened

    @Test(
        "what a killed process was about to send is known as unsent, unless it had noted the last byte",
        arguments: [false, true]
    )
    func unsent(isNoted: Bool) async throws {
        let (folder, clock) = (TemporaryFolder(), LedgerClock())
        let (first, second) = (folder.ledger(clock), folder.ledger(clock))
        let (mine, other) = (OwnerID("mine"), OwnerID("other"))
        try await first.join(mine)
        guard case .inserted(let claimed) = try await first.insert(NewTask(.sample(), body: [1]), owner: mine) else {
            throw Unexpected("not inserted")
        }
        let begun = try #require(TaskStateMachine.apply(.sendStarted, to: claimed.task, at: clock.date, by: mine))
        let write = LedgerWrite(task: begun, lease: claimed.lease, replaces: 0, slots: .keep, releases: false)
        #expect(isWritten(try await first.write([write]).first))
        if isNoted { #expect(first.noteLastByte(of: begun.id, attempt: 1, by: mine)) }
        first.abandonForTests(mine)
        try await second.join(other)
        #expect(try await second.claim(begun.id, owner: other)?.isUnsent == !isNoted)
        // It stays known until the task goes on, whoever takes it next.
        second.abandonForTests(other)
        let third = folder.ledger(clock)
        try await third.join(OwnerID("third"))
        #expect(try await third.claim(begun.id, owner: OwnerID("third"))?.isUnsent == !isNoted)
        #expect(!third.noteLastByte(of: begun.id, attempt: 1, by: mine), "of another process")
    }

    @Test("what a note that was cut short has left behind does not spoil the next")
    func cutNote() async throws {
        let (folder, clock) = (TemporaryFolder(), LedgerClock())
        let (first, second) = (folder.ledger(clock), folder.ledger(clock))
        let (mine, other) = (OwnerID("mine"), OwnerID("other"))
        try await first.join(mine)
        guard case .inserted(let claimed) = try await first.insert(NewTask(.sample(), body: [1]), owner: mine) else {
            throw Unexpected("not inserted")
        }
        let begun = try #require(TaskStateMachine.apply(.sendStarted, to: claimed.task, at: clock.date, by: mine))
        let write = LedgerWrite(task: begun, lease: claimed.lease, replaces: 0, slots: .keep, releases: false)
        #expect(isWritten(try await first.write([write]).first))
        // As a disk that was full leaves it.
        let file = try #require(FileHandle(forWritingAtPath: folder.path + "/owners/mine"))
        try file.seekToEnd()
        try file.write(contentsOf: Data("01a213ad".utf8))
        try file.close()
        #expect(first.noteLastByte(of: begun.id, attempt: 1, by: mine))
        first.abandonForTests(mine)
        try await second.join(other)
        #expect(try await second.claim(begun.id, owner: other)?.isUnsent == false)
    }

    @Test("a request whose file is gone is told as gone, so that one task does not hold the others")
    func lostRequest() async throws {
        let (folder, clock) = (TemporaryFolder(), LedgerClock())
        let ledger = folder.ledger(clock)
        let mine = OwnerID("mine")
        try await ledger.join(mine)
        let body = [UInt8](repeating: 7, count: 100_000)
        _ = try await ledger.insert(NewTask(.sample(), body: body), owner: mine)
        #expect(try await ledger.body(of: .sample(0)) == body)
        try FileManager.default.removeItem(atPath: folder.path + "/requests/\(TaskID.sample(0))")
        #expect(try await ledger.body(of: .sample(0)) == nil)
    }

    @Test("nothing is stored or sent once the state folder was removed under a running process")
    func removedFolder() async throws {
        let (folder, clock) = (TemporaryFolder(), LedgerClock())
        let ledger = folder.ledger(clock)
        let mine = OwnerID("mine")
        try await ledger.join(mine)
        _ = try await ledger.insert(NewTask(.sample(), body: [1]), owner: mine)
        try FileManager.default.removeItem(atPath: folder.path)
        #expect(!ledger.noteLastByte(of: .sample(0), attempt: 1, by: mine))
        await #expect(throws: LedgerError.self) {
            _ = try await ledger.insert(NewTask(.sample(1), body: [1]), owner: mine)
        }
    }

    @Test("a ledger of a newer klingd is refused and left alone")
    func newer() async throws {
        let first = folder.ledger(clock)
        _ = try await insert(.sample(1), in: first)
        let raw = try DatabaseQueue(path: folder.database)
        try await raw.write { db in try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('from the future')") }
        await first.close()
        let second = folder.ledger(clock)
        let error = await #expect(throws: LedgerError.self) { try await second.open() }
        #expect(message(error).contains("newer klingd"))
        #expect(message(error).contains("--state"))
        let again = await #expect(throws: LedgerError.self) { try await second.task(TaskID.sample(1)) }
        #expect(again == error)
        #expect(try await raw.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM tasks") } == 1)
    }

    @Test("a folder that is not there is an error")
    func noFolder() async throws {
        let ledger = SQLiteLedger(directory: folder.path + "/missing", time: clock)
        await #expect(throws: LedgerError.self) { try await ledger.join(mine) }
        #expect(try folder.names().isEmpty)
    }

    /// Overwrites bytes of the database.
    private func damage(from offset: UInt64, count: Int) throws {
        let file = try #require(FileHandle(forWritingAtPath: folder.database))
        try file.seek(toOffset: offset)
        try file.write(contentsOf: Data(repeating: 0xA5, count: count))
        try file.close()
    }

    @Test(
        "a damaged file is set aside, and nothing is submitted until a person has removed the note",
        arguments: [(0, 4096), (4096, 4096 * 6), (8192, 64)]
    )
    func damaged(offset: Int, count: Int) async throws {
        let first = folder.ledger(clock)
        for number in 0..<40 { _ = try await insert(.sample(number) { $0.idempotencyKey = "\(number)" }, in: first) }
        let identity = try await first.identity()
        await first.close()
        try damage(from: UInt64(offset), count: count)
        let broken = try Data(contentsOf: URL(fileURLWithPath: folder.database))
        let second = folder.ledger(clock)
        try await second.join(mine)
        #expect(try await second.identity() != identity)
        #expect(try await second.list(TaskQuery()).tasks.isEmpty)
        let aside = try #require(try folder.names().first { $0 == "ledger.sqlite.corrupt-20261123T202600Z" })
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + aside)) == broken)
        let note = folder.path + "/LEDGER-WAS-CORRUPT.txt"
        let text = try String(contentsOfFile: note, encoding: .utf8)
        #expect(text.contains(aside))
        #expect(text.contains(note))
        // The bar holds in every process.
        for ledger in [second, folder.ledger(clock)] {
            let error = await #expect(throws: LedgerError.self) { try await ledger.insert(.sample(1), owner: mine) }
            #expect(message(error) == ledger.submittingIsBarred())
            #expect(message(error).contains(note))
        }
        try FileManager.default.removeItem(atPath: note)
        #expect(second.submittingIsBarred() == nil)
        _ = try await insert(.sample(1), in: second)
    }

    @Test("a damaged file is left to the process that works with it")
    func damagedInUse() async throws {
        let first = folder.ledger(clock)
        _ = try await insert(.sample(1), in: first)
        let raw = try DatabaseQueue(path: folder.database)
        try raw.inDatabase { db in _ = try Row.fetchAll(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try damage(from: 0, count: 4096)
        let second = folder.ledger(clock)
        let error = await #expect(throws: LedgerError.self) { try await second.join(other) }
        #expect(message(error).contains("another klingd works with it"))
        #expect(second.submittingIsBarred() == nil)
        #expect(try folder.names().contains("ledger.sqlite"))
    }

    @Test(
        "network file systems are known by their name",
        arguments: [
            ("nfs", true), ("nfs4", true), ("cifs", true), ("smb3", true), ("smbfs", true), ("afs", true),
            ("coda", true), ("ncpfs", true), ("ceph", true), ("9p", true), ("lustre", true), ("gfs2", true),
            ("ocfs2", true), ("fuse.sshfs", true), ("fuse", false), ("fuseblk", false), ("fuse.mergerfs", false),
            ("ext4", false), ("xfs", false), ("btrfs", false), ("zfs", false), ("tmpfs", false), ("overlay", false),
            ("apfs", false),
        ]
    )
    func networkFileSystems(name: String, isNetwork: Bool) {
        #expect(FileSystemKind.isNetwork(name) == isNetwork)
    }

    @Test("a folder's file system is found by device, else by the longest mount point above it")
    func mounts() {
        let mounts = #"""
            22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
            23 22 0:45 / /home rw - nfs4 server:/home rw,vers=4.2
            24 22 0:46 /@data /data rw,noatime master:1 - btrfs /dev/sdb rw
            25 22 0:47 / /mnt/my\040share rw - cifs //server/share rw
            broken
            """#
        func name(_ major: UInt64, _ minor: UInt64, _ path: String) -> String? {
            FileSystemKind.name(device: major << 8 | minor, path: path, mounts: mounts)
        }
        #expect(name(254, 1, "/var/klingd") == "ext4")
        #expect(name(0, 45, "/home/u/.local/share/klingd") == "nfs4")
        #expect(name(0, 45, "/somewhere/it/is/bound/to") == "nfs4")
        #expect(name(0, 99, "/data/subvolume") == "btrfs")
        #expect(name(0, 99, "/data2") == "ext4")
        #expect(name(0, 99, "/mnt/my share/klingd") == "cifs")
        #expect(FileSystemKind.name(device: 1, path: "/", mounts: "") == nil)
    }
}
