import GRDB
import GenerationTasks
import JSON

/// Why one attempt at the database came to nothing.
enum Trouble: Error, Sendable, Equatable {
    /// Another process is just writing: the same may succeed a moment later.
    case busy
    case ledger(LedgerError)

    /// Never tells what was to be written: prompts and keys are nobody's business.
    init(_ error: any Error) {
        switch error {
        case let error as Trouble: self = error
        case let error as LedgerError: self = .ledger(error)
        case let error as DatabaseError: self.init(error)
        case let error as UnreadableRecord: self = .ledger(.failed(error.message))
        default: self = .ledger(.failed("the ledger failed: \(type(of: error))"))
        }
    }

    private init(_ error: DatabaseError) {
        let told = "\(error.message ?? "no reason given") (SQLite \(error.extendedResultCode.rawValue))"
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL: self = .busy
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            let advice = "end every klingd with this state directory; the next one sets the file aside and says so"
            self = .ledger(.failed("the ledger's file is damaged: \(told); \(advice)"))
        case .SQLITE_FULL: self = .ledger(.failed("the disk of the ledger is full: \(told)"))
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN:
            self = .ledger(.failed("the ledger's file cannot be opened or written: \(told)"))
        default: self = .ledger(.failed("the ledger failed: \(told)"))
        }
    }
}

extension DatabaseError {
    /// Whether the file is no database, or no whole one.
    var isDamage: Bool { resultCode == .SQLITE_CORRUPT || resultCode == .SQLITE_NOTADB }
}

/// A record that this build cannot read: a newer klingd may have written it.
struct UnreadableRecord: Error {
    let message: String

    init(_ what: String) {
        message = "the ledger has a record that this klingd cannot read (\(what)); a newer one may have written it"
    }

    init(_ error: JSONDecodingError) { self.init(error.message) }
}
