import JSON

/// The provider's records and rules, without HTTP and without a clock: every call is told the time, in Unix
/// milliseconds, and says what to reply.
struct Provider: Sendable {
    /// The message of a failure after acceptance (kling-api-facts.md section 4).
    private static let riskControl = "Failure to pass the risk control system"

    private let configuration: SimulatorConfiguration
    private let mostTasks: Int
    private let addresses: ImageAddress
    private var random: StableRandom
    private(set) var faults: FaultQueue
    private(set) var bill = Bill()

    private var tasks: [UInt64: SimulatedTask] = [:]
    private var byExternalID: [String: UInt64] = [:]
    /// Tasks are numbered from 0 as they are made; those before `oldest` are forgotten.
    private var oldest = 0
    private var next = 0
    /// What may still hold slots; whatever has ended is dropped when slots are counted.
    private var unfinished: [UInt64] = []
    private var late: [(due: Int64, request: GenerationRequest)] = []

    /// Beyond `mostTasks` the oldest task is forgotten, as the provider forgets.
    init(_ configuration: SimulatorConfiguration, mostTasks: Int = 100_000) {
        self.configuration = configuration
        self.mostTasks = mostTasks
        addresses = ImageAddress(seed: configuration.seed)
        random = StableRandom(seed: configuration.seed)
        faults = FaultQueue(configuration.faults)
    }

    mutating func add(_ more: [Fault]) { faults.append(contentsOf: more) }
    mutating func clearFaults() { faults.removeAll() }
}

extension Provider {
    /// Replies to a create whose body was read as `request`.
    mutating func create(
        _ request: Result<GenerationRequest, Refusal>,
        authorization: String?,
        at now: Int64
    ) -> Reply {
        settle(at: now)
        bill.creates += 1
        if let externalID = try? request.get().externalTaskID { bill.count(createOf: externalID) }
        if let refusal = refusal(of: authorization, at: now) {
            bill.refused += 1
            return refusal
        }
        let admitted = request.flatMap { admit($0, at: now) }
        let fault = faults.next(for: .create, succeeds: (try? admitted.get()) != nil)
        if let fault, let reply = replyInstead(fault) { return reply }
        switch admitted {
        case .failure(let refusal):
            if refusal.isThrottling { bill.throttled += 1 } else { bill.refused += 1 }
            return finish(configuration.dialect.refusal(refusal, requestID: random.uuid()), fault)
        case .success(let request):
            if let fault, fault.kind == .lateCreate {
                late.append((now + Int64(fault.delayMilliseconds), request))
                return .closed
            }
            let task = take(request, fault: fault, at: now)
            return reply(toCreateOf: task, fault: fault, at: now)
        }
    }

    /// Refuses what is well formed but not wanted, or not now.
    private mutating func admit(_ request: GenerationRequest, at now: Int64) -> Result<GenerationRequest, Refusal> {
        if request.prompt.lowercased().contains("forbidden") { return .failure(.contentPolicy) }
        if configuration.refusesDuplicateExternalIDs, let id = request.externalTaskID, byExternalID[id] != nil {
            return .failure(.duplicateExternalID)
        }
        if let slots = configuration.slots, imagesInFlight(at: now) + request.n > slots {
            return .failure(.concurrency)
        }
        return .success(request)
    }

    private mutating func imagesInFlight(at now: Int64) -> Int {
        unfinished.removeAll { tasks[$0].map { $0.lifecycle.status(at: now).isTerminal } ?? true }
        return unfinished.reduce(0) { $0 + (tasks[$1]?.n ?? 0) }
    }

    /// Makes and bills the task.
    private mutating func take(_ request: GenerationRequest, fault: Fault? = nil, at now: Int64) -> SimulatedTask {
        var hash = StableHash(configuration.seed, UInt64(next))
        hash.combine(request.prompt)
        var random = StableRandom(seed: hash.value)
        var failure = request.prompt.lowercased().contains("risk control") ? Self.riskControl : nil
        if let fault, fault.kind == .failedTask { failure = fault.body ?? Self.riskControl }
        let hidesTask = fault.map { [.takenThenCut, .takenThenStatus, .takenInvisible].contains($0.kind) } ?? false
        let task = SimulatedTask(
            id: id(ofTask: next),
            externalTaskID: request.externalTaskID,
            n: request.n,
            size: request.size,
            prompt: String(request.prompt.prefix(SimulatedTask.longestPrompt)),
            wantsWatermark: request.wantsWatermark,
            seed: random.next(),
            lifecycle: TaskLifecycle(
                createdAt: now,
                timeScale: configuration.timeScale,
                failure: failure,
                random: &random
            ),
            visibleAt: hidesTask ? now + Int64(fault?.delayMilliseconds ?? 0) : now
        )
        next += 1
        tasks[task.id] = task
        if let externalID = task.externalTaskID, byExternalID[externalID] == nil { byExternalID[externalID] = task.id }
        if configuration.slots != nil { unfinished.append(task.id) }
        bill.paid += 1
        bill.units += task.units
        forgetOldest()
        return task
    }

