/// A task as the provider's records hold it.
struct SimulatedTask: Equatable, Sendable {
    /// Eighteen digits.
    let id: UInt64
    let externalTaskID: String?
    /// How many images.
    let n: Int
    let size: PixelSize
    /// The beginning of the prompt, at most ``longestPrompt`` characters: a hundred thousand tasks must fit in memory.
    let prompt: String
    let wantsWatermark: Bool
    /// The pictures follow from it.
    let seed: UInt64
    let lifecycle: TaskLifecycle
    /// From when on look-ups find it, in Unix milliseconds.
    let visibleAt: Int64
    var lookUps = 0

    static let longestPrompt = 200

    /// What the task costs: 8 an image (kling-api-facts.md section 7).
    var units: Int { 8 * n }

    func picture(_ index: Int) -> Picture {
        Picture(size: size, seed: StableHash(seed, UInt64(index)).value, caption: prompt, index: index)
    }
}
