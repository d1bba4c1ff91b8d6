/// Sees one task from the queue to a definite answer, for whoever holds it (design section 6): a pure state machine.
///
/// What is durable stands in the task; what stands here is only what this process has seen for itself, and is begun anew
/// by the next one. That is on the safe side: to look once more costs nothing, to send once too often costs money.
package struct SubmitProcedure: Sendable {
    /// What is to be done next.
    package enum Step: Sendable, Equatable {
        /// Ask the provider for the task by its external id, but not earlier.
        case lookUp(at: Moment)
        /// Begin an attempt, when its turn has come.
        case send
        case apply(TaskEvent)
        /// The provider has taken it, or it has ended.
        case done
    }

    /// How the provider and its look-ups are to be taken.
    package struct Rules: Sendable {
        /// Whether "no such task" proves anything: not at a gateway, whose look-ups by external id are not documented.
        package var lookUpIsAuthoritative: Bool
        /// Answers of "no such task" that are needed, each asked for after the attempt's end.
        package var absencesNeeded = 3
        /// The last of them must be asked for so long after the attempt's end: a task may be shown late, and a create
        /// may arrive late.
        package var settlingTime = Duration.seconds(15)

        package init(lookUpIsAuthoritative: Bool) {
            self.lookUpIsAuthoritative = lookUpIsAuthoritative
        }
    }

    /// Clocks here and there may differ by as much.
    package static let clockSlack = Duration.seconds(300)
    /// When an unresolved task is looked up, from the attempt's end; a quick look finds what is there, the fourth can
    /// prove that nothing is.
    private static let lookUpAges: [Duration] = [.seconds(1), .seconds(3), .seconds(7), .milliseconds(15_500)]
    private static let longestPause = Duration.seconds(300)

    private let rules: Rules
    /// Whether an attempt may have been made of which the ledger knows nothing.
    private let mayHaveBeenSent: Bool
    private let isInherited: Bool
    /// Whether the process that began the last attempt is known not to have handed out its last byte.
    private var isUnsent: Bool
    /// Not to be sent before the provider was asked.
    private var mustLook: Bool
    private var nextLook: Moment?
    private var looks = 0
    private var backoff = Backoff(first: .seconds(2), longest: .seconds(60))
    /// From when on the attempt's end is known here.
    private var overSince: Moment?
    private var absences = 0
    /// The attempt that they are about.
    private var attempt = 0

    /// A task that an earlier process has left is looked up before it is sent, since the ledger may be an older copy; so
    /// is one whose external id follows from its key, since the whole ledger may have been lost.
    ///
    /// `isUnsent` is what the ledger says of an attempt whose process has ended (``ClaimedTask/isUnsent``).
    package init(_ task: GenerationTask, isInherited: Bool, isUnsent: Bool = false, rules: Rules) {
        self.rules = rules
        self.isUnsent = isUnsent
        self.isInherited = isInherited
        mayHaveBeenSent = isInherited || task.isNamedByKey
        mustLook = mayHaveBeenSent
    }

    /// What an outcome of this process's own attempt means. The code for a second task under one external id is not
    /// known (kling-api-facts.md 9): after an earlier process any refusal of no stated kind may be that, else one that
    /// says so.
    package func event(of outcome: TaskEvent) -> TaskEvent {
        guard case .refused(let error) = outcome, mayHaveBeenSent, error.kind == .refused else { return outcome }
        return isInherited || Self.tellsOfADuplicate(error) ? .refusedInDoubt(error) : outcome
    }

    private static func tellsOfADuplicate(_ error: TaskError) -> Bool {
        let words = error.provider?.message?.lowercased() ?? ""
        return ["external_task_id", "external task id", "duplicate", "exist", "unique"].contains { words.contains($0) }
    }

    /// What to do with the task as it is now. Not to be asked while this process itself has a create of it on the wire.
    ///
    /// `senderIsGone` tells whether the process that began the last attempt has ended for certain.
    package mutating func next(_ task: GenerationTask, senderIsGone: Bool, at now: Moment) -> Step {
        if task.attempt != attempt {
            // What was seen of an earlier attempt says nothing of this one.
            forgetAttempt()
            attempt = task.attempt
        }
        switch task.state {
        case .queued:
            forgetAttempt()
            isUnsent = false
            return mustLook ? .lookUp(at: nextLook ?? now) : .send
        case .submitting: return .apply(isUnsent ? .notSent(Self.unsent) : .senderLost(Self.senderLost))
        case .unresolved:
            if overSince == nil, Self.isOver(task, senderIsGone: senderIsGone) {
                (overSince, looks) = (now, 0)
                nextLook = nextLook.map { min($0, now + Self.lookUpAges[0]) }
            }
            let due = nextLook ?? now + Self.lookUpAges[0]
            nextLook = due
            return .lookUp(at: due)
        case .submitted, .processing, .storing, .stored, .failed: return .done
        }
    }

    private mutating func forgetAttempt() {
        guard overSince != nil || absences > 0 else { return }
        (overSince, absences, looks, nextLook) = (nil, 0, 0, nil)
    }

    /// Whether the last attempt can bring nothing about any more: its end was seen, or its process is dead.
    package static func isOver(_ task: GenerationTask, senderIsGone: Bool) -> Bool {
        task.sender == nil || senderIsGone
    }

    /// What a look-up means that was asked for by ``next(_:senderIsGone:at:)``; `nil` when it changes nothing.
    ///
    /// `askedAt` is when it was begun: what an answer says may be as old as that. `isTaken` tells whether the job that
    /// was found is known to belong to another task.
    package mutating func lookedUp(
        _ result: LookUpResult,
        of task: GenerationTask,
        isTaken: Bool,
        askedAt: Moment,
        at now: Moment,
        jitter: Double
    ) -> TaskEvent? {
        if case .found(let report) = result, !isTaken, Self.isOurs(report, task) {
            return .reported(report, byLookUp: true)
        }
        switch task.state {
        case .queued:
            noteBeforeSending(result, at: now, jitter: jitter)
            return nil
        case .unresolved: return noteUnresolved(result, task, askedAt: askedAt, at: now, jitter: jitter)
        default: return nil
        }
    }

    private mutating func noteBeforeSending(_ result: LookUpResult, at now: Moment, jitter: Double) {
        switch result {
        // Another's job under the same name is no reason to wait; who does not let us look will not let us send either.
        case .found, .noSuchTask, .rejected:
            (mustLook, nextLook) = (false, nil)
        case .throttled(let error), .unavailable(let error):
            nextLook = now + (error.retryAfter ?? backoff.next(jitter: jitter))
        }
    }

    private mutating func noteUnresolved(
        _ result: LookUpResult,
        _ task: GenerationTask,
        askedAt: Moment,
        at now: Moment,
        jitter: Double
    ) -> TaskEvent {
        planNext(result, at: now, jitter: jitter)
        switch result {
        case .found(let report): return .lookUpFailed(Self.notOurs(report))
        case .throttled(let error), .rejected(let error), .unavailable(let error): return .lookUpFailed(error)
        case .noSuchTask(let error):
            guard let overSince, askedAt >= overSince else { return .lookUpFailed(error) }
            absences += 1
            if !rules.lookUpIsAuthoritative {
                // Nothing here proves that an attempt in doubt failed; but one that was refused, when none before it was
                // in doubt, is only looked up to be sure.
                return task.isRefused ? .refusalConfirmed : .lookUpFailed(error)
            }
            guard absences >= rules.absencesNeeded, askedAt - overSince >= rules.settlingTime else {
                return .lookUpFailed(error)
            }
            return task.isRefused ? .refusalConfirmed : .absenceProven
        }
    }

    private mutating func planNext(_ result: LookUpResult, at now: Moment, jitter: Double) {
        let pause: Duration
        switch result {
        case .throttled(let error): pause = error.retryAfter ?? backoff.next(jitter: jitter)
        case .unavailable: pause = backoff.next(jitter: jitter)
        case .rejected: pause = .seconds(60)
        case .found, .noSuchTask:
            looks += 1
            let age = overSince.map { now - $0 } ?? .zero
            let next = Self.lookUpAges.first { $0 > age }
            pause = next.map { $0 - age } ?? min(Self.lookUpAges[0] * (1 << min(looks, 12)), Self.longestPause)
        }
        nextLook = now + max(pause, PollPlan.shortestPause)
    }

    /// A job under a name that the caller chose is taken for this task's only if it was made after the first attempt
    /// began: the name may have been used before. Under our own names there is nothing else.
    private static func isOurs(_ report: ProviderReport, _ task: GenerationTask) -> Bool {
        guard task.externalTaskID != task.id.description, !task.isNamedByKey else { return true }
        guard let createdAt = report.createdAt else { return false }
        let begun = task.sentAt ?? task.createdAt
        return createdAt.milliseconds >= begun.milliseconds - clockSlack.milliseconds
    }

    private static let unsent = TaskError(
        .providerUnavailable,
        "the process that was about to send this ended before the last byte went out; it is sent again",
        retryable: true
    )

    private static let senderLost = TaskError(
        .providerUnavailable,
        "the process that was sending this ended or was stopped; the provider is asked whether it has the job",
        charged: .unknown,
        retryable: true
    )

    private static func notOurs(_ report: ProviderReport) -> TaskError {
        TaskError(
            .providerUnavailable,
            "the provider has a job under this external_task_id (\(report.taskID)), but an older one or another task's",
            charged: .unknown,
            retryable: true
        )
    }
}