    private mutating func forgetOldest() {
        while next - oldest > mostTasks {
            let forgotten = tasks.removeValue(forKey: id(ofTask: oldest))
            if let externalID = forgotten?.externalTaskID, byExternalID[externalID] == forgotten?.id {
                byExternalID[externalID] = nil
            }
            oldest += 1
        }
    }

    /// Eighteen digits that grow from task to task by uneven steps, as the provider's do.
    private func id(ofTask number: Int) -> UInt64 {
        var start = StableRandom(seed: configuration.seed)
        let step: UInt64 = 1_048_576
        let base = 800_000_000_000_000_000 + start.next() % 90_000_000_000_000_000
        return base + UInt64(number) * step + StableHash(configuration.seed, UInt64(number)).value % step
    }

    /// Lets the late creates arrive, each at its own time and under the rules that hold for any.
    private mutating func settle(at now: Int64) {
        let arrived = late.filter { $0.due <= now }.sorted { $0.due < $1.due }
        guard !arrived.isEmpty else { return }
        late.removeAll { $0.due <= now }
        for create in arrived {
            guard case .success(let request) = admit(create.request, at: create.due) else { continue }
            _ = take(request, at: create.due)
        }
    }

    private mutating func reply(toCreateOf task: SimulatedTask, fault: Fault?, at now: Int64) -> Reply {
        let requestID = random.uuid()
        let limits = configuration.limits
        var answer = configuration.dialect.created(task, at: now, limits: limits, requestID: requestID)
        guard let fault else { return Reply(json: .object(answer)) }
        switch fault.kind {
        case .takenThenCut: return .closed
        case .takenThenStatus:
            let error = configuration.dialect.typicalError(fault.status ?? 504, requestID: requestID)
            return error.overridden(by: fault)
        case .codeAsString: answer["code"] = "0"
        case .noTaskStatus: answer.edit("data") { $0["task_status"] = nil }
        default: break
        }
        return finish(Reply(json: .object(answer)), fault)
    }
}

extension Provider {
    /// Replies to a look-up by `task_id` or `external_task_id`; `base` is scheme, host and port under which the caller
    /// reaches the simulator.
    mutating func lookUp(_ id: String, authorization: String?, base: String, at now: Int64) -> Reply {
        settle(at: now)
        bill.lookUps += 1
        if let refusal = refusal(of: authorization, at: now) { return refusal }
        let key = UInt64(id).flatMap { tasks[$0] == nil ? nil : $0 } ?? idOfTask(external: id)
        let task = key.flatMap { key in
            tasks[key]?.lookUps += 1
            return tasks[key]
        }
        let hasResult = task?.lifecycle.status(at: now) == .succeed
        let fault = faults.next(for: .lookUp, succeeds: hasResult)
        if let fault, fault.kind == .taskNotExist { return noSuchTask().overridden(by: fault) }
        if let fault, let reply = replyInstead(fault) { return reply }
        guard let task, task.visibleAt <= now else { return finish(noSuchTask(), fault) }

        let urls = urls(of: task, count: fault?.kind == .fewerImages ? task.n - 1 : task.n, base: base, at: now)
        var answer = configuration.dialect.found(task, at: now, urls: urls, requestID: random.uuid())
        if let fault { Self.spoil(&answer, fault.kind) }
        return finish(Reply(json: .object(answer)), fault)
    }

    private mutating func noSuchTask() -> Reply { configuration.dialect.noSuchTask(requestID: random.uuid()) }

    private func urls(of task: SimulatedTask, count: Int, base: String, at now: Int64) -> [String] {
        let expires = now + configuration.urlLifetime.wholeMilliseconds
        return (0..<count).map { base + addresses.make(task: task.id, index: $0, expires: expires) }
    }

    private func idOfTask(external id: String) -> UInt64? {
        configuration.findsByExternalID ? byExternalID[id] : nil
    }

    private static func spoil(_ answer: inout JSONObject, _ kind: Fault.Kind) {
        switch kind {
        case .codeAsString: answer["code"] = "0"
        case .noTaskStatus: answer.edit("data") { $0["task_status"] = nil }
        case .succeededWord: answer.edit("data") { $0["task_status"] = "succeeded" }
        case .taskResultNull: answer.edit("data") { $0["task_result"] = .null }
        case .noIndex:
            answer.edit("data") { data in
                data.edit("task_result") { result in
                    let urls = result["images"]?.arrayValue?.compactMap { $0["url"] } ?? []
                    result["images"] = .array(urls.map { ["url": $0] })
                }
            }
        default: break
        }
    }
}

