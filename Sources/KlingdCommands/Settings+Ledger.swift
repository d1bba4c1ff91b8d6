import SQLiteLedger

extension Settings {
    /// Refuses where there is no ledger to read. `product` is what is made of it, as in "the simulator keeps no bill".
    func requireLedger(for product: String) throws(CommandFailure) {
        guard baseURL != nil else {
            throw CommandFailure(
                message: """
                    the simulator in a process keeps no \(product); give the --base-url of one that 'simulate' runs
                    """,
                exitCode: CommandFailure.usage
            )
        }
        guard SQLiteLedger.exists(in: ledgerDirectory) else {
            throw CommandFailure(
                message: "there is no ledger in \(ledgerDirectory); give klingd's folder by --state",
                exitCode: CommandFailure.failed
            )
        }
    }
}
