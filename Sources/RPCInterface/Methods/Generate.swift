import GenerationTasks
import JSON
import JSONRPC
import KlingAPI
import KlingService
import Synchronization

extension Method {
    static let generate = Method(
        name: "generate",
        summary: "Makes images: a paid task, or the one that the idempotency key stands for.",
        params: ImageGenerationRequest.members + [
            .optional("storage", .string().described("The configured place for the images, or a folder below it.")),
            .optional(
                "idempotency_key",
                .string(length: Params.keyLength).described(
                    "At most 256 bytes. The same key with the same request is the same task, for ever."
                )
            ),
            .optional("dry_run", .boolean.described("Tells what would be sent and stored, and does neither.")),
        ] + .wait,
        result: JSONSchema.Named(
            "generate.result",
            .any(of: [GenerationTask.schema.reference, GenerationService.rehearsalSchema.reference])
        ),
        errors: [
            .unsupported, .conflict, .noCredentials, .imageUnavailable, .storageFull, .storageDenied,
            .storageUnavailable, .storageConfig, .plugin, .limit, .tooLarge,
        ] + .ofLedger,
        examples: [
            Example(
                name: "an image, once the provider has the job",
                params: ["prompt": "a lighthouse at dusk", "aspect_ratio": "3:2", "idempotency_key": "lighthouse-1"],
                result: ExampleTask.submitted.json
            ),
            Example(
                name: "what would be sent",
                params: ["prompt": "a lighthouse at dusk", "dry_run": true],
                result: [
                    "dry_run": true, "charged": "no",
                    "would_send": [
                        "provider": "kling", "path": "/v1/images/generations",
                        "parameters": [
                            "prompt": "a lighthouse at dusk", "n": 1, "model_name": "kling-v3",
                            "external_task_id": "(the task's id)",
                        ],
                        "images": 1,
                    ],
                    "would_store": ["storage": "file:///home/me/images"], "credentials": "present",
                ]
            ),
        ]
    ) { face, params, _ throws(RPCError) in try face.generate(params) }
}

/// What `generate` is asked for.
private struct Generation: Sendable {
    var command: GenerateCommand
    var bound: WaitBound
    var isRehearsal: Bool

    init(_ params: JSONObject, _ limits: LimitsProfile) throws(RPCError) {
        var members = JSONMembers(params)
        do {
            let request = try ImageGenerationRequest.decode(&members, profile: limits)
            let key = try members.string("idempotency_key")
            if let key, !Params.keyLength.contains(key.utf8.count) {
                throw JSONDecodingError(
                    "'idempotency_key' must have 1 to 256 bytes, not \(key.utf8.count)",
                    at: .root.member("idempotency_key")
                )
            }
            command = GenerateCommand(
                request: request,
                storage: try members.string("storage"),
                idempotencyKey: key
            )
            bound =
                try Params.wait(&members)
                ?? WaitBound(target: .submitted, duration: .milliseconds(Params.defaultWait))
            isRehearsal = try members.bool("dry_run") ?? false
        } catch let error as RequestError {
            throw RPCError(TaskError(error))
        } catch let error as JSONDecodingError {
            throw .invalidParams(error.message, pointer: error.pointer)
        } catch {
            throw RPCError(TaskError(.internal, "\(error)"))
        }
    }

    /// Whether reading these params means reading a file.
    static func namesAFile(_ params: JSONObject) -> Bool {
        guard let image = params["image"]?.stringValue else { return false }
        return image.hasPrefix("/") || image.lowercased().hasPrefix("file:")
    }
}

/// Reads params that name a file away from the thread of the wire, one after the other: a disk may be slow, or hang.
actor ParamsReader {
    fileprivate func generation(_ params: JSONObject, _ limits: LimitsProfile) throws(RPCError) -> Generation {
        try Generation(params, limits)
    }
}

extension RPCInterface {
    fileprivate func generate(_ params: JSONObject) throws(RPCError) -> Handling {
        let (limits, reader, work) = (service.configuration.limits, reader, generation)
        guard !Generation.namesAFile(params) else {
            return .pending {
                do throws(RPCError) {
                    return await work(try await reader.generation(params, limits))
                } catch {
                    return .failure(error)
                }
            }
        }
        let asked = try Generation(params, limits)
        return .pending { await work(asked) }
    }

    private var generation: @Sendable (Generation) async -> Result<RPCResult, RPCError> {
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
}
