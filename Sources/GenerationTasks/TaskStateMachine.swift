/// The one table of what happens to a task: state × event.
///
/// | event \ state     | queued      | submitting  | unresolved  | submitted   | processing  | storing     | stored, failed |
/// |-------------------|-------------|-------------|-------------|-------------|-------------|-------------|---|
/// | sendStarted       | submitting  |             |             |             |             |             |   |
/// | reported submitted| submitted   | submitted   | submitted   | submitted   | processing  |             |   |
/// | reported processing, unknown | processing | processing | processing | processing | processing |     |   |
/// | reported succeed  | storing     | storing     | storing     | storing     | storing     | storing     |   |
/// | reported failed   | failed      | failed      | failed      | failed      | failed      |             |   |
/// | refused, first attempt | failed | failed      | failed      |             |             |             |   |
/// | refused, later attempt | failed | unresolved  | unresolved  |             |             |             |   |
/// | refusedInDoubt    |             | unresolved  | unresolved  |             |             |             |   |
/// | refusalConfirmed  |             |             | failed      |             |             |             |   |
/// | throttled, notSent|             | queued      | queued      |             |             |             |   |
/// | ambiguous, senderLost |         | unresolved  | unresolved  |             |             |             |   |
/// | absenceProven     |             |             | queued      |             |             |             |   |
/// | resendRequested   |             |             | queued      |             |             |             |   |
/// | abandoned         |             |             | failed      |             |             |             |   |
/// | lookUpFailed      |             |             | unresolved  | submitted   | processing  | storing     |   |
/// | imageStored, storingFailed |    |             |             |             |             | storing     |   |
/// | archived          |             |             |             |             |             | stored      |   |
/// | resultExpired     |             |             |             |             |             | failed      |   |
/// | providerSilent    |             |             |             | failed      | failed      |             |   |
/// | watchCancelled    | failed      | submitting  | unresolved  | submitted   | processing  | storing     |   |
/// | watchRequested    | queued      | submitting  | unresolved  | submitted   | processing  | storing     |   |
///
/// What would be queued again although its watch was cancelled is withdrawn instead, as `watchCancelled` does with what
/// is queued. A queued task is reported when it is looked up before it is sent: the ledger may be an older copy. The outcome of a
/// create finds the task unresolved when its sender was stopped for so long that another took the task.
///
/// An empty cell means that the event is void there: it came too late, and the task stays as it is.
package enum TaskStateMachine {
    /// One cell of the table.
    package struct Cell: Sendable, Equatable {
        package var next: TaskState
        package var charged: ChargedAfter
        /// Whether the job counts against the images in flight at the provider.
        package var slot: Slot
        /// Whether the process that works on the task goes on doing so.
        package var lease: Lease

        package init(_ next: TaskState, _ charged: ChargedAfter, _ slot: Slot, _ lease: Lease) {
            self.next = next
            self.charged = charged
            self.slot = slot
            self.lease = lease
        }
    }

    package enum ChargedAfter: Sendable { case no, yes, unknown, unchanged, byDeduction }
    package enum Slot: Sendable { case held, free }
    package enum Lease: Sendable { case kept, givenUp }

    /// The table itself; `nil` is an empty cell.
    package static func cell(_ state: TaskState, _ event: TaskEvent, isFirstAttempt: Bool = true) -> Cell? {
        switch (event, state) {
        case (.sendStarted, .queued): Cell(.submitting, .unknown, .held, .kept)

        case (.reported(let report, _), .queued), (.reported(let report, _), .submitting),
            (.reported(let report, _), .unresolved), (.reported(let report, _), .submitted),
            (.reported(let report, _), .processing):
            switch report.status {
            case .submitted: Cell(state == .processing ? .processing : .submitted, .yes, .held, .kept)
            case .processing, .unknown: Cell(.processing, .yes, .held, .kept)
            case .succeed: Cell(.storing, .yes, .free, .kept)
            case .failed: Cell(.failed, .byDeduction, .free, .givenUp)
            }
        case (.reported(let report, _), .storing):
            // Only fresh URLs are of use now.
            report.status == .succeed ? Cell(.storing, .unchanged, .free, .kept) : nil

        case (.refused, .queued): Cell(.failed, .no, .free, .givenUp)
        case (.refused, .submitting), (.refused, .unresolved):
            isFirstAttempt ? Cell(.failed, .no, .free, .givenUp) : Cell(.unresolved, .unknown, .held, .kept)
        case (.refusedInDoubt, .submitting), (.refusedInDoubt, .unresolved): Cell(.unresolved, .unknown, .held, .kept)
        case (.refusalConfirmed, .unresolved): Cell(.failed, .no, .free, .givenUp)
        case (.throttled, .submitting), (.notSent, .submitting), (.throttled, .unresolved), (.notSent, .unresolved),
            (.absenceProven, .unresolved):
            Cell(.queued, .no, .free, .kept)
        case (.ambiguous, .submitting), (.ambiguous, .unresolved), (.senderLost, .submitting),
            (.senderLost, .unresolved):
            Cell(.unresolved, .unknown, .held, .kept)
        case (.resendRequested, .unresolved): Cell(.queued, .unknown, .free, .kept)
        case (.abandoned, .unresolved): Cell(.failed, .unknown, .free, .givenUp)

        case (.lookUpFailed, .unresolved), (.lookUpFailed, .submitted), (.lookUpFailed, .processing):
            Cell(state, .unchanged, .held, .kept)
        case (.lookUpFailed, .storing), (.imageStored, .storing), (.storingFailed, .storing):
            Cell(.storing, .unchanged, .free, .kept)
        case (.archived, .storing): Cell(.stored, .yes, .free, .givenUp)
        case (.resultExpired, .storing): Cell(.failed, .yes, .free, .givenUp)
        case (.providerSilent, .submitted), (.providerSilent, .processing): Cell(.failed, .unknown, .free, .givenUp)

        case (.watchCancelled, .queued): Cell(.failed, .no, .free, .givenUp)
        case (.watchCancelled, .submitted), (.watchCancelled, .processing): Cell(state, .unchanged, .held, .givenUp)
        case (.watchCancelled, .submitting), (.watchCancelled, .unresolved), (.watchRequested, .submitting),
            (.watchRequested, .unresolved), (.watchRequested, .submitted), (.watchRequested, .processing):
            // What is not resolved yet goes on being resolved: it may be paid.
            Cell(state, .unchanged, .held, .kept)
        case (.watchCancelled, .storing), (.watchRequested, .storing), (.watchRequested, .queued):
            Cell(state, .unchanged, .free, .kept)

        case (_, .stored), (_, .failed): nil
        default: nil
        }
    }

    /// The task after `event`, or `nil` when the event is void in its state or changes nothing. `owner` is who works on
    /// it, and with `sendStarted` who sends.
    package static func apply(
        _ event: TaskEvent,
        to task: GenerationTask,
        at time: Timestamp,
        by owner: OwnerID? = nil
    ) -> GenerationTask? {
        guard let cell = cell(task.state, event, isFirstAttempt: task.attempt <= 1) else { return nil }
        // Done means stored, all of it.
        if event == .archived, task.images.contains(where: { $0.stored == nil }) { return nil }
        var next = task
        next.state = cell.next
        note(event, in: &next, at: time)
        if event == .sendStarted { next.sender = owner }
        if next.state == .queued, next.watch == .cancelled, task.state != .queued {
            // Nobody wants it any more, and nothing has it.
            next.state = .failed
            next.error = Self.withdrawn(next)
        }
        switch cell.charged {
        case .no: next.charged = next.mayBePaidBefore ? .unknown : .no
        case .yes: next.charged = .yes
        case .unknown: next.charged = .unknown
        case .unchanged: break
        case .byDeduction: next.charged = charged(byDeduction: next.finalUnitDeduction)
        }
        // An error tells of the task it is shown in.
        next.error?.charged = next.charged
        if next.state.isTerminal {
            next.watch = .ended
            next.finishedAt = time
        }
        guard next != task else { return nil }
        next.updatedAt = time
        next.revision += 1
        return next
    }

    /// What the event leaves in the task beside state and charge.
    private static func note(_ event: TaskEvent, in task: inout GenerationTask, at time: Timestamp) {
        switch event {
        case .sendStarted:
            task.attempt += 1
            task.sentAt = task.sentAt ?? time
            task.error = nil
        case .reported(let report, let byLookUp): note(report, byLookUp: byLookUp, in: &task, at: time)
        case .lookUpFailed(let error):
            task.lookUps += 1
            // Of an unresolved task a person must know how the create ended, not that looking has not helped yet.
            if task.state != .unresolved || task.error == nil { task.error = error }
        case .refused(let error), .refusedInDoubt(let error):
            task.isRefused = task.state == .unresolved
            (task.error, task.sender) = (error, nil)
        case .throttled(let error), .notSent(let error), .ambiguous(let error):
            (task.error, task.sender) = (error, nil)
        case .senderLost(let error): task.error = task.error ?? error
        case .refusalConfirmed: task.isRefused = false
        case .absenceProven: task.sender = nil
        case .resendRequested:
            task.mayBePaidBefore = true
            task.watch = .active
            (task.isRefused, task.sender) = (false, nil)
        case .abandoned:
            let message = "given up by 'resolve' while nobody could tell whether the provider took it; it may be billed"
            task.error = TaskError(.withdrawn, message)
            task.sender = nil
        case .storingFailed(let error), .resultExpired(let error), .providerSilent(let error): task.error = error
        case .imageStored(let index, let stored):
            guard let position = task.images.firstIndex(where: { $0.index == index }) else { return }
            task.images[position].stored = stored
            task.error = nil
        case .archived: task.error = nil
        case .watchCancelled:
            task.watch = .cancelled
            if task.state == .failed { task.error = withdrawn(task) }
        case .watchRequested: task.watch = .active
        }
    }

    private static func note(
        _ report: ProviderReport,
        byLookUp: Bool,
        in task: inout GenerationTask,
        at time: Timestamp
    ) {
        if byLookUp { task.lookUps += 1 }
        task.taskID = report.taskID
        (task.sender, task.isRefused) = (nil, false)
        task.submittedAt = task.submittedAt ?? time
        task.taskStatus = report.statusWord ?? task.taskStatus
        task.taskStatusMessage = report.statusMessage ?? task.taskStatusMessage
        task.finalUnitDeduction = report.finalUnitDeduction ?? task.finalUnitDeduction
        task.error = nil
        switch report.status {
        case .succeed:
            let stored = task.images.filter { $0.stored != nil }
            let fresh = report.images.filter { image in !stored.contains { $0.index == image.index } }
            task.images = (stored + fresh).sorted { $0.index < $1.index }
            let warning = "the provider delivered \(task.images.count) of \(task.imageCount) images"
            if task.images.count < task.imageCount, !task.warnings.contains(warning) {
                task.warnings.append(warning)
            }
        case .failed:
            let reason = report.statusMessage.flatMap { $0.isEmpty ? nil : $0 } ?? "no reason given"
            let isPolicy = reason.lowercased().contains("risk control")
            task.error = TaskError(
                isPolicy ? .contentPolicy : .refused,
                isPolicy
                    ? "the provider's content check stopped the job (\(reason)); change the prompt or image"
                    : "the provider took the job and then failed it: \(reason)",
                provider: TaskError.Provider(message: reason)
            )
        case .submitted, .processing, .unknown: break
        }
    }

    private static func withdrawn(_ task: GenerationTask) -> TaskError {
        TaskError(
            .withdrawn,
            task.mayBePaidBefore
                ? "withdrawn before it was sent again; what became of the first attempt is not known"
                : "withdrawn before anything was taken by the provider; nothing is charged"
        )
    }

    /// The facts give no rule for failed jobs: what was deducted says it, and without it nobody knows.
    private static func charged(byDeduction deduction: String?) -> Charged {
        guard let deduction, let units = Double(deduction), units >= 0 else { return .unknown }
        return units > 0 ? .yes : .no
    }
}
