import GRDB
import GenerationTasks
import JSON

/// A row of the table `tasks`: the task, and what the ledger knows of it beside.
struct TaskRecord {
    /// Where the task's request lies.
    enum BodyPlace: Int64 {
        case nowhere = 0
        case inline = 1
        case file = 2
    }

    /// Place in the order of insertion.
    var ordinal: Int64
    var task: GenerationTask
    var owner: OwnerID?
    /// Of the last lease, given up or not.
    var fence: Int64
    var slots = 0
    var slotsSince = Timestamp(milliseconds: .min)
    /// Images of others that were in flight when the slots were taken.
    var beside = 0
    var isTombstone = false
    /// Whether its process ended while it was submitting and had not noted the last byte.
    var isUnsent = false
    var bodyPlace = BodyPlace.nowhere

    var lease: Lease? { owner.map { Lease(owner: $0, fence: fence) } }

    static let columns = """
        ordinal, id, sequence, account, storage, external_task_id, task_id, idempotency_key, fingerprint, state, \
        watch, charged, image_count, created_at, finished_at, revision, owner, fence, slots, slots_since, beside, \
        is_tombstone, is_unsent, body_place, document
        """

    init(_ claimed: ClaimedTask, ordinal: Int64, bodyPlace: BodyPlace) {
        self.ordinal = ordinal
        self.bodyPlace = bodyPlace
        task = claimed.task
        owner = claimed.lease.owner
        fence = claimed.lease.fence
    }

    /// Reads a row that was selected by ``columns``.
    fileprivate init(_ row: SelectedRow) throws {
        ordinal = try row.value(0)
        guard let id = TaskID(try row.value(1)) else { throw UnreadableRecord("a task id") }
        task = GenerationTask(
            id: id,
            externalTaskID: try row.text(5),
            idempotencyKey: try row.optionalText(7),
            fingerprint: try row.text(8),
            provider: "",
            account: try row.text(3),
            request: [:],
            imageCount: try row.value(12),
            storage: try row.text(4),
            createdAt: Timestamp(milliseconds: try row.value(13))
        )
        task.sequence = try row.value(2)
        task.taskID = try row.optionalText(6)
        task.state = try row.word(9)
        task.watch = try row.word(10)
        task.charged = try row.word(11)
        task.finishedAt = try row.optional(14).map(Timestamp.init(milliseconds:))
        task.revision = try row.value(15)
        owner = try row.optional(16).map { OwnerID($0) }
        fence = try row.value(17)
        slots = try row.value(18)
        slotsSince = Timestamp(milliseconds: try row.value(19))
        beside = try row.value(20)
        isTombstone = try row.value(21)
        isUnsent = try row.value(22)
        guard let place = BodyPlace(rawValue: try row.value(23)) else { throw UnreadableRecord("place of a request") }
        bodyPlace = place
        try TaskDocument.read(try row.value(24), into: &task)
    }

    /// The units the provider told, when they are a number.
    private var units: Double? {
        task.finalUnitDeduction.flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil }
    }

    func insert(_ db: Database, body: [UInt8]?) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO tasks (\(Self.columns), units, body)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        )
        try statement.execute(
            arguments: [
                ordinal, task.id.description, task.sequence, SQLText.stored(task.account),
                SQLText.stored(task.storage), SQLText.stored(task.externalTaskID), task.taskID.map(SQLText.stored),
                task.idempotencyKey.map(SQLText.stored), SQLText.stored(task.fingerprint), task.state.rawValue,
                task.watch.rawValue, task.charged.rawValue, task.imageCount, task.createdAt.milliseconds,
                task.finishedAt?.milliseconds, task.revision, owner?.description, fence, slots,
                slotsSince.milliseconds, beside, isTombstone, isUnsent, bodyPlace.rawValue,
                TaskDocument.text(of: task), units, bodyPlace == .inline ? body.flatMap(SQLBytes.stored) : nil,
            ]
        )
    }

    /// Replaces the row, except for what names a task and is fixed with its insertion: account, key, external id,
    /// fingerprint, time of creation.
    func update(_ db: Database) throws {
        // A request that stays is not touched: it may be large.
        let dropsBody = bodyPlace == .inline ? "" : ", body = NULL"
        let statement = try db.cachedStatement(
            sql: """
                UPDATE tasks SET sequence = ?, storage = ?, task_id = ?, state = ?, watch = ?, charged = ?,
                    image_count = ?, finished_at = ?, revision = ?, owner = ?, fence = ?, slots = ?, slots_since = ?,
                    beside = ?, is_tombstone = ?, is_unsent = ?, body_place = ?, document = ?, units = ?\(dropsBody)
                WHERE ordinal = ?
                """
        )
        try statement.execute(
            arguments: [
                task.sequence, SQLText.stored(task.storage), task.taskID.map(SQLText.stored), task.state.rawValue,
                task.watch.rawValue, task.charged.rawValue, task.imageCount, task.finishedAt?.milliseconds,
                task.revision, owner?.description, fence, slots, slotsSince.milliseconds, beside, isTombstone,
                isUnsent, bodyPlace.rawValue, TaskDocument.text(of: task), units, ordinal,
            ]
        )
    }
}

