import GenerationTasks
import KlingAPI

/// Asks the provider about a task of which it is open whether there is a job.
protocol OpenTaskLookUp: Sendable {
    func lookUp(open task: GenerationTask) async -> LookUpResult
}

extension ProviderLookUp: OpenTaskLookUp {
    /// By external id; what that does not find may still stand in the list, where there is one. A list can prove that a
    /// job is there, never that it is not (design section 6.5).
    func lookUp(open task: GenerationTask) async -> LookUpResult {
        let result = await lookUp(task)
        guard case .noSuchTask = result, task.state == .unresolved, dialect.hasList, let client = await provider.get(),
            case .page(let jobs) = await client.list(page: 1, size: Self.openListSize)
        else { return result }
        return jobs.last { $0.externalTaskID == task.externalTaskID }.map { .found(ProviderReport($0)) } ?? result
    }

    /// Newest first, as far as is known: an open task is young.
    private static let openListSize = 100
}
