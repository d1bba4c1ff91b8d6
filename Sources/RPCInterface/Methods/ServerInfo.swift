import GenerationTasks
import JSON
import JSONRPC
import KlingAPI
import KlingService

extension Method {
    static let serverInfo = Method(
        name: "server-info",
        summary: "Tells what this klingd is, what it can do, and how it stands.",
        params: [],
        result: JSONSchema.Named("server-info.result", RPCInterface.serverInfoSchema),
        errors: [],
        examples: [Example(name: "a fresh klingd", params: [:], result: RPCInterface.exampleInfo)]
    ) { face, _, _ in face.serverInfo() }
}

extension RPCInterface {
    fileprivate func serverInfo() -> Handling {
        let (service, identity) = (service, identity)
        return .pending {
            let counters = await service.counters()
            let cursor = try? await service.latestCursor()
            let info = Self.info(identity, service.configuration, cursor: cursor, counters: counters)
            return .success(RPCResult { $0.value(info) })
        }
    }

    private static func info(
        _ identity: ServerIdentity,
        _ configuration: ServiceConfiguration,
        cursor: String?,
        counters: JSONObject
    ) -> JSONValue {
        [
            "name": .string(identity.name),
            "version": .string(identity.version),
            "protocol_revision": .integer(ServerIdentity.protocolRevision),
            "provider": .string(configuration.provider),
            "account": .string(configuration.account),
            "events_cursor": cursor.map(JSONValue.string) ?? .null,
            "credentials": .string(configuration.missingCredentials ?? "present"),
            "storage": .array(identity.storage.map(JSONValue.string)),
            "storage_schemes": .array(identity.storageSchemes.map(JSONValue.string)),
            "methods": .array(Method.all.map { .string($0.name) }),
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
    }

    /// What ``info(_:_:cursor:counters:)`` gives.
    fileprivate static let serverInfoSchema = JSONSchema.object([
        .required("name", .string()),
        .required("version", .string()),
        .required("protocol_revision", .integer(from: 1).described("Grows by one when something is added.")),
        .required("provider", .string()),
        .required("account", .string().described("Who pays: provider, address and a fingerprint of the key.")),
        .required("events_cursor", .string().orNull.described("For events: now. Null while the ledger is busy.")),
        .required("credentials", .string().described("present, or what is missing.")),
        .required("storage", .array(of: .string(format: "uri"))),
        .required("storage_schemes", .array(of: .string())),
        .required("methods", .array(of: .string())),
        .required("task_updates", .string().described("Begins with on or off.")),
        .required(
            "limits",
            .object([
                .required("api_revision", .words(LimitsProfile.all.map(\.name))),
                .required("prompt_characters", .integer(from: 1)),
                .required("negative_prompt_characters", .integer(from: 1)),
                .required("images_per_task", .integer(from: 1)),
                .required("aspect_ratios", .array(of: .string())),
                .required("images_in_flight", .integer(from: 1).orNull),
                .required("images_per_day", .integer(from: 0).orNull),
                .required("line_bytes", .integer(from: 1)),
                .required("batch_messages", .integer(from: 1)),
                .required("longest_wait_ms", .integer(from: 1)),
            ])
        ),
        .required("counters", GenerationService.countersSchema.reference),
    ])

    fileprivate static var exampleInfo: JSONValue {
        let tasks = TaskState.allCases.map { JSONObject.Member(name: $0.rawValue, value: 0) }
        return info(
            ServerIdentity(
                name: "klingd",
                version: "1.0.0",
                sendsUpdates: true,
                storage: ["file:///home/me/images"],
                storageSchemes: ["file", "s3"]
            ),
            ServiceConfiguration(
                provider: "kling",
                account: "kling api-singapore.klingai.com 4cc4059ca47f3b77",
                dialect: .kling,
                limits: .current,
                maxImagesInFlight: 9,
                spool: "",
                allowsPrivateAddresses: false
            ),
            cursor: "0c6f2a9d.0",
            counters: [
                "tasks": .object(JSONObject(tasks)), "watched": 0, "look_ups": 0, "submitting": 0, "storing": 0,
                "images_in_flight": 0, "learnt_images_in_flight": nil, "stale_writes": 0,
            ]
        )
    }
}
