import ArgumentParser
import GenerationTasks
import JSON
import KlingAPI
import KlingService

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What is to be made: the members of the protocol's `generate` as options.
struct ImageOptions: ParsableArguments {
    @Argument(help: "What the images show, in words; - reads it from stdin.")
    var prompt: [String] = []

    @Option(help: "How many images, 1 to 9.")
    var n: Int?

    @Option(help: "Such as 16:9.", completion: .list(["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"]))
    var aspectRatio: String?

    @Option(help: "What the images must not show.")
    var negativePrompt: String?

    @Option(help: "The provider's model (default: \(ImageGenerationRequest.defaultModelName)).")
    var modelName: String?

    @Option(
        help: ArgumentHelp("A picture to go by: a file, or a URL.", valueName: "file|url"),
        completion: .file(extensions: ["png", "jpg", "jpeg"])
    )
    var image: String?

    @Option(help: "What to take from the picture: subject or face.", completion: .list(["subject", "face"]))
    var imageReference: String?

    @Option(help: "How closely to keep to the picture, 0 to 1.")
    var imageFidelity: Double?

    @Option(help: "How closely to keep to the person in it, 0 to 1; with --image-reference subject.")
    var humanFidelity: Double?

    @Option(help: "1k or 2k.", completion: .list(["1k", "2k"]))
    var resolution: String?

    @Option(help: ArgumentHelp("Where the provider is to report the job as well.", valueName: "url"))
    var callbackURL: String?

    @Option(help: ArgumentHelp("A name of your own for the job at the provider.", valueName: "id"))
    var externalTaskId: String?

    @Option(help: ArgumentHelp("The same key with the same request is the same task, paid once.", valueName: "key"))
    var idempotencyKey: String?

    /// Reads stdin if it is asked for, and the picture; refuses what the provider would refuse.
    func command(_ settings: Settings) throws(CommandFailure) -> GenerateCommand {
        if let key = idempotencyKey, !(1...256).contains(key.utf8.count) {
            throw CommandFailure(
                message: "--idempotency-key must have 1 to 256 bytes, not \(key.utf8.count)",
                exitCode: CommandFailure.usage
            )
        }
        var members = JSONMembers(try object())
        do {
            let request = try ImageGenerationRequest.decode(&members, profile: settings.limits)
            return GenerateCommand(request: request, idempotencyKey: idempotencyKey)
        } catch {
            throw CommandFailure(message: Self.naming(options: error.message), exitCode: CommandFailure.usage)
        }
    }

    /// The params that a program would send for these options.
    private func object() throws(CommandFailure) -> JSONObject {
        var object: JSONObject = [:]
        object["prompt"] = try promptText().map(JSONValue.string)
        object["n"] = n.map { .integer(Int64($0)) }
        object["aspect_ratio"] = aspectRatio.map(JSONValue.string)
        object["negative_prompt"] = negativePrompt.map(JSONValue.string)
        object["model_name"] = modelName.map(JSONValue.string)
        object["image"] = image.map { .string(Self.imageText($0)) }
        object["image_reference"] = imageReference.map(JSONValue.string)
        object["image_fidelity"] = imageFidelity.map(JSONValue.real)
        object["human_fidelity"] = humanFidelity.map(JSONValue.real)
        object["resolution"] = resolution.map(JSONValue.string)
        object["callback_url"] = callbackURL.map(JSONValue.string)
        object["external_task_id"] = externalTaskId.map(JSONValue.string)
        return object
    }

    private func promptText() throws(CommandFailure) -> String? {
        guard prompt != ["-"] else { return try Self.standardInput() }
        return prompt.isEmpty ? nil : prompt.joined(separator: " ")
    }

    /// A path may begin in the folder of now; a URL is left as it is.
    private static func imageText(_ text: String) -> String {
        let isURL = ["http:", "https:", "file:", "data:"].contains { text.lowercased().hasPrefix($0) }
        return isURL || text.isEmpty ? text : Settings.absolute(text)
    }

    /// All of stdin, without the line breaks at its end. No prompt is longer than this allows.
    private static func standardInput() throws(CommandFailure) -> String {
        let limit = 1 << 20
        var (text, block) = ([UInt8](), [UInt8](repeating: 0, count: 1 << 16))
        while text.count <= limit {
            let count = read(0, &block, block.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            text += block[..<count]
        }
        while text.last == UInt8(ascii: "\n") || text.last == UInt8(ascii: "\r") { text.removeLast() }
        guard text.count <= limit, let prompt = String(validating: text, as: UTF8.self) else {
            throw CommandFailure(
                message: "the prompt on stdin must be UTF-8 of at most \(limit) bytes",
                exitCode: CommandFailure.usage
            )
        }
        return prompt
    }

    // MARK: Refusals

    /// Words about members of the protocol as words about options of the command line.
    static func naming(options message: String) -> String {
        var message = message
        for name in ImageGenerationRequest.memberNames + ["idempotency_key", "storage"] {
            let option = name == "prompt" ? "the prompt" : "--" + name.split(separator: "_").joined(separator: "-")
            message = message.replacingMember("'\(name)'", with: option)
        }
        return message
    }
}

extension String {
    fileprivate func replacingMember(_ old: String, with new: String) -> String {
        var (text, rest) = ("", self[...])
        while let first = rest.place(of: old) {
            // What stands behind "not" is what was given, and is left as it is.
            let isGiven = rest[..<first.lowerBound].hasSuffix("not ")
            text += rest[..<first.lowerBound] + (isGiven ? old : new)
            rest = rest[first.upperBound...]
        }
        return text + rest
    }
}

extension Substring {
    fileprivate func place(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) {
                return start..<index(start, offsetBy: text.count)
            }
            formIndex(after: &start)
        }
        return nil
    }
}
