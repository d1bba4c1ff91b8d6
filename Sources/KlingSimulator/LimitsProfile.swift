/// Which edition of the provider's page the simulator holds requests against (kling-api-facts.md 1.3).
package enum LimitsProfile: String, Sendable, CaseIterable {
    /// The older page: prompt 500, negative prompt 200, seven ratios.
    case classic
    /// The page of autumn 2026: 2500 for both, `21:9`, `image_reference`, `human_fidelity`.
    case current

    /// In Unicode scalars.
    var promptLength: Int { self == .classic ? 500 : 2500 }
    /// In Unicode scalars.
    var negativePromptLength: Int { self == .classic ? 200 : 2500 }
    var aspectRatios: [AspectRatio] { AspectRatio.allCases.filter { self == .current || $0 != .ultrawide } }
}
