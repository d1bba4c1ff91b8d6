package import GenerationTasks
import JSON
import Storage

extension GenerationService {
    /// Goes on watching a task.
    package func watch(_ id: TaskID) async throws(TaskError) -> GenerationTask {
        try await apply(.watchRequested, to: try await find(id), as: .person)
    }

    /// Stops watching a task; the job at the provider goes on. A task that was never sent is withdrawn.
    package func cancelWatch(_ id: TaskID) async throws(TaskError) -> GenerationTask {
        try await apply(.watchCancelled, to: try await find(id), as: .person)
    }

    /// Watches a job that was made elsewhere with the same account: its images will be stored like those of our own.
    package func adopt(taskID: String, storage: String?) async throws(TaskError) -> GenerationTask {
        if let known = try? await find(taskID: taskID) { return try await watch(known.id) }
        if let missing = configuration.missingCredentials { throw TaskError(.noCredentials, missing) }
        let place = try place(named: storage)
        let now = time.date
        let id = makeID(now)
        var task = GenerationTask(
            id: id,
            externalTaskID: id.description,
            idempotencyKey: nil,
            fingerprint: taskID,
            provider: configuration.provider,
            account: configuration.account,
            request: [:],
            imageCount: 1,
            storage: place.url.description,
            createdAt: now
        )
        task.taskID = taskID
        // It is at the provider already: it must never be sent.
        task.state = .submitted
        task.charged = .yes
        let report: ProviderReport
        switch await source.lookUp(task) {
        case .found(let found): report = found
        case .noSuchTask(var error):
            error.kind = .notFound
            throw error.ofNoTask
        case .rejected(let error), .throttled(let error), .unavailable(let error): throw error.ofNoTask
        }
        task.submittedAt = now
        task.imageCount = max(1, report.images.count)
        do {
            guard case .inserted(let claimed) = try await table.admit(task) else {
                return try await find(taskID: taskID)
            }
            return try await apply(.reported(report, byLookUp: true), to: claimed.task, as: .worker)
        } catch let error as LedgerError {
            throw TaskError(error)
        } catch let error as TaskError {
            throw error
        } catch {
            throw TaskError(.internal, "\(error)")
        }
    }

    func apply(
        _ event: TaskEvent,
        to task: GenerationTask,
        as right: EventRight
    ) async throws(TaskError) -> GenerationTask {
        do {
            return try await table.apply(event, to: task.id, as: right)
        } catch .unknownTask {
            return task
        } catch {
            throw TaskError(error)
        }
    }
}

extension TaskError {
    /// The same where no task was made: whatever is charged, it is not for this request.
    fileprivate var ofNoTask: TaskError {
        var error = self
        error.charged = .no
        return error
    }
}
