package import JSON

extension ImageGenerationRequest {
    /// The members that ``decode(_:profile:)`` takes, in the order in which they are sent. Bounds are those of the
    /// widest profile; where one allows less, the description says so.
    package static let members: [JSONSchema.Property] = [
        .required(
            "prompt",
            .string(length: 1...LimitsProfile.current.promptLength, pattern: "[^\\s]").described(
                "What to show, in words. At most \(LimitsProfile.classic.promptLength) characters without "
                    + "--api-revision current."
            )
        ),
        .optional(
            "negative_prompt",
            .string(length: 1...LimitsProfile.current.negativePromptLength).described(
                "What not to show. At most \(LimitsProfile.classic.negativePromptLength) characters without "
                    + "--api-revision current; with it, not together with image."
            )
        ),
        .optional(
            "image",
            .string(length: 1...Int.max).described(
                "A picture to go by, PNG or JPEG: an http or https URL, a file: URL or absolute path of klingd's "
                    + "machine, or Base64 with or without a data: prefix. At most \(LimitsProfile.imageBytes >> 20) MB "
                    + "and at least \(LimitsProfile.imageSide) x \(LimitsProfile.imageSide) pixels."
            )
        ),
        .optional(
            "image_reference",
            .words(LimitsProfile.imageReferences).described("What to take from image. \(onlyCurrent)")
        ),
        .optional(
            "image_fidelity",
            .number(in: LimitsProfile.fidelities).described("How closely to follow image.")
        ),
        .optional(
            "human_fidelity",
            .number(in: LimitsProfile.fidelities).described(
                "How closely to follow the face in image; with image_reference subject. \(onlyCurrent)"
            )
        ),
        .optional(
            "element_list",
            .array(
                of: .object(
                    [
                        .required(
                            "element_id",
                            .any(of: [.integer(), .string(pattern: "^[0-9]+$")]).described(
                                "Above 2^53: in digits in a string where numbers are doubles."
                            )
                        )
                    ],
                    isClosed: true
                )
            )
            .described(
                "Elements of the account; with image at most \(LimitsProfile.referenceCount). \(onlyCurrent)"
            )
        ),
        .optional("resolution", .words(LimitsProfile.resolutions).described(onlyCurrent)),
        .optional("n", .integer(in: LimitsProfile.imageCounts).described("How many images; 1 unless given.")),
        .optional(
            "aspect_ratio",
            .words(LimitsProfile.current.aspectRatios).described(
                "Only with --api-revision current: "
                    + LimitsProfile.current.aspectRatios.filter { !LimitsProfile.classic.aspectRatios.contains($0) }
                    .joined(separator: ", ") + "."
            )
        ),
        .optional(
            "watermark_info",
            .object([.optional("enabled", .boolean)], isClosed: true).described(onlyCurrent)
        ),
        .optional(
            "callback_url",
            .string(length: 1...Int.max, format: "uri").described("http or https; the provider calls it.")
        ),
        .optional(
            "model_name",
            .string(length: 1...Int.max).described("\(defaultModelName) unless given.")
        ),
        .optional(
            "external_task_id",
            .string(length: 1...LimitsProfile.externalTaskIDLength).described(
                "Your own name for the job at the provider, for one task only. Printable; neither '.' nor '..'."
            )
        ),
    ]

    /// Names of ``members``.
    package static let memberNames = members.map(\.name)

    private static let onlyCurrent = "Only with --api-revision current."
}
