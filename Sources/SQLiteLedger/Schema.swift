import GRDB

/// The tables, and how an older ledger becomes a newer one.
enum Schema {
    /// A migration is never changed once it was released; what changes is a new one.
    static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: first)
            let identity = (0..<4).map { _ in hex(UInt32.random(in: .min ... .max)) }.joined()
            try db.execute(sql: "INSERT INTO meta (identity, sequence) VALUES (?, 0)", arguments: [identity])
        }
        return migrator
    }()

    private static func hex(_ word: UInt32) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    // The document is the last column but for the request: what is looked at for many tasks lies before it, on the
    // row's first page.
    private static let first = """
        CREATE TABLE meta (
            identity TEXT NOT NULL,
            sequence INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE tasks (
            ordinal INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            sequence INTEGER NOT NULL UNIQUE,
            account TEXT NOT NULL,
            storage TEXT NOT NULL,
            external_task_id TEXT NOT NULL,
            task_id TEXT,
            idempotency_key TEXT,
            fingerprint TEXT NOT NULL,
            state TEXT NOT NULL,
            watch TEXT NOT NULL,
            charged TEXT NOT NULL,
            image_count INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            finished_at INTEGER,
            units REAL,
            revision INTEGER NOT NULL,
            owner TEXT,
            fence INTEGER NOT NULL,
            slots INTEGER NOT NULL,
            slots_since INTEGER NOT NULL,
            beside INTEGER NOT NULL,
            is_tombstone INTEGER NOT NULL,
            is_unsent INTEGER NOT NULL,
            body_place INTEGER NOT NULL,
            document TEXT NOT NULL,
            body BLOB
        ) STRICT;
        CREATE INDEX tasks_key ON tasks (account, idempotency_key) WHERE idempotency_key IS NOT NULL;
        CREATE INDEX tasks_external ON tasks (account, external_task_id);
        CREATE INDEX tasks_task_id ON tasks (task_id, sequence) WHERE task_id IS NOT NULL;
        CREATE INDEX tasks_state ON tasks (state);
        CREATE INDEX tasks_watch ON tasks (watch);
        CREATE INDEX tasks_unfinished ON tasks (ordinal) WHERE state NOT IN ('stored', 'failed');
        CREATE INDEX tasks_queued ON tasks (account, ordinal) WHERE state = 'queued';
        CREATE INDEX tasks_owner ON tasks (owner) WHERE owner IS NOT NULL;
        CREATE INDEX tasks_slots ON tasks (account) WHERE slots > 0;
        CREATE INDEX tasks_created ON tasks (created_at);
        CREATE INDEX tasks_finished ON tasks (finished_at) WHERE is_tombstone = 0 AND finished_at IS NOT NULL;

        CREATE TABLE owners (
            id TEXT PRIMARY KEY,
            process_id INTEGER NOT NULL,
            boot_id TEXT NOT NULL,
            beat_ms INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE durations (
            position INTEGER PRIMARY KEY,
            model TEXT NOT NULL,
            resolution TEXT NOT NULL,
            image_count INTEGER NOT NULL,
            nanoseconds INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX durations_class ON durations (model, resolution, image_count);

        CREATE TABLE learnt_limits (
            account TEXT PRIMARY KEY,
            images INTEGER NOT NULL,
            at INTEGER NOT NULL
        ) STRICT;
        """
}
