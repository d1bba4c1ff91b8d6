import GenerationTasks
import JSON

/// One history that a seed picks: some processes on one ledger, some requests, a provider, a network, and everything
/// that can go wrong with them in any order.
struct Simulation {
    /// A promise that did not hold.
    struct Violation: CustomStringConvertible {
        let description: String
    }

    /// What a process knows of a task it works on, which dies with it.
    private struct Held {
        enum Stage {
            case idle
            /// `submitting` is durable and nothing is sent.
            case begun(hasLapsed: Bool)
            /// It is noted that the last byte goes out, which it does next.
            case noted
            /// The last byte is out; the answer comes at the time, unless the process is dead by then.
            case onWire(at: Int64, TaskEvent)
            case asked(LookUpResult, askedAt: Int64, answeredAt: Int64)
        }

        var task: GenerationTask
        var lease: Lease
        var procedure: SubmitProcedure
        var stage = Stage.idle
        /// The attempt that the stage is about.
        var attempt = 0
    }

    private struct Process {
        let owner: OwnerID
        var held: [Held] = []
        var stalledAt: Int64?
        var hasLapsed = false
    }

    private struct Request {
        let key: String?
        let externalID: String?
        /// Every id that a client was told for it.
        var ids: Set<TaskID> = []
        var wasAsked = false
    }

    private static let account = "account"
    private static let storage = "file:///pictures"
    private static let bindings: Set<Binding> = [Binding(account: account, storage: storage)]
    private static let expiry: Int64 = 10_000
    private static let mostProcesses = 3
    /// So that calendar arithmetic has room before it.
    private static let epoch: Int64 = 1_795_465_560_000

    private let off: Safeguard?
    private var random: SplitMix
    private var provider: ProviderModel
    private var book = LedgerBook()
    private var backup: LedgerBook?
    private var processes: [Process] = []
    private var requests: [Request] = []
    private var requestsByTask: [TaskID: Int] = [:]
    private var now: Int64 = 0
    private var nextOwner = 0
    private var nextTask = 0
    private var isCalm = false
    /// What happened, a line each, if it is wanted.
    private(set) var history: [String] = []
    private let isTold: Bool

    init(seed: UInt64, without off: Safeguard? = nil, isTold: Bool = false) {
        self.off = off
        self.isTold = isTold
        random = SplitMix(seed: seed)
        provider = ProviderModel(&random)
        for number in 0...random.below(3) {
            let kind = random.below(10)
            let name = "caller-\(number)"
            requests.append(
                Request(key: kind < 4 ? "key-\(number)" : nil, externalID: kind >= 8 ? name : nil)
            )
            if kind == 9 { provider.makeElsewhere(name, at: Self.epoch - 3_600_000) }
        }
    }

    private var moment: Moment { Moment(.milliseconds(now)) }
    private var date: Timestamp { Timestamp(milliseconds: Self.epoch + now) }

    /// Runs the history to its end; tells the first promise that is broken.
    mutating func run() -> Violation? {
        startProcess()
        let length = 40 + random.below(120)
        for _ in 0..<length {
            disturb()
            if let violation = checkPaid() { return violation }
        }
        return drain()
    }

    private mutating func tell(_ what: (Simulation) -> String) {
        if isTold { history.append("\(now) ms: \(what(self))") }
    }

    // MARK: What happens

    private mutating func disturb() {
        switch random.below(100) {
        case 0..<52: stepSomewhere()
        case 52..<73: advance(Int64(random.below(5000)))
        case 73..<80: ask()
        case 80..<83: crash()
        case 83..<87: stall()
        case 87..<90: resume()
        case 90..<92: if processes.count < Self.mostProcesses { startProcess() }
        case 92..<96: if let index = randomRunning() { claim(index) }
        case 96: backupOrRestore()
        default: resolveByPerson()
        }
    }

    private mutating func advance(_ duration: Int64) {
        now += duration
        provider.settle(at: Self.epoch + now)
        for index in processes.indices {
            guard let since = processes[index].stalledAt, now - since > Self.expiry else { continue }
            book.set(.expired, of: processes[index].owner)
            processes[index].hasLapsed = true
        }
    }

