package import JSON

/// A request for images, checked: what the provider would refuse for its form does not get this far.
package struct ImageGenerationRequest: Sendable, Equatable {
    package var prompt: String
    package var negativePrompt: String?
    package var image: ImageInput?
    /// `subject` or `face`.
    package var imageReference: String?
    /// 0 to 1.
    package var imageFidelity: Double?
    /// 0 to 1.
    package var humanFidelity: Double?
    /// Ids of elements of the account; above 2^53, so never through a double.
    package var elementList: [Int64]
    /// `1k` or `2k`; the provider's default when `nil`. The other optional members are alike.
    package var resolution: String?
    /// How many images, 1 to 9.
    package var n: Int
    package var aspectRatio: String?
    package var watermarkEnabled: Bool?
    package var callbackURL: String?
    /// Always sent: the provider's own default differs between its pages, and may be a model that is gone
    /// (kling-api-facts.md section 10, rows 1 and 2).
    package var modelName: String
    /// The caller's own, if any.
    package var externalTaskID: String?

    package static let defaultModelName = "kling-v3"
}

extension ImageGenerationRequest {
    /// Takes the provider's members out of `members` and checks them.
    ///
    /// Null counts as not given. An empty string does not, though the provider takes it so (kling-api-facts.md 3.1): a
    /// script whose variable is empty must not pay for something else. Members of other names are left to the caller,
    /// who ends with ``JSONMembers/finish()``. An image file is read here, which may take its time: from any thread.
    package nonisolated static func decode(
        _ members: inout JSONMembers,
        profile: LimitsProfile
    ) throws(RequestError) -> ImageGenerationRequest {
        var fields = RequestFields(members, profile: profile)
        defer { members = fields.members }
        guard let prompt = try fields.string("prompt"), !prompt.allSatisfy(\.isWhitespace) else {
            throw RequestError(.invalidParams, "'prompt' is required, in words", at: fields.pointer("prompt"))
        }
        try fields.check(prompt, "prompt", notLongerThan: \.promptLength)
        let negativePrompt = try fields.text("negative_prompt")
        if let negativePrompt {
            try fields.check(negativePrompt, "negative_prompt", notLongerThan: \.negativePromptLength)
        }
        let request = ImageGenerationRequest(
            prompt: prompt,
            negativePrompt: negativePrompt,
            image: try fields.image(),
            imageReference: try fields.word("image_reference", among: LimitsProfile.imageReferences),
            imageFidelity: try fields.number("image_fidelity", in: LimitsProfile.fidelities),
            humanFidelity: try fields.number("human_fidelity", in: LimitsProfile.fidelities),
            elementList: try fields.elements(),
            resolution: try fields.word("resolution", among: LimitsProfile.resolutions),
            n: try fields.imageCount() ?? 1,
            aspectRatio: try fields.aspectRatio(),
            watermarkEnabled: try fields.watermarkEnabled(),
            callbackURL: try fields.callbackURL(),
            modelName: try fields.text("model_name") ?? defaultModelName,
            externalTaskID: try fields.externalTaskID()
        )
        try request.checkTogether(fields)
        return request
    }

    /// Rules about members that depend on one another.
    private func checkTogether(_ fields: RequestFields) throws(RequestError) {
        if image != nil, negativePrompt != nil, !fields.profile.takesNegativePromptWithImage {
            throw RequestError(
                .invalidParams,
                "'negative_prompt' is not supported together with 'image'; say in 'prompt' what is wanted instead",
                at: fields.pointer("negative_prompt")
            )
        }
        if image == nil, imageReference != nil {
            throw RequestError(
                .invalidParams,
                "'image_reference' says what to take from 'image', which is missing",
                at: fields.pointer("image_reference")
            )
        }
        if humanFidelity != nil, imageReference != "subject" {
            throw RequestError(
                .invalidParams,
                "'human_fidelity' has a meaning only with 'image_reference' subject",
                at: fields.pointer("human_fidelity")
            )
        }
        let references = elementList.count + (image == nil ? 0 : 1)
        guard references <= LimitsProfile.referenceCount else {
            throw RequestError(
                .invalidParams,
                "elements and image together must be at most \(LimitsProfile.referenceCount), not \(references)",
                at: fields.pointer("element_list")
            )
        }
    }
}

