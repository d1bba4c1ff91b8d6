import GenerationTasks
import KlingAPI

/// Looks tasks up through the core client: by the provider's id when it is known, else by ours.
struct ProviderLookUp: TaskLookUp {
    let provider: ProviderSlot

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
}