    private mutating func randomRunning() -> Int? {
        let running = processes.indices.filter { processes[$0].stalledAt == nil }
        return running.isEmpty ? nil : running[random.below(running.count)]
    }

    private mutating func startProcess() {
        nextOwner += 1
        let owner = OwnerID("process \(nextOwner)")
        book.set(.alive, of: owner)
        processes.append(Process(owner: owner))
        tell { _ in "\(owner) starts" }
        claim(processes.count - 1)
    }

    private mutating func crash() {
        guard !processes.isEmpty else { return startProcess() }
        let process = processes.remove(at: random.below(processes.count))
        end(process.owner)
        tell { _ in "\(process.owner) is killed" }
        if processes.isEmpty, random.chance(70) { startProcess() }
    }

    private mutating func end(_ owner: OwnerID) {
        book.set(.gone, of: owner)
        provider.connectionsEnd(of: owner, at: Self.epoch + now)
    }

    private mutating func stall() {
        // A process with a create on the wire is where it matters.
        let sending = processes.indices.filter { index in
            processes[index].stalledAt == nil
                && processes[index].held.contains { if case .onWire = $0.stage { true } else { false } }
        }
        guard let index = sending.isEmpty || random.chance(50) ? randomRunning() : sending[random.below(sending.count)]
        else { return }
        processes[index].stalledAt = now
        tell { "\($0.processes[index].owner) is stopped" }
    }

    private mutating func resume() {
        let stalled = processes.indices.filter { processes[$0].stalledAt != nil }
        guard !stalled.isEmpty else { return }
        resume(stalled[random.below(stalled.count)])
    }

    private mutating func resume(_ index: Int) {
        processes[index].stalledAt = nil
        tell { "\($0.processes[index].owner) goes on" }
        book.set(.alive, of: processes[index].owner)
        guard processes[index].hasLapsed else { return }
        processes[index].hasLapsed = false
        for task in processes[index].held.indices {
            if case .begun = processes[index].held[task].stage {
                processes[index].held[task].stage = .begun(hasLapsed: true)
            }
        }
    }

    /// A copy of the ledger is put back while no process runs, as after the loss of a disk. What was sent since can then
    /// only be seen at the provider, if it shows it.
    private mutating func backupOrRestore() {
        guard let copy = backup, provider.findsByExternalID, random.chance(30) else {
            backup = book
            return
        }
        for process in processes { end(process.owner) }
        let owners = (1...nextOwner).map { OwnerID("process \($0)") }
        processes = []
        advance(60_000)
        book = copy
        for owner in owners { book.set(.gone, of: owner) }
        tell { _ in "the ledger is put back to its copy" }
        startProcess()
    }

    /// A client asks; with a key perhaps again, and of another process.
    private mutating func ask() {
        guard let index = randomRunning() else { return }
        let number = random.below(requests.count)
        guard requests[number].key != nil || !requests[number].wasAsked else { return }
        requests[number].wasAsked = true
        nextTask += 1
        let task = makeTask(nextTask, for: number)
        switch book.insert(NewTask(task), owner: processes[index].owner) {
        case .inserted(let claimed):
            requests[number].ids.insert(task.id)
            requestsByTask[task.id] = number
            tell { "\($0.processes[index].owner) takes request \(number) as \(task.externalTaskID)" }
            hold(claimed, at: index, isInherited: false)
        case .existing(let first): requests[number].ids.insert(first.id)
        case .conflict, .externalIDTaken, .overDailyLimit: break
        }
    }

    private func makeTask(_ number: Int, for request: Int) -> GenerationTask {
        let id = Self.ids[number % Self.ids.count]
        let (key, externalID) = (requests[request].key, requests[request].externalID)
        return GenerationTask(
            id: id,
            externalTaskID: externalID ?? key ?? id.description,
            idempotencyKey: key,
            fingerprint: "",
            provider: "",
            account: Self.account,
            request: externalID == nil ? [:] : ["external_task_id": ""],
            imageCount: 1,
            storage: Self.storage,
            createdAt: date
        )
    }

