/// What the provider says of a job, in an answer to a create or a look-up.
package struct ProviderReport: Sendable, Equatable {
    package enum Status: Sendable, Equatable {
        case submitted, processing, succeed, failed
        /// A word that is none of the provider's four: the job is taken to go on.
        case unknown
    }

    package var taskID: String
    package var status: Status
    /// The provider's word for the status, when it gave one.
    package var statusWord: String?
    package var statusMessage: String?
    package var images: [TaskImage]
    /// Units taken, as decimal text.
    package var finalUnitDeduction: String?
    /// By the provider's clock.
    package var createdAt: Timestamp?
    /// From creation to end by the provider's clock, when it tells both.
    package var duration: Duration?

    package init(
        taskID: String,
        status: Status,
        statusWord: String? = nil,
        statusMessage: String? = nil,
        images: [TaskImage] = [],
        finalUnitDeduction: String? = nil,
        createdAt: Timestamp? = nil,
        duration: Duration? = nil
    ) {
        self.taskID = taskID
        self.status = status
        self.statusWord = statusWord
        self.statusMessage = statusMessage
        self.images = images
        self.finalUnitDeduction = finalUnitDeduction
        self.createdAt = createdAt
        self.duration = duration
    }
}

/// What can happen to a task.
package enum TaskEvent: Sendable, Equatable {
    /// A create is about to be sent.
    case sendStarted
    /// The provider told of the job: it took the create, or a look-up found it.
    case reported(ProviderReport, byLookUp: Bool)
    /// Refused for certain, or found impossible before sending. Of a second or later attempt that counts only once the
    /// provider was seen not to have what an earlier one may have made.
    case refused(TaskError)
    /// Refused for certain, but perhaps only because an attempt of which this ledger knows nothing has made the job.
    case refusedInDoubt(TaskError)
    /// The provider was seen not to have a job: the refusal counts.
    case refusalConfirmed
    /// Refused for now.
    case throttled(TaskError)
    /// The create certainly did not arrive.
    case notSent(TaskError)
    /// The create may have arrived, and its connection has ended.
    case ambiguous(TaskError)
    /// Whoever began the attempt is dead, or was stopped for so long that another took the task: the create may have
    /// arrived, or may even be sent yet.
    case senderLost(TaskError)
    /// All that design section 6.6 asks for was seen: no attempt has made a job, so the task may be sent again.
    case absenceProven
    /// A person decided to have it sent again, whatever became of the attempt before.
    case resendRequested
    /// A person decided to look for it no longer.
    case abandoned
    /// A look-up brought nothing that ends the task.
    case lookUpFailed(TaskError)
    /// An image lies in storage.
    case imageStored(index: Int, TaskImage.Stored)
    /// An image could not be brought home for now.
    case storingFailed(TaskError)
    /// All images and the sidecar lie in storage.
    case archived
    /// The images are gone at the provider before they could be stored.
    case resultExpired(TaskError)
    /// The provider never finished the job.
    case providerSilent(TaskError)
    case watchCancelled
    case watchRequested
}
