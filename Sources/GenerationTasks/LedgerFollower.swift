/// Keeps this process in step with the others on the same ledger: says that it is alive, learns what they have written,
/// takes over what they have left.
///
/// It does nothing while this process works on nothing and nobody waits for another's work.
package actor LedgerFollower {
    private let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// A process that is not heard of for 10 s loses its leases.
    private static let beatPause = Duration.seconds(3)
    /// How often the ledger is looked at while somebody waits for what others do.
    private static let lookPause = Duration.milliseconds(100)
    /// How often it is tried to take over what somebody waits for.
    private static let claimPause = Duration.seconds(1)

    private let table: TaskTable
    private let ledger: any Ledger
    private let owner: OwnerID
    private let bindings: Set<Binding>
    private let time: any TimeSource
    private let bell: Bell
    private let awaitsSlots: @Sendable () async -> Bool
    private let onChange: @Sendable () async -> Void
    private let report: @Sendable (LedgerError) -> Void
    private var nextBeat: Moment
    private var nextLook: Moment
    private var nextClaim: Moment

    /// `bell` is the one that the table rings. `awaitsSlots` tells whether tasks wait for images in flight to end, which
    /// another process may see; `onChange` is told that something may have.
    package init(
        executor: any SerialExecutor,
        table: TaskTable,
        ledger: any Ledger,
        owner: OwnerID,
        bindings: Set<Binding>,
        time: any TimeSource,
        bell: Bell,
        awaitsSlots: @escaping @Sendable () async -> Bool,
        onChange: @escaping @Sendable () async -> Void,
        report: @escaping @Sendable (LedgerError) -> Void
    ) {
        self.executor = executor
        self.table = table
        self.ledger = ledger
        self.owner = owner
        self.bindings = bindings
        self.time = time
        self.bell = bell
        self.awaitsSlots = awaitsSlots
        self.onChange = onChange
        self.report = report
        let now = time.now
        (nextBeat, nextLook, nextClaim) = (now + Self.beatPause, now, now)
    }

    /// Follows until cancelled.
    package func run() async {
        while !Task.isCancelled {
            await bell.wait(until: await nextWake(), time)
            guard !Task.isCancelled else { return }
            do throws(LedgerError) {
                try await work()
            } catch {
                // The next round tries again.
                report(error)
            }
        }
    }

    private var awaitsOthers: Bool {
        get async {
            if await !table.awaitedOfOthers.isEmpty { return true }
            return await awaitsSlots()
        }
    }

    private func nextWake() async -> Moment? {
        if await awaitsOthers { return nextLook }
        return await table.holdsLeases ? nextBeat : nil
    }

    private func work() async throws(LedgerError) {
        let now = time.now
        if await table.holdsLeases, nextBeat <= now {
            nextBeat = now + Self.beatPause
            try await ledger.heartbeat(owner)
            try await table.refresh()
            for claimed in try await ledger.claim(bindings, owner: owner, limit: .max) { await table.adopt(claimed) }
        }
        if await awaitsOthers, nextLook <= now {
            nextLook = now + Self.lookPause
            try await table.refresh()
            if nextClaim <= now {
                nextClaim = now + Self.claimPause
                try await table.claimAwaited()
            }
            await onChange()
        }
    }
}
