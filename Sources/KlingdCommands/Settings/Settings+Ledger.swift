import GenerationTasks
import KlingService
import SQLiteLedger

extension Settings {
    /// Why there is no ledger to read; `nil` when there is one.
    var ledgerAbsence: CommandFailure? {
        guard baseURL != nil else {
            return CommandFailure(
                message: """
                    the simulator in a process keeps its tasks in memory, and they end with it; give the --base-url of \
                    one that 'klingd simulate' runs
                    """,
                exitCode: CommandFailure.usage
            )
        }
        guard !SQLiteLedger.exists(in: ledgerDirectory) else { return nil }
        return CommandFailure(
            message: "there is no ledger in \(ledgerDirectory): no task was made with this --state and --provider yet",
            exitCode: CommandFailure.failed
        )
    }

    func requireLedger() throws(CommandFailure) {
        if let ledgerAbsence { throw ledgerAbsence }
    }

    /// What `body` makes of the ledger, which is read alone: no service is started and nothing is claimed, whatever
    /// other processes do with it.
    func readLedger<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteLedger) async throws(LedgerError) -> Value
    ) throws(CommandFailure) -> Value {
        let ledger = SQLiteLedger(directory: ledgerDirectory, time: SystemTime())
        let outcome: Result<Value, LedgerError> = try CommandLoop.run {
            let outcome: Result<Value, LedgerError>
            do throws(LedgerError) {
                outcome = .success(try await body(ledger))
            } catch {
                outcome = .failure(error)
            }
            await ledger.close()
            return outcome
        }
        do throws(LedgerError) {
            return try outcome.get()
        } catch {
            throw CommandFailure(message: TaskError(error).message, exitCode: CommandFailure.failed)
        }
    }
}
