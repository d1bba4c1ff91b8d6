/// What a request may hold: one edition of the provider's page, as data (kling-api-facts.md 1.3, 3.1).
package struct LimitsProfile: Sendable, Equatable {
    /// The value of `--api-revision`.
    package let name: String
    /// In Unicode scalars.
    package let promptLength: Int
    /// In Unicode scalars.
    package let negativePromptLength: Int
    package let aspectRatios: [String]
    /// Members that only this edition and later ones have.
    let additions: Set<String>
    /// Whether `negative_prompt` may stand beside `image`.
    let takesNegativePromptWithImage: Bool
    /// Whether an image's sides must be within 1:2.5 to 2.5:1.
    let limitsImageRatio: Bool

    /// The page that the project came from; still what CometAPI's older route documents.
    package static let classic = LimitsProfile(
        name: "classic",
        promptLength: 500,
        negativePromptLength: 200,
        aspectRatios: ["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3"],
        additions: [],
        takesNegativePromptWithImage: true,
        limitsImageRatio: false
    )

    /// The page of autumn 2026.
    package static let current = LimitsProfile(
        name: "current",
        promptLength: 2500,
        negativePromptLength: 2500,
        aspectRatios: classic.aspectRatios + ["21:9"],
        additions: ["image_reference", "human_fidelity", "element_list", "resolution", "watermark_info"],
        takesNegativePromptWithImage: false,
        limitsImageRatio: true
    )

    package static let all = [classic, current]

    /// The profile of that name; `nil` when there is none.
    package static func named(_ name: String) -> LimitsProfile? { all.first { $0.name == name } }

    // What both editions share.

    package static let imageCounts: ClosedRange<Int64> = 1...9
    static let fidelities: ClosedRange<Double> = 0...1
    static let resolutions = ["1k", "2k"]
    static let imageReferences = ["subject", "face"]
    /// Elements and image together.
    static let referenceCount = 10
    /// Of an inline image, before Base64.
    static let imageBytes = 10 << 20
    /// Each side, in pixels.
    static let imageSide = 300
    /// The longer side of an image by the shorter.
    static let imageRatio = 2.5
    /// Ours, in Unicode scalars: an external id becomes part of the look-up's address. Kling names no limit.
    static let externalTaskIDLength = 256
}

extension LimitsProfile {
    /// What a refusal adds when it is only this profile that refuses; empty when the other one would not help.
    func hint(unless isRefused: (LimitsProfile) -> Bool, _ allowance: (LimitsProfile) -> String) -> String {
        guard self != .current, !isRefused(.current) else { return "" }
        return "; --api-revision current \(allowance(.current))"
    }
}