    private static let ids: [TaskID] = {
        var random = SplitMix(seed: 1)
        return (0..<256).map { TaskID(at: Timestamp(milliseconds: Int64($0)), random: &random) }
    }()

    private mutating func claim(_ index: Int) {
        for claimed in book.claim(Self.bindings, owner: processes[index].owner, limit: .max) {
            hold(claimed, at: index, isInherited: off != .lookBeforeSendingInherited)
        }
    }

    private mutating func hold(_ claimed: ClaimedTask, at index: Int, isInherited: Bool) {
        if let position = processes[index].held.firstIndex(where: { $0.task.id == claimed.task.id }) {
            // Lost and got back. What it has on the wire is still its own to tell of.
            processes[index].held[position].task = claimed.task
            processes[index].held[position].lease = claimed.lease
            switch processes[index].held[position].stage {
            case .begun, .noted, .onWire: return
            case .idle, .asked: processes[index].held.remove(at: position)
            }
        }
        processes[index].held.append(
            Held(task: claimed.task, lease: claimed.lease, procedure: procedure(claimed, isInherited))
        )
    }

    private func procedure(_ claimed: ClaimedTask, _ isInherited: Bool) -> SubmitProcedure {
        var rules = SubmitProcedure.Rules(
            lookUpIsAuthoritative: provider.isAuthoritative || off == .onlyAuthoritativeAbsence
        )
        if off == .settlingTime { (rules.absencesNeeded, rules.settlingTime) = (1, .zero) }
        var seen = claimed.task
        if off == .lookBeforeSendingKeyed { seen.idempotencyKey = nil }
        return SubmitProcedure(seen, isInherited: isInherited, isUnsent: claimed.isUnsent, rules: rules)
    }

    // MARK: What a process does

    private mutating func stepSomewhere() {
        guard let index = randomRunning(), !processes[index].held.isEmpty else { return }
        step(index, random.below(processes[index].held.count))
    }

    private mutating func step(_ index: Int, _ position: Int) {
        let held = processes[index].held[position]
        switch held.stage {
        case .idle: decide(index, position)
        case .begun(let hasLapsed):
            let isBarred = hasLapsed && off != .leaseCheckedBeforeLastByte
            guard !isBarred else { return finish(index, position, .notSent(.unavailable)) }
            guard off != .lastByteIsNoted else { return send(index, position) }
            book.noteLastByte(of: held.task.id, attempt: held.task.attempt, by: processes[index].owner)
            processes[index].held[position].stage = .noted
        case .noted: send(index, position)
        case .onWire(let time, let event): if time <= now { finish(index, position, event) }
        case .asked(let result, let askedAt, let answeredAt):
            if answeredAt <= now { answered(index, position, result, askedAt) }
        }
    }

    private mutating func decide(_ index: Int, _ position: Int) {
        var held = processes[index].held[position]
        let senderIsGone = off == .attemptIsOver || held.task.sender.map { book.isGone($0) } ?? true
        let step = held.procedure.next(held.task, senderIsGone: senderIsGone, at: moment)
        processes[index].held[position] = held
        switch step {
        case .done: processes[index].held.remove(at: position)
        case .apply(let event): apply(event, index, position)
        case .send: begin(index, position)
        case .lookUp(let due):
            guard due <= moment else { return }
            let result = provider.lookUp(
                held.task.externalTaskID,
                at: Self.epoch + now,
                isCalm: isCalm,
                &random
            )
            let delay = isCalm ? 0 : Int64(random.below(2000))
            processes[index].held[position].stage = .asked(result, askedAt: now, answeredAt: now + delay)
        }
    }

    private mutating func begin(_ index: Int, _ position: Int) {
        guard off != .durableBeforeSending else { return send(index, position) }
        guard apply(.sendStarted, index, position) else { return }
        processes[index].held[position].stage = .begun(hasLapsed: false)
        processes[index].held[position].attempt = processes[index].held[position].task.attempt
    }