extension ImageGenerationRequest {
    /// The JSON text that is sent; the same for the same request, byte by byte. What is sent as `external_task_id` is
    /// `externalTaskID` instead of the caller's own; `nil` sends none.
    package func body(externalTaskID: String?) -> [UInt8] {
        let image: String? =
            switch image {
            case nil: nil
            case .url(let url)?: url
            case .inline(let image)?: image.base64
            }
        // With an inline image the text would else grow to megabytes by doubling.
        var writer = JSONWriter(capacity: (image?.utf8.count ?? 0) + prompt.utf8.count + 1024)
        writer.value(.object(members(image: image, externalTaskID: externalTaskID)))
        return writer.bytes
    }

    /// The request as it is shown: as given, with the defaults that are sent. An inline image shows as its measures.
    package var parameters: JSONObject { members(image: image?.shown, externalTaskID: externalTaskID) }

    private func members(image: String?, externalTaskID: String?) -> JSONObject {
        var object: JSONObject = ["prompt": .string(prompt)]
        object["negative_prompt"] = negativePrompt.map(JSONValue.string)
        object["image"] = image.map(JSONValue.string)
        object["image_reference"] = imageReference.map(JSONValue.string)
        object["image_fidelity"] = imageFidelity.map(JSONValue.real)
        object["human_fidelity"] = humanFidelity.map(JSONValue.real)
        if !elementList.isEmpty {
            object["element_list"] = .array(elementList.map { ["element_id": .integer($0)] })
        }
        object["resolution"] = resolution.map(JSONValue.string)
        object["n"] = .integer(Int64(n))
        object["aspect_ratio"] = aspectRatio.map(JSONValue.string)
        object["watermark_info"] = watermarkEnabled.map { ["enabled": .bool($0)] }
        object["callback_url"] = callbackURL.map(JSONValue.string)
        object["model_name"] = .string(modelName)
        object["external_task_id"] = externalTaskID.map(JSONValue.string)
        return object
    }
}

/// Reads a request's members under a limits profile; refusals point to the member.
private struct RequestFields {
    var members: JSONMembers
    let profile: LimitsProfile

    init(_ members: JSONMembers, profile: LimitsProfile) {
        self.members = members
        self.profile = profile
    }

    func pointer(_ name: String) -> JSONPointer { members.pointer.member(name) }

    mutating func string(_ name: String) throws(RequestError) -> String? {
        try take(name) { (members) throws(JSONDecodingError) in try members.string(name) }
    }

    /// A string that is not empty.
    mutating func text(_ name: String) throws(RequestError) -> String? {
        let text = try string(name)
        guard text != "" else {
            throw RequestError(
                .invalidParams,
                "'\(name)' must not be empty; leave it out, or give null, for none",
                at: pointer(name)
            )
        }
        return text
    }

    mutating func word(_ name: String, among words: [String]) throws(RequestError) -> String? {
        guard let word = try text(name) else { return nil }
        guard words.contains(word) else {
            throw RequestError(
                .invalidParams,
                "'\(name)' must be \(Self.list(words)), not '\(word.excerpt)'",
                at: pointer(name)
            )
        }
        return word
    }

    mutating func number(_ name: String, in range: ClosedRange<Double>) throws(RequestError) -> Double? {
        let number = try take(name) { (members) throws(JSONDecodingError) in try members.number(name) }
        guard let number else { return nil }
        guard range.contains(number) else {
            let bounds = "\(Int(range.lowerBound)) to \(Int(range.upperBound))"
            throw RequestError(.invalidParams, "'\(name)' must be from \(bounds), not \(number)", at: pointer(name))
        }
        return number
    }

    mutating func imageCount() throws(RequestError) -> Int? {
        try take("n") { (members) throws(JSONDecodingError) in
            try members.integer("n", in: LimitsProfile.imageCounts).map { Int($0) }
        }
    }

