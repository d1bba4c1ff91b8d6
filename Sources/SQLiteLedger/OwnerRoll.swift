import GRDB
import GenerationTasks

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Who is alive, as one transaction sees it: each owner is looked at once.
struct OwnerRoll {
    /// An owner that has not been heard of for so long may have its leases taken.
    static let expiry = Duration.seconds(10)

    private let files: OwnerFiles
    private let bootID: String
    /// On the boot clock, in milliseconds.
    private let now: Int64
    private var known: [OwnerID: Bool] = [:]
    /// Those whose process was found to have ended; their rows are gone with the transaction.
    private(set) var gone: [OwnerID] = []

    init(files: OwnerFiles, bootID: String, now: Int64) {
        self.files = files
        self.bootID = bootID
        self.now = now
    }

    /// Whether the owner's process runs, and is not stopped.
    mutating func isAlive(_ owner: OwnerID, _ db: Database) throws -> Bool {
        if let known = known[owner] { return known }
        let isAlive = try look(at: owner, db)
        known[owner] = isAlive
        return isAlive
    }

    private mutating func look(at owner: OwnerID, _ db: Database) throws -> Bool {
        let statement = try db.cachedStatement(sql: "SELECT boot_id, beat_ms FROM owners WHERE id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [owner.description]) else { return false }
        let bootID: String = try row.value(0)
        guard files.isHeld(owner) else {
            try remove(owner, bootID, db)
            return false
        }
        // Beats of another start of the machine cannot be compared; its processes are gone, and the lock says so.
        guard bootID == self.bootID else { return true }
        let beat: Int64 = try row.value(1)
        return now - beat <= Self.expiry.milliseconds
    }

    /// Removes the rows of all whose process has ended.
    mutating func sweep(_ db: Database) throws {
        for row in try Row.fetchAll(db, sql: "SELECT id, boot_id FROM owners") {
            let owner = OwnerID(try row.value(0))
            if !files.isHeld(owner) { try remove(owner, try row.value(1), db) }
        }
    }

    private mutating func remove(_ owner: OwnerID, _ bootID: String, _ db: Database) throws {
        // What it noted is in the system's memory at least, unless that was another start of the machine.
        if !bootID.isEmpty, bootID == self.bootID, let notes = files.notes(of: owner) {
            try LedgerTransactions.noteUnsent(of: owner, notes: notes, db)
        }
        try db.cachedStatement(sql: "DELETE FROM owners WHERE id = ?").execute(arguments: [owner.description])
        gone.append(owner)
    }

    /// Notes that the owner, one of this process, is alive now.
    func beat(_ owner: OwnerID, _ db: Database) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO owners (id, process_id, boot_id, beat_ms) VALUES (?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET process_id = excluded.process_id, boot_id = excluded.boot_id,
                    beat_ms = excluded.beat_ms
                """
        )
        try statement.execute(arguments: [owner.description, Int64(getpid()), bootID, now])
    }
}