    private mutating func send(_ index: Int, _ position: Int) {
        let task = processes[index].held[position].task
        let (event, delay) = provider.create(
            task.externalTaskID,
            request: requestsByTask[task.id] ?? -1,
            task: task.id,
            sender: processes[index].owner,
            at: Self.epoch + now,
            isCalm: isCalm,
            &random
        )
        processes[index].held[position].stage = .onWire(at: now + delay, event)
        tell {
            "\($0.processes[index].owner) sends \(task.externalTaskID); \(Self.name(event)) at \($0.now + delay) ms"
        }
    }

    private mutating func finish(_ index: Int, _ position: Int, _ event: TaskEvent) {
        processes[index].held[position].stage = .idle
        var event = event
        if off == .ambiguousIsLookedUp, case .ambiguous(let error) = event { event = .notSent(error) }
        if off != .laterRefusalIsLookedUp { event = processes[index].held[position].procedure.event(of: event) }
        if off == .durableBeforeSending { guard apply(.sendStarted, index, position) else { return } }
        apply(event, index, position, isOutcome: true)
    }

    private mutating func answered(_ index: Int, _ position: Int, _ result: LookUpResult, _ askedAt: Int64) {
        var held = processes[index].held[position]
        held.stage = .idle
        var result = result
        var isTaken = false
        if case .found(var report) = result {
            isTaken = book.task(taskID: report.taskID).map { $0.id != held.task.id } ?? false
            if off == .onlyOursIsAdopted {
                isTaken = false
                report.createdAt = Timestamp(milliseconds: .max)
                result = .found(report)
            }
        }
        let name = held.task.externalTaskID
        tell { "\($0.processes[index].owner) asked for \(name) at \(askedAt) ms: \(Self.name(result))" }
        let event = held.procedure.lookedUp(
            result,
            of: held.task,
            isTaken: isTaken,
            askedAt: Moment(.milliseconds(askedAt)),
            at: moment,
            jitter: 0
        )
        processes[index].held[position] = held
        if let event { apply(event, index, position) }
    }

    /// Writes what comes of `event`; tells whether it was written. On a refused write the task is another's, and what
    /// only the sender can tell of its attempt is told without a lease.
    @discardableResult
    private mutating func apply(
        _ event: TaskEvent,
        _ index: Int,
        _ position: Int,
        isOutcome: Bool = false
    ) -> Bool {
        var held = processes[index].held[position]
        var before = held.task
        let isForced = off == .compareAndSwap
        // Without this a request is paid twice in one history of some 200,000.
        if isOutcome, off != .durableBeforeSending, !isForced {
            let right = EventRight.sender(attempt: held.attempt)
            guard right.permits(event, on: before, by: processes[index].owner) else { return false }
        }
        if off == .laterRefusalIsLookedUp, case .refused = event { before.attempt = 1 }
        guard let next = TaskStateMachine.apply(event, to: before, at: date, by: processes[index].owner) else {
            return false
        }
        let releases = next.state.isTerminal
        let write = LedgerWrite(
            task: next,
            lease: isForced ? nil : held.lease,
            replaces: isForced ? book.task(before.id)?.revision ?? 0 : before.revision,
            slots: .keep,
            releases: releases
        )
        switch book.write(write, at: date) {
        case .written(let sequence):
            held.task = next
            held.task.sequence = sequence
            tell { "\($0.processes[index].owner) writes \(Self.name(event)): \(before.state) to \(next.state)" }
            processes[index].held[position] = held
            return true
        case .noSlots: return false
        case .stale(let newest):
            tell { "\($0.processes[index].owner) comes too late with \(Self.name(event))" }
            // A person's word came between, or another has the task by now.
            if let claimed = book.claim(newest.id, owner: processes[index].owner) {
                processes[index].held[position].task = claimed.task
                processes[index].held[position].lease = claimed.lease
            } else {
                processes[index].held.remove(at: position)
            }
            if isOutcome, off != .lateOutcomeIsTold {
                witness(event, of: held.attempt, newest, by: processes[index].owner)
            }
            return false
        }
    }

