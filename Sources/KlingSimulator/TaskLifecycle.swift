/// When a task changes its status, and how it ends: fixed when it is taken, read off the clock afterwards, so that
/// no task needs a timer. Times are Unix milliseconds.
struct TaskLifecycle: Equatable, Sendable {
    /// The provider's words (kling-api-facts.md 3.3).
    enum Status: String, Sendable {
        case submitted, processing, succeed, failed

        var isTerminal: Bool { self == .succeed || self == .failed }
    }

    let createdAt: Int64
    let processingAt: Int64
    let endedAt: Int64
    /// The `task_status_msg` with which the task fails; `nil` when it succeeds.
    let failure: String?

    /// Draws the durations: about 2 s as `submitted`, 6 to 12 s in all (kling-api-facts.md 8.1), times `timeScale`.
    init(createdAt: Int64, timeScale: Double, failure: String?, random: inout StableRandom) {
        // A product of even factors is close to log-normal, as measured durations of such services are.
        let total = (0..<4).reduce(8.2) { product, _ in product * random.real(in: 0.82...1.22) }
        let submitted = random.real(in: 1.5...2.5)
        self.createdAt = createdAt
        processingAt = createdAt + max(1, Int64(submitted * 1000 * timeScale))
        endedAt = max(processingAt + 1, createdAt + Int64(min(max(total, 6), 12) * 1000 * timeScale))
        self.failure = failure
    }

    func status(at now: Int64) -> Status {
        if now < processingAt { return .submitted }
        if now < endedAt { return .processing }
        return failure == nil ? .succeed : .failed
    }

    /// When the status last changed, as seen at `now`.
    func updatedAt(at now: Int64) -> Int64 {
        switch status(at: now) {
        case .submitted: createdAt
        case .processing: processingAt
        case .succeed, .failed: endedAt
        }
    }
}
