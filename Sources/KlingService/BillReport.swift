package import GenerationTasks
package import KlingAPI

/// What the tasks came to, day by day, held against the provider's own list where it has one.
package struct BillReport: Sendable {
    /// A job of the provider's list that the ledger cannot account for.
    package struct Discrepancy: Sendable, Equatable {
        package enum Kind: String, Sendable {
            /// The ledger does not know the job: made by another program, or before the ledger was lost.
            case unknownHere = "unknown_here"
            /// The job of a task of which the ledger does not know yet what became of it; klingd finds it when it runs.
            case unresolvedHere = "unresolved_here"
            /// Several jobs bear one `external_task_id`: one request was paid more than once.
            case paidAgain = "paid_again"
        }

        package var kind: Kind
        package var taskID: String
        package var externalTaskID: String?
        package var createdAt: Timestamp?
        /// As the provider tells it.
        package var units: String?
    }

    /// How far the provider's list was read.
    package enum Comparison: Sendable, Equatable {
        /// The provider has no list of tasks.
        case notOffered
        case noCredentials
        /// So many jobs of the list were looked at.
        case complete(jobs: Int)
        /// Only a part could be read, for this reason.
        case partial(jobs: Int, reason: String)
    }

    package var lines: [BillLine]
    package var discrepancies: [Discrepancy] = []
    package var comparison: Comparison

    /// The provider's pages are at most so long (kling-api-facts.md 3.4).
    private static let pageSize = 500
    /// A hundred pages: nobody waits for more.
    private static let mostPages = 100

    /// Reads the ledger from one moment on and, through `client`, the provider's list.
    package init(
        since: Timestamp,
        ledger: any Ledger,
        dialect: Dialect,
        client: KlingClient?
    ) async throws(LedgerError) {
        lines = try await ledger.bill(since: since)
        guard dialect.hasList else {
            comparison = .notOffered
            return
        }
        guard let client else {
            comparison = .noCredentials
            return
        }
        comparison = .complete(jobs: 0)
        try await compare(since: since, ledger, client)
    }

    private mutating func compare(
        since: Timestamp,
        _ ledger: any Ledger,
        _ client: KlingClient
    ) async throws(LedgerError) {
        var seen: [String: ProviderTask] = [:]
        var jobs: [String: ProviderTask] = [:]
        var end: String?
        pages: for page in 1...Self.mostPages {
            switch await client.list(page: page, size: Self.pageSize) {
            case .page(let tasks):
                for task in tasks where task.createdAt.map({ $0 >= since.milliseconds }) ?? true {
                    jobs[task.taskID] = task
                }
                // No order is documented: only a page that is not full is the last.
                if tasks.count < Self.pageSize { break pages }
            case .throttled(let failure), .rejected(let failure), .unavailable(let failure):
                end = failure.message
                break pages
            }
        }
        for job in jobs.values.sorted(by: { ($0.createdAt ?? 0, $0.taskID) < ($1.createdAt ?? 0, $1.taskID) }) {
            if let externalID = job.externalTaskID, !externalID.isEmpty {
                if seen[externalID] != nil { discrepancies.append(Discrepancy(.paidAgain, job)) }
                seen[externalID] = job
            }
            guard try await ledger.task(taskID: job.taskID) == nil else { continue }
            var named: GenerationTask?
            if let name = job.externalTaskID { named = try await ledger.task(externalTaskID: name) }
            discrepancies.append(Discrepancy(named?.isCreateDefinite == false ? .unresolvedHere : .unknownHere, job))
        }
        comparison = end.map { .partial(jobs: jobs.count, reason: $0) } ?? .complete(jobs: jobs.count)
    }
}

extension BillReport.Discrepancy {
    fileprivate init(_ kind: Kind, _ job: ProviderTask) {
        self.init(
            kind: kind,
            taskID: job.taskID,
            externalTaskID: job.externalTaskID,
            createdAt: job.createdAt.map { Timestamp(milliseconds: $0) },
            units: job.finalUnitDeduction
        )
    }
}