/// Text that others choose, on its way into the database and back.
///
/// GRDB binds a text up to its first NUL: two keys that differ behind it would be one. So NUL is written as U+0001 "0",
/// and U+0001 as U+0001 "1".
enum SQLText {
    static func stored(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 <= 1 }) else { return text }
        var stored = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0: stored += "\u{1}0"
            case 1: stored += "\u{1}1"
            default: stored.unicodeScalars.append(scalar)
            }
        }
        return stored
    }

    static func read(_ stored: String) -> String {
        guard stored.utf8.contains(1) else { return stored }
        var text = ""
        var isEscaped = false
        for scalar in stored.unicodeScalars {
            if isEscaped {
                text.unicodeScalars.append(scalar == "0" ? "\u{0}" : "\u{1}")
                isEscaped = false
            } else if scalar.value == 1 {
                isEscaped = true
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

/// Bytes on their way into the database and back, without naming Foundation's type for them.
enum SQLBytes {
    static func stored(_ bytes: [UInt8]) -> (any DatabaseValueConvertible)? {
        DatabaseValue.Storage.blob(collection(bytes)).value
    }

    static func read(_ row: Row, _ index: Int) throws -> [UInt8] {
        try row.withUnsafeData(atIndex: index) { data in data.map { [UInt8]($0) } ?? [] }
    }

    private static func collection<Bytes: RangeReplaceableCollection<UInt8>>(_ bytes: [UInt8]) -> Bytes { Bytes(bytes) }
}

/// A row of tasks while the statement stands at it: GRDB's `Row` would first make a table of the columns' names, which
/// costs as much as the rest of reading a task.
private struct SelectedRow: Columns {
    let statement: SQLiteStatement

    func stored(_ index: Int) -> DatabaseValue { DatabaseValue(sqliteStatement: statement, index: CInt(index)) }
}

/// A task as GRDB can fetch it: for GRDB a value of the first column, whose conversion reads the others too.
struct SelectedTask: DatabaseValueConvertible, StatementColumnConvertible {
    let record: Result<TaskRecord, any Error>

    init?(sqliteStatement: SQLiteStatement, index: CInt) {
        record = Result { try TaskRecord(SelectedRow(statement: sqliteStatement)) }
    }

    var databaseValue: DatabaseValue { .null }

    static func fromDatabaseValue(_ value: DatabaseValue) -> SelectedTask? { nil }
}

/// The columns of a row by their place.
protocol Columns {
    func stored(_ index: Int) -> DatabaseValue
}

extension Row: Columns {
    func stored(_ index: Int) -> DatabaseValue { self[index] }
}

extension Columns {
    /// The column's value; unlike GRDB's subscript, an error and no trap when the file holds something else.
    func value<Value: DatabaseValueConvertible>(_ index: Int) throws -> Value {
        guard let value = Value.fromDatabaseValue(stored(index)) else { throw UnreadableRecord("column \(index)") }
        return value
    }

    func optional<Value: DatabaseValueConvertible>(_ index: Int) throws -> Value? {
        stored(index).isNull ? nil : try value(index)
    }

    func text(_ index: Int) throws -> String { SQLText.read(try value(index)) }

    func optionalText(_ index: Int) throws -> String? { try optional(index).map(SQLText.read) }

    /// A value of one of our vocabularies.
    func word<Word: RawRepresentable>(_ index: Int) throws -> Word where Word.RawValue == String {
        let text: String = try value(index)
        guard let word = Word(rawValue: text) else { throw UnreadableRecord("the word '\(text)'") }
        return word
    }
}
