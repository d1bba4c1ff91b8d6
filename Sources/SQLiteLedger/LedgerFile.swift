import GRDB
import GenerationTasks

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An open database, and the word to the other processes that it is in use.
final class LedgerConnection: Sendable {
    let queue: DatabaseQueue
    private let use: FileLock

    init(queue: DatabaseQueue, use: FileLock) {
        self.queue = queue
        self.use = use
    }
}

/// The database's files, and how they are opened.
///
/// `ledger.lock` keeps processes from one another: its first byte is locked by who opens the ledger, so that one at a
/// time makes or replaces it; its second byte is shared by all who have it open, so that nobody takes it from under
/// them.
struct LedgerFile: Sendable {
    let directory: String
    let time: any TimeSource

    private static let turn: Int64 = 0
    private static let use: Int64 = 1
    /// A larger file is not read through at the start; that would take seconds.
    private static let checkedSize = 64 << 20

    private var path: String { Self.path(in: directory) }
    private static func path(in directory: String) -> String { directory + "/ledger.sqlite" }

    /// One that cannot be looked at is there: opening it tells why.
    static func exists(in directory: String) -> Bool {
        Files.status(path(in: directory)) != nil || (errno != ENOENT && errno != ENOTDIR)
    }

    private var notePath: String { directory + "/LEDGER-WAS-CORRUPT.txt" }

    /// Opens the ledger, makes it when there is none, and sets it aside when it is damaged. Blocks.
    func open() throws(Trouble) -> LedgerConnection {
        guard let status = Files.status(directory + "/."), status.st_mode & S_IFMT == S_IFDIR else {
            throw .ledger(.failed("\(directory) is not a folder"))
        }
        if let network = FileSystemKind.network(of: directory) {
            let why = "where SQLite's locks cannot be relied on; give a local folder by --state"
            throw .ledger(.failed("\(directory) lies on a network file system (\(network)), \(why)"))
        }
        let lockPath = directory + "/ledger.lock"
        guard let lock = FileLock(lockPath) else {
            throw .ledger(.failed(Files.reason("cannot be opened", lockPath)))
        }
        guard lock.take(.exclusive, byte: Self.turn), lock.take(.shared, byte: Self.use) else { throw .busy }
        defer { lock.free(byte: Self.turn) }
        do {
            try makeFiles()
            do {
                return LedgerConnection(queue: try connect(lock), use: lock)
            } catch let error as DatabaseError where error.isDamage {
                try setAside(because: error.message ?? "no reason given", lock)
                try makeFiles()
                return LedgerConnection(queue: try connect(lock), use: lock)
            }
        } catch {
            throw Trouble(error)
        }
    }

    /// Why nothing may be sent, when that is so: a person has to know first that the ledger was lost.
    var submittingIsBarred: String? {
        guard Files.status(notePath) != nil else { return nil }
        return "the ledger was damaged and had to be begun anew; nothing is sent until a person has read and removed "
            + notePath
    }

    // MARK: Opening

    /// Makes what is missing, and private what is there. SQLite gives its other files the mode of the first one.
    private func makeFiles() throws(LedgerError) {
        for folder in ["owners", "requests"].map({ directory + "/" + $0 }) where !Files.makeFolder(folder) {
            throw .failed(Files.reason("cannot be made", folder))
        }
        guard Files.status(path) == nil else {
            for path in [path, path + "-wal", path + "-shm"] { try makePrivate(path) }
            return
        }
        // A database that is there already is never opened here: to close it would free SQLite's own locks on it.
        let descriptor = Self.create(path)
        guard descriptor >= 0 else { throw .failed(Files.reason("cannot be made", path)) }
        defer { close(descriptor) }
        guard fchmod(descriptor, 0o600) == 0 else { throw .failed(Files.reason("cannot be made private", path)) }
        Files.sync(directory)
    }

    private static func create(_ path: String) -> Int32 {
        #if canImport(Darwin)
            Darwin.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        #elseif canImport(Musl)
            Musl.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        #else
            Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        #endif
    }

    private func makePrivate(_ path: String) throws(LedgerError) {
        guard let status = Files.status(path) else { return }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .failed("\(path) is not a file (links are not followed)")
        }
        guard status.st_mode & 0o777 == 0o600 || chmod(path, 0o600) == 0 else {
            throw .failed(Files.reason("cannot be made private", path))
        }
    }

    private func connect(_ lock: FileLock) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "klingd.ledger"
        configuration.foreignKeysEnabled = false
        // Whoever has to wait does so outside of the queue, so that reads go on.
        configuration.busyMode = .immediateError
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
            // A promise of klingd depends on every transaction: none may be lost with the power.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            #if canImport(Darwin)
                try db.execute(sql: "PRAGMA fullfsync = ON")
            #endif
        }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        do {
            try queue.inDatabase { db in try prepare(db, lock) }
            if try queue.inDatabase({ db in try !Schema.migrator.hasCompletedMigrations(db) }) {
                try Schema.migrator.migrate(queue)
            }
            return queue
        } catch {
            try? queue.close()
            throw error
        }
    }

    private func prepare(_ db: Database, _ lock: FileLock) throws {
        guard try !Schema.migrator.hasBeenSuperseded(db) else {
            let advice = "update klingd, or give another folder by --state"
            throw LedgerError.failed(
                "\(path) was made by a newer klingd, which this one does not understand; \(advice)"
            )
        }
        // Others have looked already; and while they work, nobody could set it aside.
        if lock.take(.exclusive, byte: Self.use) {
            defer { _ = lock.take(.shared, byte: Self.use) }
            if let status = Files.status(path), status.st_size <= Self.checkedSize {
                let found = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "nothing"
                guard found == "ok" else { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: found) }
            }
        }
        var mode = try String.fetchOne(db, sql: "PRAGMA journal_mode")
        if mode != "wal" { mode = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL") }
        guard mode == "wal" else {
            throw LedgerError.failed("\(path) cannot be shared between processes here: SQLite refuses its WAL mode")
        }
    }

    // MARK: Damage

    /// Puts the damaged files where a person can look at them. The note comes first: whatever happens in between, no
    /// process takes the empty ledger that follows for the truth.
    private func setAside(because reason: String, _ lock: FileLock) throws(LedgerError) {
        guard lock.take(.exclusive, byte: Self.use) else {
            let advice = "end every klingd with this state directory, then start one"
            throw .failed("\(path) is damaged (\(reason)) and another klingd works with it; \(advice)")
        }
        defer { _ = lock.take(.shared, byte: Self.use) }
        let stamp = time.date.rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
        var aside = "\(path).corrupt-\(stamp)"
        while Files.status(aside) != nil { aside += "x" }
        let note = """
            klingd found its ledger damaged: \(reason)

            The file was set aside as
                \(aside)
            and an empty ledger was begun. Tasks that were on their way are known only to the file that was set aside, \
            and to the provider.

            A request that is made again now could be paid twice. So klingd sends nothing until a person has removed \
            this file:
                \(notePath)
            Tasks that the provider has can be adopted meanwhile: the method 'watch' with their task_id.

            """
        guard Files.store(Array(note.utf8), at: notePath) else {
            throw .failed(Files.reason("cannot be written", notePath))
        }
        Files.sync(directory)
        // The database last: until it has its new name, the next process finds it damaged again.
        for suffix in ["-wal", "-shm", ""] where Files.status(path + suffix) != nil {
            guard rename(path + suffix, aside + suffix) == 0 else {
                throw .failed(Files.reason("is damaged and cannot be set aside", path + suffix))
            }
        }
        Files.sync(directory)
    }
}
