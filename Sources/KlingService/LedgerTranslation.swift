package import GenerationTasks
import JSON

/// From the ledger's words to those of the wire.
extension TaskError {
    package init(_ error: LedgerError) {
        switch error {
        case .busy(let message): self.init(.ledgerBusy, message, retryable: true)
        case .failed(let message): self.init(.ledger, message)
        case .badCursor:
            self.init(
                .invalidParams,
                "'cursor' is not one that 'list' gave; leave it out to begin at the newest task",
                pointer: .root.member("cursor")
            )
        }
    }

    init(_ error: TaskTableError) {
        switch error {
        case .ledger(let error): self.init(error)
        case .notOurs: self.init(.ledgerBusy, "another process works on this task; try again", retryable: true)
        case .noSlots: self.init(.throttled, "too many images are in flight at the provider", retryable: true)
        case .unknownTask: self.init(.notFound, "this process does not know the task")
        }
    }
}
