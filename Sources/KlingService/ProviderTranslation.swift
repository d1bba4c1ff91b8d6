package import GenerationTasks
import JSON
package import KlingAPI

/// From the core client's words to those of the task: the only place where both are known.
extension TaskError {
    package init(_ failure: ProviderFailure, charged: Charged) {
        let kind = ErrorKind(rawValue: failure.kind.rawValue) ?? .internal
        self.init(
            kind,
            failure.message,
            charged: charged,
            retryable: kind == .throttled || kind == .providerUnavailable,
            retryAfter: failure.retryAfter,
            provider: TaskError.Provider(
                httpStatus: failure.httpStatus,
                code: failure.code,
                message: failure.providerMessage,
                requestID: failure.requestID
            )
        )
    }

    package init(_ error: RequestError) {
        self.init(
            ErrorKind(rawValue: error.kind.rawValue) ?? .invalidParams,
            error.message,
            pointer: error.pointer
        )
    }
}

extension ProviderReport {
    init(_ task: ProviderTask) {
        let status: Status =
            switch task.status {
            case .submitted: .submitted
            case .processing: .processing
            // Without images there is nothing to store yet: the job is taken to go on.
            case .succeed: task.images.isEmpty ? .processing : .succeed
            case .failed: .failed
            case .unknown: .unknown
            }
        var duration: Duration?
        if let created = task.createdAt, let updated = task.updatedAt, updated > created {
            // Whatever numbers a relay makes up.
            let (milliseconds, isTooLong) = updated.subtractingReportingOverflow(created)
            if !isTooLong { duration = .milliseconds(milliseconds) }
        }
        self.init(
            taskID: task.taskID,
            status: status,
            statusWord: task.statusWord,
            statusMessage: task.statusMessage,
            images: task.images.map { TaskImage(index: $0.index, url: $0.url) },
            finalUnitDeduction: task.finalUnitDeduction,
            createdAt: task.createdAt.map { Timestamp(milliseconds: $0) },
            duration: duration
        )
    }
}

extension TaskEvent {
    init(_ outcome: CreateOutcome) {
        switch outcome {
        case .accepted(let task): self = .reported(ProviderReport(task), byLookUp: false)
        case .refused(let failure): self = .refused(TaskError(failure, charged: .no))
        case .throttled(let failure): self = .throttled(TaskError(failure, charged: .no))
        case .notSent(let failure): self = .notSent(TaskError(failure, charged: .no))
        case .ambiguous(let failure): self = .ambiguous(TaskError(failure, charged: .unknown))
        }
    }
}
