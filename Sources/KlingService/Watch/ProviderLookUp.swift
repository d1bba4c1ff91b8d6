import GenerationTasks
import KlingAPI

/// Looks tasks up through the core client: by the provider's id when it is known, else by ours.
struct ProviderLookUp: TaskLookUp {
    let provider: ProviderSlot
    let dialect: Dialect

    func lookUp(_ task: GenerationTask) async -> LookUpResult {
        let charged = task.charged
        guard let client = await provider.get() else {
            return .unavailable(TaskError(.providerUnavailable, "klingd is ending", charged: charged, retryable: true))
        }
        let outcome =
            if let taskID = task.taskID {
                await client.lookUp(taskID: taskID)
            } else {
                await client.lookUp(externalTaskID: task.externalTaskID)
            }
        switch outcome {
        case .found(let found): return .found(ProviderReport(found))
        case .noSuchTask(let failure): return .noSuchTask(TaskError(failure, charged: charged))
        case .throttled(let failure): return .throttled(TaskError(failure, charged: charged))
        case .rejected(let failure): return .rejected(TaskError(failure, charged: charged))
        case .unavailable(let failure): return .unavailable(TaskError(failure, charged: charged))
        }
    }

    var mostTogether: Int { dialect.hasList ? Self.listSize : 1 }

    func lookUp(together tasks: [GenerationTask]) async -> LookUpTogetherResult {
        // Twice as many as are asked for, since others may have made jobs in between.
        let size = min(max(2 * tasks.count, Self.fewestListed), Self.listSize)
        guard let client = await provider.get() else { return .found([:]) }
        switch await client.list(page: 1, size: size) {
        case .page(let jobs):
            let reports = Dictionary(jobs.map { ($0.taskID, ProviderReport($0)) }) { first, _ in first }
            return .found(
                tasks.reduce(into: [:]) { found, task in found[task.id] = task.taskID.flatMap { reports[$0] } }
            )
        case .throttled(let failure): return .throttled(TaskError(failure, charged: .yes))
        // Each task by itself may be answered; if not, it says so.
        case .rejected: return .found([:])
        case .unavailable(let failure): return .unavailable(TaskError(failure, charged: .yes))
        }
    }

    /// The provider's longest page (kling-api-facts.md 3.4).
    private static let listSize = 500
    private static let fewestListed = 30
}