    private mutating func witness(
        _ event: TaskEvent,
        of attempt: Int,
        _ newest: GenerationTask,
        by owner: OwnerID
    ) {
        guard EventRight.sender(attempt: attempt).permits(event, on: newest, by: owner),
            let next = TaskStateMachine.apply(event, to: newest, at: date)
        else { return }
        let write = LedgerWrite(task: next, lease: nil, replaces: newest.revision, slots: .keep, releases: false)
        _ = book.write(write, at: date)
        tell { _ in "\(owner) tells \(Self.name(event)) all the same: \(newest.state) to \(next.state)" }
    }

    private static func name(_ value: some Any) -> String { String("\(value)".prefix { $0 != "(" }) }

    /// A person who saw in the provider's console that there is no job has it sent again.
    private mutating func resolveByPerson() {
        for (id, request) in requestsByTask {
            guard let task = book.task(id), task.state == .unresolved,
                !provider.knows(task.externalTaskID, request: request),
                !processes.contains(where: { process in
                    process.held.contains { held in
                        switch held.stage {
                        case .noted, .onWire: held.task.id == id
                        case .idle, .begun, .asked: false
                        }
                    }
                }),
                let next = TaskStateMachine.apply(.resendRequested, to: task, at: date)
            else { continue }
            let write = LedgerWrite(task: next, lease: nil, replaces: task.revision, slots: .keep, releases: false)
            _ = book.write(write, at: date)
            tell { _ in "a person has \(task.externalTaskID) sent again" }
            return
        }
    }

    // MARK: Promises

    /// One request, one paid task; one job, one task.
    private func checkPaid() -> Violation? {
        for number in requests.indices {
            let paid = provider.jobs.count { $0.request == number }
            if paid > 1 { return Violation(description: "request \(number) was paid \(paid) times") }
            // A task that was refused without being paid gives its key back.
            let standing = requests[number].ids.count { book.task($0)?.freesItsKey == false }
            if standing > 1 { return Violation(description: "request \(number) has \(standing) tasks") }
        }
        return nil
    }

    /// Lets everything come to rest without further trouble, then looks for what was lost.
    private mutating func drain() -> Violation? {
        isCalm = true
        if processes.isEmpty { startProcess() }
        for index in processes.indices where processes[index].stalledAt != nil { resume(index) }
        for _ in 0..<400 {
            for index in processes.indices {
                claim(index)
                for position in processes[index].held.indices.reversed()
                where position < processes[index].held.count {
                    refresh(index, position)
                    guard position < processes[index].held.count else { continue }
                    step(index, position)
                }
            }
            if let violation = checkPaid() { return violation }
            if processes.allSatisfy(\.held.isEmpty) { break }
            advance(1000)
        }
        return checkNothingLost()
    }

    /// Follows what others wrote, as a process does that is told of changes.
    private mutating func refresh(_ index: Int, _ position: Int) {
        let held = processes[index].held[position]
        guard case .idle = held.stage, let newest = book.task(held.task.id), newest.revision != held.task.revision
        else { return }
        guard let claimed = book.claim(newest.id, owner: processes[index].owner) else {
            processes[index].held.remove(at: position)
            return
        }
        processes[index].held[position].task = claimed.task
        processes[index].held[position].lease = claimed.lease
    }

    private func checkNothingLost() -> Violation? {
        var jobs: Set<String> = []
        for (id, number) in requestsByTask {
            guard let task = book.task(id) else { continue }
            if let taskID = task.taskID, !jobs.insert(taskID).inserted {
                return Violation(description: "job \(taskID) stands for two tasks")
            }
            switch task.state {
            case .submitted:
                let job = provider.jobs.first { $0.taskID == task.taskID }
                if job?.request != number {
                    return Violation(description: "request \(number) took a job that is not its own")
                }
            case .unresolved:
                if provider.isAuthoritative, task.externalTaskID == task.id.description || task.isNamedByKey {
                    return Violation(description: "request \(number) was never resolved: \(task.error?.message ?? "")")
                }
                if task.charged != .unknown { return Violation(description: "unresolved says \(task.charged)") }
            case .failed:
                if task.charged == .no, provider.jobs.contains(where: { $0.task == id }) {
                    return Violation(description: "request \(number) was paid, failed and says charged: no")
                }
            default:
                return Violation(description: "request \(number) came to rest as \(task.state)")
            }
        }
        return nil
    }
}
