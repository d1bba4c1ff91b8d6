import GenerationTasks

/// The provider as far as money goes: what it takes, when it shows it, and what a network makes of the answers.
struct ProviderModel {
    struct Job {
        let taskID: String
        let externalID: String
        /// Index of the request that it was sent for; `nil` for one made elsewhere.
        let request: Int?
        /// The task that it was sent for.
        let task: TaskID?
        let createdAt: Int64
        let visibleAt: Int64
    }

    private struct Late {
        var arrivesAt: Int64
        let visibleAfter: Int64
        let externalID: String
        let request: Int
        let task: TaskID
        let sender: OwnerID
    }

    /// Kling's own API, or a gateway before it.
    let isAuthoritative: Bool
    /// Whether look-ups by external id work at all; at Kling's own they do.
    let findsByExternalID: Bool
    let refusesDuplicates: Bool
    private(set) var jobs: [Job] = []
    private var late: [Late] = []
    private var nextID = 0

    /// From the first byte to being shown at the latest: beyond it the procedure is a bound, not a proof. A create may
    /// arrive much later only where duplicates are refused, and nothing else is.
    private static let longestSilence: Int64 = 14_000
    private static let veryLate: Int64 = 60_000
    private let arrivesVeryLate: Bool

    init(_ random: inout SplitMix) {
        isAuthoritative = random.chance(60)
        findsByExternalID = isAuthoritative || random.chance(50)
        refusesDuplicates = random.chance(50)
        arrivesVeryLate = refusesDuplicates && random.chance(50)
    }

    mutating func makeElsewhere(_ externalID: String, at time: Int64) {
        add(externalID, request: nil, task: nil, createdAt: time, visibleAt: time)
    }

    private mutating func add(
        _ externalID: String,
        request: Int?,
        task: TaskID?,
        createdAt: Int64,
        visibleAt: Int64
    ) {
        nextID += 1
        jobs.append(
            Job(
                taskID: "\(nextID)",
                externalID: externalID,
                request: request,
                task: task,
                createdAt: createdAt,
                visibleAt: visibleAt
            )
        )
    }

    /// Lets what is on its way arrive.
    mutating func settle(at now: Int64) {
        guard late.contains(where: { $0.arrivesAt <= now }) else { return }
        for create in late where create.arrivesAt <= now {
            guard !isDuplicate(create.externalID) else { continue }
            let shown = create.arrivesAt + create.visibleAfter
            add(
                create.externalID,
                request: create.request,
                task: create.task,
                createdAt: create.arrivesAt,
                visibleAt: shown
            )
        }
        late.removeAll { $0.arrivesAt <= now }
    }

    /// The connections of a process that is killed are reset: what has not arrived soon never does.
    mutating func connectionsEnd(of sender: OwnerID, at now: Int64) {
        guard !arrivesVeryLate else { return }
        for index in late.indices where late[index].sender == sender {
            let latest = now + Self.longestSilence - late[index].visibleAfter
            late[index].arrivesAt = min(late[index].arrivesAt, latest)
        }
    }

    private func isDuplicate(_ externalID: String) -> Bool {
        refusesDuplicates && jobs.contains { $0.externalID == externalID }
    }

    /// Whether a job of that name is there, shown or not, or on its way: what a person can see in the console, later.
    func knows(_ externalID: String, request: Int) -> Bool {
        jobs.contains { $0.request == request } || late.contains { $0.request == request }
    }

    /// A create whose last byte goes out. The answer reaches the sender, if it lives, after the delay.
    mutating func create(
        _ externalID: String,
        request: Int,
        task: TaskID,
        sender: OwnerID,
        at now: Int64,
        isCalm: Bool,
        _ random: inout SplitMix
    ) -> (event: TaskEvent, delay: Int64) {
        settle(at: now)
        let fate = isCalm ? 0 : random.below(100)
        let delay = isCalm ? 10 : Int64(random.below(3000))
        switch fate {
        case 0..<35:
            if isDuplicate(externalID) { return (.refused(.duplicate), delay) }
            let hidden = isCalm ? 0 : Int64(random.below(2)) * Int64(random.below(Int(Self.longestSilence)))
            add(externalID, request: request, task: task, createdAt: now, visibleAt: now + hidden)
            return (.reported(report(of: jobs[jobs.count - 1]), byLookUp: false), delay)
        case 35..<55:
            if !isDuplicate(externalID) {
                let hidden = Int64(random.below(Int(Self.longestSilence)))
                add(externalID, request: request, task: task, createdAt: now, visibleAt: now + hidden)
            }
            return (.ambiguous(.unavailable), delay)
        case 55..<70: return (.ambiguous(.unavailable), delay)
        case 70..<85:
            // On its way for as long as its connection lasts, and a little longer.
            let silence = Int64(random.below(60_000))
            let longest = silence + (arrivesVeryLate ? Self.veryLate : Self.longestSilence)
            let arrival = Int64(random.below(Int(longest)))
            let rest = Self.longestSilence - max(0, arrival - silence)
            late.append(
                Late(
                    arrivesAt: now + arrival,
                    visibleAfter: Int64(random.below(Int(max(1, rest)))),
                    externalID: externalID,
                    request: request,
                    task: task,
                    sender: sender
                )
            )
            return (.ambiguous(.unavailable), silence)
        case 85..<92: return (.throttled(.throttled), delay)
        case 92..<97: return (.notSent(.unavailable), delay)
        default: return (arrivesVeryLate ? .throttled(.throttled) : .refused(.refused), delay)
        }
    }

    mutating func lookUp(_ externalID: String, at now: Int64, isCalm: Bool, _ random: inout SplitMix) -> LookUpResult {
        settle(at: now)
        if !isCalm, random.chance(15) { return .unavailable(.unavailable) }
        guard findsByExternalID,
            let job = jobs.last(where: { $0.externalID == externalID && $0.visibleAt <= now })
        else { return .noSuchTask(.notFound) }
        return .found(report(of: job))
    }

    private func report(of job: Job) -> ProviderReport {
        ProviderReport(
            taskID: job.taskID,
            status: .submitted,
            createdAt: Timestamp(milliseconds: job.createdAt)
        )
    }
}

extension TaskError {
    static let unavailable = TaskError(.providerUnavailable, "lost", charged: .unknown)
    static let throttled = TaskError(.throttled, "throttled")
    static let refused = TaskError(.refused, "refused")
    static let duplicate = TaskError(
        .refused,
        "refused",
        provider: TaskError.Provider(message: "external_task_id already exists")
    )
    static let notFound = TaskError(.notFound, "not found", charged: .unknown)
}
