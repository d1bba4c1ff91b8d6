import GenerationTasks
package import JSON
import KlingAPI

extension GenerationService {
    /// What ``rehearse(_:)`` gives.
    package static let rehearsalSchema = JSONSchema.Named(
        "rehearsal",
        .object([
            .required("dry_run", .constant(true)),
            .required("charged", .constant("no")),
            .required(
                "would_send",
                .object([
                    .required("provider", .string()),
                    .required("path", .string().described("Of the provider's API.")),
                    .required("parameters", .object().described("A picture is shown by its measures.")),
                    .required("images", .integer(in: LimitsProfile.imageCounts)),
                ])
            ),
            .required("would_store", .object([.required("storage", .string(format: "uri"))])),
            .required("credentials", .string().described("present, or what is missing.")),
        ])
        .described("What would be sent and stored; nothing was.")
    )

    /// What ``counters()`` gives.
    package static let countersSchema = JSONSchema.Named(
        "counters",
        .object([
            .required(
                "tasks",
                .object(TaskState.allCases.map { .required($0.rawValue, .integer(from: 0)) }).described(
                    "Tasks in the memory of this process by state."
                )
            ),
            .required("watched", .integer(from: 0)),
            .required("look_ups", .integer(from: 0)),
            .required("submitting", .integer(from: 0)),
            .required("storing", .integer(from: 0)),
            .required(
                "images_in_flight",
                .integer(from: 0).orNull.described("Of the account at the provider; null while the ledger is busy.")
            ),
            .required(
                "learnt_images_in_flight",
                .integer(from: 0).orNull.described("How many the provider took at most before it refused.")
            ),
            .required("stale_writes", .integer(from: 0)),
        ])
    )
}