    mutating func aspectRatio() throws(RequestError) -> String? {
        guard let ratio = try text("aspect_ratio") else { return nil }
        guard !profile.aspectRatios.contains(ratio) else { return ratio }
        let hint = profile.hint(unless: { !$0.aspectRatios.contains(ratio) }) { _ in "allows it" }
        throw RequestError(
            .invalidParams,
            "'aspect_ratio' must be \(Self.list(profile.aspectRatios)), not '\(ratio.excerpt)'\(hint)",
            at: pointer("aspect_ratio")
        )
    }

    mutating func image() throws(RequestError) -> ImageInput? {
        guard let text = try text("image") else { return nil }
        return try ImageInput(text, profile: profile, at: pointer("image"))
    }

    mutating func elements() throws(RequestError) -> [Int64] {
        let elements = try take("element_list") { (members) throws(JSONDecodingError) in
            try members.array("element_list")
        }
        var ids: [Int64] = []
        for (index, element) in (elements ?? []).enumerated() {
            let place = pointer("element_list").element(index)
            guard let object = element.objectValue else {
                throw RequestError(
                    .invalidParams,
                    "an element must be an object like {\"element_id\":829836802793406551}, not \(element.kindName)",
                    at: place
                )
            }
            var members = JSONMembers(object, at: place)
            // As digits in a string too: JavaScript cannot write such a number otherwise.
            let written = members.value("element_id")
            guard let id = written?.integerValue ?? written?.stringValue.flatMap({ Int64($0) }) else {
                throw RequestError(
                    .invalidParams,
                    "'element_id' must be an integer, in digits",
                    at: place.member("element_id")
                )
            }
            try finish(members)
            ids.append(id)
        }
        return ids
    }

    mutating func watermarkEnabled() throws(RequestError) -> Bool? {
        let object = try take("watermark_info") { (members) throws(JSONDecodingError) in
            try members.object("watermark_info")
        }
        guard let object else { return nil }
        var members = JSONMembers(object, at: pointer("watermark_info"))
        do {
            let isEnabled = try members.bool("enabled")
            try members.finish()
            return isEnabled
        } catch { throw RequestError(error) }
    }

    mutating func callbackURL() throws(RequestError) -> String? {
        guard let text = try text("callback_url") else { return nil }
        try RequestError.checkURL(text, "callback_url", at: pointer("callback_url"))
        return text
    }

    mutating func externalTaskID() throws(RequestError) -> String? {
        guard let id = try text("external_task_id") else { return nil }
        let limit = LimitsProfile.externalTaskIDLength
        let isPrintable = id.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        // A segment of dots would climb in the look-up's path, and no encoding protects it (RFC 3986 section 5.2.4).
        guard isPrintable, id != ".", id != "..", id.unicodeScalars.count <= limit else {
            throw RequestError(
                .invalidParams,
                "'external_task_id' must be printable, at most \(limit) characters long, and neither '.' nor '..'",
                at: pointer("external_task_id")
            )
        }
        return id
    }

    func check(
        _ text: String,
        _ name: String,
        notLongerThan limit: (LimitsProfile) -> Int
    ) throws(RequestError) {
        let count = text.unicodeScalars.count
        guard count > limit(profile) else { return }
        let hint = profile.hint(unless: { count > limit($0) }) { "allows \(limit($0))" }
        throw RequestError(
            .invalidParams,
            "'\(name)' must be at most \(limit(profile)) characters long, not \(count)\(hint)",
            at: pointer(name)
        )
    }

    private func finish(_ members: JSONMembers) throws(RequestError) {
        do { try members.finish() } catch { throw RequestError(error) }
    }

    /// Every member is taken through here, so that none escapes the profile.
    private mutating func take<Value>(
        _ name: String,
        _ read: (inout JSONMembers) throws(JSONDecodingError) -> Value?
    ) throws(RequestError) -> Value? {
        do {
            guard let value = try read(&members) else { return nil }
            let isLeftOut = LimitsProfile.current.additions.contains(name) && !profile.additions.contains(name)
            guard isLeftOut else { return value }
        } catch { throw RequestError(error) }
        let hint = profile.hint(unless: { !$0.additions.contains(name) }) { _ in "allows it" }
        throw RequestError(
            .unsupported,
            "'\(name)' is not part of the '\(profile.name)' limits\(hint)",
            at: pointer(name)
        )
    }

    private static func list(_ words: [String]) -> String {
        words.count < 2 ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
    }
}
