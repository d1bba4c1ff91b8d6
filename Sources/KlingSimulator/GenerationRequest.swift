import JSON

/// What a valid create asks for, reduced to what the simulator needs later.
struct GenerationRequest: Equatable, Sendable {
    var prompt: String
    /// How many images, 1 to 9.
    var n: Int
    var size: PixelSize
    var externalTaskID: String?
    /// Whether each image comes with a watermark too.
    var wantsWatermark = false
}

extension GenerationRequest {
    private static let models = ["kling-v3", "kling-v2-1"]
    /// Gone upstream since 2026-09-15 (kling-api-facts.md section 10, row 1).
    private static let retiredModels = ["kling-v1", "kling-v1-5", "kling-v2", "kling-v2-new"]

    /// Reads and checks the body of a create as the provider does, before anything is billed.
    ///
    /// Members the provider does not know are passed over; null and the empty string count as not given
    /// (kling-api-facts.md 3.1).
    init(body: [UInt8], limits: LimitsProfile) throws(Refusal) {
        guard let document = try? JSONValue.parse(body), let members = document.objectValue else {
            throw .body("request body is not a JSON object")
        }
        let fields = RequestFields(members)
        try Self.checkModel(fields)

        guard let prompt = try fields.string("prompt") else { throw .parameter("prompt is required") }
        try Self.check(prompt, "prompt", longest: limits.promptLength)
        let image = try fields.string("image")
        if let negative = try fields.string("negative_prompt") {
            guard image == nil else { throw .parameter("negative_prompt is not supported with image") }
            try Self.check(negative, "negative_prompt", longest: limits.negativePromptLength)
        }
        if let image { try ReferenceImage.check(image, limits: limits) }
        try Self.checkReference(fields, hasImage: image != nil, limits: limits)
        try Self.checkCallback(fields)

        let ratio = try fields.word("aspect_ratio", among: limits.aspectRatios) ?? .wide
        let resolution = try fields.word("resolution", among: Resolution.allCases) ?? .one
        self.prompt = prompt
        n = try fields.integer("n", in: 1...9) ?? 1
        size = ratio.size * resolution.factor
        externalTaskID = try fields.string("external_task_id")
        wantsWatermark = limits == .current ? try fields.flag("enabled", in: "watermark_info") ?? false : false
    }

    private static func checkModel(_ fields: RequestFields) throws(Refusal) {
        guard let model = try fields.string("model_name"), !models.contains(model) else { return }
        throw .missing("model \(model) \(retiredModels.contains(model) ? "is retired" : "does not exist")")
    }

    private static func checkReference(
        _ fields: RequestFields,
        hasImage: Bool,
        limits: LimitsProfile
    ) throws(Refusal) {
        try fields.checkNumber("image_fidelity", in: 0...1)
        guard limits == .current else { return }
        try fields.checkNumber("human_fidelity", in: 0...1)
        guard let reference = try fields.string("image_reference") else { return }
        guard ["subject", "face"].contains(reference) else {
            throw .parameter("image_reference must be one of subject, face")
        }
        guard hasImage else { throw .parameter("image can not be null when image_reference is set") }
    }

    private static func checkCallback(_ fields: RequestFields) throws(Refusal) {
        guard let url = try fields.string("callback_url") else { return }
        guard WebAddress.isPlausible(url) else { throw .parameter("callback_url is not a valid URL") }
    }

    private static func check(_ text: String, _ name: String, longest: Int) throws(Refusal) {
        guard text.unicodeScalars.count <= longest else {
            throw .parameter("\(name) must not be longer than \(longest) characters")
        }
    }
}
