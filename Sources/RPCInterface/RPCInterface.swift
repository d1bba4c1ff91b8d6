import GenerationTasks
package import JSON
package import JSONRPC
import KlingAPI
package import KlingService
import Synchronization

/// The native protocol: method names and params in, service calls, tasks out (`protocol/README.md`).
package struct RPCInterface: RequestHandler {
    private let service: GenerationService
    private let feed: UpdateFeed
    private let identity: ServerIdentity
    private let log: @Sendable (String) -> Void
    private let reader = ParamsReader()

    package init(
        service: GenerationService,
        feed: UpdateFeed,
        identity: ServerIdentity,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.service = service
        self.feed = feed
        self.identity = identity
        self.log = log
    }

    /// A method of the protocol. The registry below is what dispatches.
    private struct Method: Sendable {
        let name: String
        let handle: @Sendable (RPCInterface, JSONObject, inout JSONWriter) throws(RPCError) -> Handling
    }

    private static let methods: [Method] = [
        Method(name: "generate") { face, params, _ throws(RPCError) in try face.generate(params) },
        Method(name: "status") { face, params, writer throws(RPCError) in try face.status(params, &writer) },
        Method(name: "list") { face, params, _ throws(RPCError) in try face.list(params) },
        Method(name: "watch") { face, params, _ throws(RPCError) in try face.watch(params) },
        Method(name: "cancel-watch") { face, params, _ throws(RPCError) in try face.cancelWatch(params) },
        Method(name: "resolve") { face, params, _ throws(RPCError) in try face.resolve(params) },
        Method(name: "events") { face, params, _ throws(RPCError) in try face.events(params) },
        Method(name: "server-info") { face, params, _ throws(RPCError) in try face.serverInfo(params) },
    ]

    private static let methodsByName = Dictionary(uniqueKeysWithValues: methods.map { ($0.name, $0) })

    package func handle(_ request: Request, writer: inout JSONWriter, connection: isolated Connection) -> Handling {
        do throws(RPCError) {
            guard let method = Self.methodsByName[request.method] else { throw Self.unknown(request.method) }
            return try method.handle(self, try Params.byName(request), &writer)
        } catch {
            return .failed(error)
        }
    }

    package func handle(notification: Request, connection: isolated Connection) {
        // JSON-RPC 2.0 section 4.1: nobody is told of an error.
        log("the notification '\(notification.method)' is none of the protocol and was ignored")
    }

    private static func unknown(_ name: String) -> RPCError {
        let nearest = Spelling.nearest(to: name, among: methods.map(\.name))
        let hint = nearest.map { "did you mean '\($0)'?" } ?? "there are \(methods.map(\.name).joined(separator: ", "))"
        return .methodNotFound("there is no method '\(name)'; \(hint)")
    }

    // MARK: Methods

    private func generate(_ params: JSONObject) throws(RPCError) -> Handling {
        let (limits, reader, work) = (service.configuration.limits, reader, generation)
        guard !Params.namesAFile(params) else {
            return .pending {
                do throws(RPCError) {
                    return await work(try await reader.generate(params, limits))
                } catch {
                    return .failure(error)
                }
            }
        }
        let asked = try Params.generate(params, limits)
        return .pending { await work(asked) }
    }

    private var generation: @Sendable (Params.Generation) async -> Result<RPCResult, RPCError> {
        { [service, feed] asked in
            await Self.answer { () throws(TaskError) in
                if asked.isRehearsal {
                    let rehearsal = try await service.rehearse(asked.command)
                    return RPCResult { $0.value(.object(rehearsal)) }
                }
                let task = try await Self.generate(asked.command, service, feed)
                return Self.result(try await service.wait(task.id, asked.bound))
            }
        }
    }

    /// Subscribed before the task is made, so that no version of it is missed; what was not made is forgotten again.
    private static func generate(
        _ command: GenerateCommand,
        _ service: GenerationService,
        _ feed: UpdateFeed
    ) async throws(TaskError) -> GenerationTask {
        let announced = Mutex<TaskID?>(nil)
        do throws(TaskError) {
            let task = try await service.generate(command) { id in
                announced.withLock { $0 = id }
                await feed.subscribe(id)
            }
            if let id = announced.withLock(\.self), id != task.id {
                await feed.unsubscribe(id)
                if !task.state.isTerminal { await feed.subscribe(task.id) }
            }
            return task
        } catch {
            if let id = announced.withLock(\.self) { await feed.unsubscribe(id) }
            throw error
        }
    }

    private func status(_ params: JSONObject, _ writer: inout JSONWriter) throws(RPCError) -> Handling {
        let (reference, bound) = try Params.status(params)
        // What memory can answer is answered here; the table shares the executor this runs on.
        let known = service.table.assumeIsolated { table in
            switch reference {
            case .id(let id): table.freshSnapshot(id)
            case .taskID(let taskID): table.freshSnapshot(taskID: taskID)
            }
        }
        if let known, bound?.target.isReached(by: known) ?? true {
            known.write(to: &writer)
            return .written
        }
        let service = service
        return .pending {
            await Self.answer { () throws(TaskError) in
                let task = try await Self.find(reference, service)
                guard let bound else { return Self.result(task) }
                return Self.result(try await service.wait(task.id, bound))
            }
        }
    }

    private func list(_ params: JSONObject) throws(RPCError) -> Handling {
        let query = try Params.list(params)
        let service = service
        return .pending {
            await Self.answer { () throws(TaskError) in
                let page = try await service.list(query)
                return RPCResult { writer in
                    writer.beginObject()
                    writer.name("tasks")
                    writer.beginArray()
                    for task in page.tasks { task.write(to: &writer) }
                    writer.endArray()
                    if let next = page.next {
                        writer.name("next_cursor")
                        writer.string(next)
                    }
                    writer.endObject()
                }
            }
        }
    }

    private func watch(_ params: JSONObject) throws(RPCError) -> Handling {
        let reference = try Params.reference(params, alsoKnown: ["storage"])
        var members = JSONMembers(params)
        let storage: String?
        do {
            storage = try members.string("storage")
        } catch {
            throw .invalidParams(error.message, pointer: error.pointer)
        }
        if storage != nil, case .id = reference {
            throw .invalidParams(
                "'storage' goes with 'task_id': this task has its place",
                pointer: .root.member("storage")
            )
        }
        let (service, feed) = (service, feed)
        return .pending {
            await Self.answer { () throws(TaskError) in
                let task =
                    switch reference {
                    case .id(let id): try await service.watch(id)
                    case .taskID(let taskID): try await service.adopt(taskID: taskID, storage: storage)
                    }
                await feed.subscribe(task.id)
                return Self.result(task)
            }
        }
    }

    private func cancelWatch(_ params: JSONObject) throws(RPCError) -> Handling {
        let reference = try Params.reference(params)
        let service = service
        return .pending {
            await Self.answer { () throws(TaskError) in
                let found = try await Self.find(reference, service)
                let task = try await service.cancelWatch(found.id)
                return Self.result(task, message: Self.cancelMessage(task, wasOver: found.state.isTerminal))
            }
        }
    }

    private func resolve(_ params: JSONObject) throws(RPCError) -> Handling {
        let (id, resolution) = try Params.resolve(params)
        let (service, feed) = (service, feed)
        return .pending {
            await Self.answer { () throws(TaskError) in
                let task = try await service.resolve(id, resolution)
                await feed.subscribe(id)
                return Self.result(task)
            }
        }
    }

    private func events(_ params: JSONObject) throws(RPCError) -> Handling {
        let (after, limit) = try Params.events(params)
        let service = service
        return .pending {
            await Self.answer { () throws(TaskError) in
                let events = try await service.events(after: after, limit: limit)
                return RPCResult { writer in
                    writer.beginObject()
                    writer.name("events")
                    writer.beginArray()
                    for task in events.tasks { Self.write(event: task, to: &writer) }
                    writer.endArray()
                    writer.name("next")
                    writer.string(events.next)
                    writer.endObject()
                }
            }
        }
    }

    /// A version of a task with its place among all changes, as notifications and `events` show it.
    static func write(event task: GenerationTask, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("seq")
        writer.integer(task.sequence)
        writer.name("task")
        task.write(to: &writer)
        writer.endObject()
    }

    private func serverInfo(_ params: JSONObject) throws(RPCError) -> Handling {
        try Params.none(params)
        let (service, identity) = (service, identity)
        return .pending {
            let counters = await service.counters()
            let cursor = try? await service.latestCursor()
            let configuration = service.configuration
            let info: JSONValue = [
                "name": .string(identity.name),
                "version": .string(identity.version),
                "protocol_revision": .integer(ServerIdentity.protocolRevision),
                "provider": .string(configuration.provider),
                "account": .string(configuration.account),
                "events_cursor": cursor.map(JSONValue.string) ?? .null,
                "credentials": .string(configuration.missingCredentials ?? "present"),
                "storage": .array(identity.storage.map(JSONValue.string)),
                "storage_schemes": .array(identity.storageSchemes.map(JSONValue.string)),
                "methods": .array(Self.methods.map { .string($0.name) }),
                "task_updates": .string(
                    identity.sendsUpdates ? "on; start with --no-task-updates to switch them off" : "off"
                ),
                "limits": [
                    "api_revision": .string(configuration.limits.name),
                    "prompt_characters": .integer(Int64(configuration.limits.promptLength)),
                    "negative_prompt_characters": .integer(Int64(configuration.limits.negativePromptLength)),
                    "images_per_task": .integer(Int64(LimitsProfile.imageCounts.upperBound)),
                    "aspect_ratios": .array(configuration.limits.aspectRatios.map(JSONValue.string)),
                    "images_in_flight": configuration.maxImagesInFlight.map { .integer(Int64($0)) } ?? .null,
                    "images_per_day": configuration.maxImagesPerDay.map { .integer(Int64($0)) } ?? .null,
                    "line_bytes": .integer(Int64(JSONLimits().bytes)),
                    "batch_messages": .integer(Int64(MessageParser().batchLimit)),
                    "longest_wait_ms": .integer(Params.longestWait),
                ],
                "counters": .object(counters),
            ]
            return .success(RPCResult { $0.value(info) })
        }
    }

    // MARK: Answers

    private static func find(_ reference: Params.TaskReference, _ service: GenerationService) async throws(TaskError)
        -> GenerationTask
    {
        switch reference {
        case .id(let id): try await service.find(id)
        case .taskID(let taskID): try await service.find(taskID: taskID)
        }
    }

    private static func answer(
        _ operation: () async throws(TaskError) -> RPCResult
    ) async -> Result<RPCResult, RPCError> {
        do throws(TaskError) {
            return .success(try await operation())
        } catch {
            return .failure(RPCError(error))
        }
    }

    private static func result(_ task: GenerationTask, message: String? = nil) -> RPCResult {
        RPCResult { task.write(to: &$0, message: message) }
    }

    /// The provider has no cancel: who believes to have stopped a job must learn that it is paid all the same.
    private static func cancelMessage(_ task: GenerationTask, wasOver: Bool) -> String {
        switch task.state {
        case .failed where !wasOver && task.charged == .no: "withdrawn before anything was sent; nothing is charged"
        case .failed where !wasOver: "withdrawn before it was sent again; an earlier attempt may be billed"
        case .stored, .failed: "the task had ended already; nothing was changed"
        case .queued, .submitting, .unresolved:
            "the watch is cancelled; whether the provider took the job is still being found out, since it may be billed"
        case .submitted, .processing:
            "the watch is cancelled; the provider has no cancel, so the job goes on and is billed; 'watch' resumes it"
        case .storing: "the job is finished and billed; its images go on being stored"
        }
    }
}

/// Reads params that name a file away from the thread of the wire, one after the other: a disk may be slow, or hang.
private actor ParamsReader {
    func generate(_ params: JSONObject, _ limits: LimitsProfile) throws(RPCError) -> Params.Generation {
        try Params.generate(params, limits)
    }
}
