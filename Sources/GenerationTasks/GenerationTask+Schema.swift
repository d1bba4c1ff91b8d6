package import JSON

extension GenerationTask {
    /// What ``write(to:message:)`` writes.
    package static let schema = JSONSchema.Named(
        "task",
        .object([
            .required("id", TaskID.schema.reference.described("klingd's own id, a UUID version 7.")),
            .required("task_id", .string().orNull.described("The provider's id; null until known.")),
            .required("external_task_id", .string().described("What the provider was told as such.")),
            .required("idempotency_key", .string().orNull),
            .required("state", TaskState.schema.reference),
            .required("watch", WatchState.schema.reference),
            .required("charged", Charged.schema.reference),
            .required("task_status", .string().orNull.described("The provider's word, as it said it.")),
            .required("task_status_msg", .string().orNull.described("The provider's words, as it said them.")),
            .required("provider", .string()),
            .required(
                "request",
                .object().described(
                    "The provider's parameters as asked for, with the defaults that are sent. A picture is shown by its "
                        + "measures. Empty for a job made elsewhere, and long after the end."
                )
            ),
            .required("storage", .string(format: "uri").described("Where the images go.")),
            .required("images", .array(of: TaskImage.schema.reference)),
            .required("final_unit_deduction", .string().orNull.described("Units taken, as the provider tells it.")),
            .required("created_at", Timestamp.schema.reference),
            .required("submitted_at", Timestamp.schema.reference.orNull),
            .required("updated_at", Timestamp.schema.reference),
            .required("finished_at", Timestamp.schema.reference.orNull),
            .required("look_ups", .integer(from: 0).described("How often the provider was asked about it.")),
            .required("warnings", .array(of: .string())),
            .required(
                "error",
                TaskError.schema.reference.orNull.described("What stands in the way now, or why it failed.")
            ),
            .optional("message", .string().described("A remark to this one answer, for people.")),
        ])
        .described("One paid job as klingd knows it.")
    )

    /// Every definition that ``schema`` needs, and itself.
    package static let schemas = [
        schema, TaskID.schema, Timestamp.schema, TaskState.schema, WatchState.schema, Charged.schema, TaskImage.schema,
        TaskError.schema,
    ]
}

extension TaskID {
    /// As klingd writes it; upper case is read too.
    package static let schema = JSONSchema.Named(
        "task-id",
        .string(pattern: "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
    )

    /// As clients may give it.
    package static let givenSchema = JSONSchema.string(
        pattern: "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"
    )
}

extension Timestamp {
    /// What ``rfc3339`` gives.
    package static let schema = JSONSchema.Named(
        "timestamp",
        .string(
            pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$",
            format: "date-time"
        )
        .described("RFC 3339 in UTC with milliseconds.")
    )
}

extension TaskState {
    package static let schema = JSONSchema.Named(
        "task-state",
        .words(allCases.map(\.rawValue)).described(
            "Ends as stored or failed; unresolved is sent with an outcome that is not known and is looked up."
        )
    )
}

extension WatchState {
    package static let schema = JSONSchema.Named(
        "watch-state",
        .words(allCases.map(\.rawValue)).described("Whether the provider is asked about the task.")
    )
}

extension Charged {
    package static let schema = JSONSchema.Named(
        "charged",
        .words(allCases.map(\.rawValue)).described("Whether the provider takes money for the task.")
    )
}

extension TaskImage {
    /// What stands in a task's `images`: from `uri` on only once the image is stored.
    package static let schema = JSONSchema.Named(
        "task-image",
        .object([
            .required("index", .integer(from: 0)),
            .required("url", .string().described("The provider's; expires.")),
            .optional("uri", .string(format: "uri").described("Where it lies, once stored; the rest comes with it.")),
            .optional("path", .string().orNull.described("For storage that is a folder of this machine.")),
            .optional("bytes", .integer(from: 0)),
            .optional("sha256", .string(pattern: "^[0-9a-f]{64}$")),
            .optional("media_type", .string()),
            .optional("width", .integer(from: 1).described("In pixels.")),
            .optional("height", .integer(from: 1).described("In pixels.")),
        ])
    )
}

extension TaskError {
    /// What ``details`` gives, of any of these kinds.
    package static func detailProperties(kinds: [String]) -> [JSONSchema.Property] {
        [
            .required("kind", .words(kinds).described("What to branch on.")),
            .required("charged", Charged.schema.reference),
            .required("retryable", .boolean.described("Whether the same request may succeed later, unchanged.")),
            .optional("retry_after_ms", .integer(from: 0)),
            .optional("pointer", .string().described("A JSON Pointer (RFC 6901) into params.")),
            .optional(
                "provider",
                .object([
                    .required("http_status", .integer().orNull),
                    .required("code", .any(of: [.integer(), .string(), .null])),
                    .required("message", .string().orNull),
                    .required("request_id", .string().orNull),
                ])
                .described("What the provider itself said, for those who have to ask its support.")
            ),
        ]
    }

    /// What ``json`` gives: a task's `error`.
    package static let schema = JSONSchema.Named(
        "task-error",
        .object(
            [
                .required("code", .integer().described("The code of a JSON-RPC error of this kind.")),
                .required("message", .string().described("What happened and what to do, for people.")),
            ] + detailProperties(kinds: ErrorKind.all.map(\.rawValue))
        )
    )
}
