import GenerationTasks
import JSON
import JSONRPC

/// What the wire itself adds to methods: ids, errors, responses, notifications.
enum MessageSchemas {
    static let id = JSONSchema.Named(
        "id",
        .any(of: [.string(), .number(), .null]).described("Of a request; comes back exactly as sent.")
    )

    static let errorData = JSONSchema.Named(
        "error-data",
        .object(
            TaskError.detailProperties(kinds: ErrorTable.kinds) + [
                .optional(
                    "limit",
                    .integer(from: 0).described("What a message may have at most, in bytes or messages.")
                )
            ]
        )
    )

    static let error = JSONSchema.Named(
        "error",
        .object([
            .required("code", .integer()),
            .required("message", .string().described("What happened and what to do, for people.")),
            .required("data", errorData.reference),
        ])
        .described("Why a request was not done; no task was made by it.")
    )

    static let response = JSONSchema.Named(
        "response",
        .any(of: [
            .object(
                [
                    .required("jsonrpc", .constant("2.0")), .required("id", id.reference),
                    .required("result", .object()),
                ],
                isClosed: true
            ),
            .object(
                [
                    .required("jsonrpc", .constant("2.0")), .required("id", id.reference),
                    .required("error", error.reference),
                ],
                isClosed: true
            ),
        ])
    )

    static let cancelRequest = JSONSchema.Named(
        "cancel-request.params",
        .object([.required("id", id.reference.described("Of the request whose wait is to end."))], isClosed: true)
    )

    static let taskUpdated = JSONSchema.Named("task-updated.params", RPCInterface.eventSchema.reference)

    static let all = [id, errorData, error, response, cancelRequest, taskUpdated, RPCInterface.eventSchema]
}

/// A message that is never answered.
struct NotificationDescription {
    let name: String
    let direction: String
    let summary: String
    let params: JSONSchema.Named

    static let all = [
        NotificationDescription(
            name: "$/cancelRequest",
            direction: "client-to-server",
            summary: "Ends the wait of a request: it is answered at once with the task as it is.",
            params: MessageSchemas.cancelRequest
        ),
        NotificationDescription(
            name: "task-updated",
            direction: "server-to-client",
            summary: "A new version of a task that this connection generated or watches.",
            params: MessageSchemas.taskUpdated
        ),
    ]
}