extension Provider {
    /// Replies to a request for the tasks of the account, newest first, where the dialect has that; `query` and `base`
    /// are as in the request.
    mutating func list(query: String, authorization: String?, base: String, at now: Int64) -> Reply {
        settle(at: now)
        bill.lists += 1
        if let refusal = refusal(of: authorization, at: now) { return refusal }
        let fault = faults.next(for: .list, succeeds: true)
        if let fault, let reply = replyInstead(fault) { return reply }
        do throws(Refusal) {
            let page = try ListPage(query: query)
            let items = visibleTasks(on: page, at: now).map { task -> JSONValue in
                let urls = urls(of: task, count: task.n, base: base, at: now)
                return .object(configuration.dialect.description(of: task, at: now, urls: urls))
            }
            let answer = configuration.dialect.envelope(.array(items), requestID: random.uuid())
            return finish(Reply(json: .object(answer)), fault)
        } catch {
            return finish(configuration.dialect.refusal(error, requestID: random.uuid()), fault)
        }
    }

    private func visibleTasks(on page: ListPage, at now: Int64) -> [SimulatedTask] {
        let newestFirst = stride(from: next - 1, through: oldest, by: -1).lazy
        let visible = newestFirst.compactMap { tasks[id(ofTask: $0)] }.filter { $0.visibleAt <= now }
        return Array(visible.dropFirst(page.start).prefix(page.size))
    }

    /// Replies to a request that is none of the provider's: to an address that it does not have, or by a method that
    /// it does not take there.
    mutating func stray(path: String, isWrongMethod: Bool) -> Reply {
        configuration.dialect.stray(path: path, isWrongMethod: isWrongMethod, requestID: random.uuid())
    }
}

extension Provider {
    /// Replies to the request for an image. A key shown with it has no business there and is counted.
    mutating func image(path: String, query: String, hasCredentials: Bool, at now: Int64) -> Reply {
        bill.imageRequests += 1
        if hasCredentials { bill.imageRequestsWithKey += 1 }
        let fault = faults.next(for: .image, succeeds: true)
        let forbidden = Reply.page(status: 403)
        if let fault {
            if fault.kind == .expired { return forbidden.overridden(by: fault) }
            if fault.kind == .wrongBody { return Reply.page(status: 200).overridden(by: fault) }
            if let reply = replyInstead(fault) { return reply }
        }
        guard let (id, index) = addresses.resolve(path: path, query: query, at: now) else { return forbidden }
        guard let task = tasks[id], (0..<task.n).contains(index) else { return .page(status: 404) }
        let picture = Reply.Content.picture(task.picture(index), isCut: fault?.kind == .partialBody)
        return finish(Reply(status: 200, content: picture), fault)
    }
}

extension Provider {
    private mutating func refusal(of authorization: String?, at now: Int64) -> Reply? {
        configuration.dialect.refusal(
            authorization: authorization,
            configuration: configuration,
            at: now,
            requestID: random.uuid()
        )
    }

    /// The reply of a fault that takes the place of all handling, whatever the request.
    private mutating func replyInstead(_ fault: Fault) -> Reply? {
        var reply: Reply
        switch fault.kind {
        case .cut:
            reply = .closed
            reply.delayMilliseconds = fault.delayMilliseconds
            return reply
        case .status: reply = configuration.dialect.typicalError(fault.status ?? 500, requestID: random.uuid())
        case .html: reply = .page(status: 200)
        case .redirect: reply = .redirect
        case .codeNull: reply = Reply(json: ["code": nil, "message": "404"])
        default: return nil
        }
        reply.delayMilliseconds = fault.delayMilliseconds
        return reply.overridden(by: fault)
    }

    /// The last touches of a fault that leaves the handling alone.
    private func finish(_ reply: Reply, _ fault: Fault?) -> Reply {
        guard let fault else { return reply }
        var reply = fault.kind == .brokenJSON ? reply.broken : reply
        if fault.kind != .takenInvisible { reply.delayMilliseconds = fault.delayMilliseconds }
        return reply
    }

    /// The bill with all tasks still known, in the order in which they were made.
    mutating func billed(at now: Int64) -> JSONValue {
        settle(at: now)
        return bill.json((oldest..<next).compactMap { tasks[id(ofTask: $0)] }, at: now)
    }
}

extension JSONObject {
    /// Changes the object that is the member `name`, if it is one.
    fileprivate mutating func edit(_ name: String, _ change: (inout JSONObject) -> Void) {
        guard var object = self[name]?.objectValue else { return }
        change(&object)
        self[name] = .object(object)
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
