package import GenerationTasks
import JSON

extension GenerationService {
    /// What a person says of a task whose outcome nobody can tell.
    package enum Resolution: Sendable, Equatable {
        /// This job of the provider is the task's.
        case job(taskID: String)
        /// There is none: it is to be sent again, and may then be paid twice.
        case resend
        /// It is to be looked for no longer.
        case abandon
    }

    /// Carries out a person's decision on an `unresolved` task.
    package func resolve(_ id: TaskID, _ resolution: Resolution) async throws(TaskError) -> GenerationTask {
        let task = try await find(id)
        guard task.state == .unresolved else {
            throw TaskError(
                .conflict,
                "task \(id) is '\(task.state.rawValue)': there is nothing to resolve; 'resolve' is for tasks that are "
                    + "'unresolved'",
                charged: task.charged
            )
        }
        switch resolution {
        case .resend: return try await apply(.resendRequested, to: task, as: .person)
        case .abandon: return try await apply(.abandoned, to: task, as: .person)
        case .job(let taskID):
            let report = try await report(ofJob: taskID, for: task)
            return try await apply(.reported(report, byLookUp: true), to: task, as: .person)
        }
    }

    private func report(ofJob taskID: String, for task: GenerationTask) async throws(TaskError) -> ProviderReport {
        guard bindings.contains(where: { $0.covers(task) }) else {
            throw TaskError(
                .conflict,
                "task \(task.id) belongs to the account '\(task.account)' and the storage \(task.storage), which this "
                    + "process does not have; resolve it in one that does",
                charged: task.charged
            )
        }
        if let other = try? await find(taskID: taskID), other.id != task.id {
            throw TaskError(
                .conflict,
                "the job \(taskID) is task \(other.id)'s already",
                charged: task.charged,
                pointer: .root.member("task_id")
            )
        }
        var asked = task
        asked.taskID = taskID
        switch await source.lookUp(asked) {
        case .found(let report): return report
        case .noSuchTask(var error):
            error.kind = .notFound
            error.pointer = .root.member("task_id")
            throw error
        case .rejected(let error), .throttled(let error), .unavailable(let error): throw error
        }
    }
}
