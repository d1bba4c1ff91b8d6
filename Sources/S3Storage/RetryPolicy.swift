/// What kind of trouble a request ran into, as far as asking again is concerned.
enum RetryClass: Sendable, Hashable {
    /// The store or the way to it, for a moment.
    case transient
    /// The store wants fewer requests.
    case throttled
    /// What arrived was not what was sent: once more may be enough, always is not.
    case corrupted
    /// The credentials have run out; with new ones it may work.
    case expired
    /// The request was signed too long ago; a new signature may do.
    case stale
    /// The bucket is in another region, which the store named.
    case otherRegion(String)
    /// The same request would fail again.
    case permanent
}

/// The retries of one request: a pure state machine.
///
/// Numbers: 50 ms (1 s when throttled) doubling up to 20 s, each wait drawn from all of it, so that clients that failed
/// together do not come back together (`s3-facts.md` 2.2.7).
struct RetryPolicy: Sendable {
    enum Step: Equatable {
        case again(after: Duration)
        /// At once, with fresh credentials.
        case refresh
        /// At once, signed for that region.
        case region(String)
        /// At once, with a new signature.
        case signAnew
        case giveUp
    }

    private static let longestWait = Duration.seconds(20)

    let attempts: Int
    /// For all attempts and the waits between them.
    let deadline: Duration
    private var failures = 0
    private var handled: Set<RetryClass> = []
    private var followedRegion = false

    init(attempts: Int = 4, deadline: Duration = .seconds(180)) {
        self.attempts = attempts
        self.deadline = deadline
    }

    /// What to do after an attempt has failed, `elapsed` after the first one began. `asked` is how long the store wants to
    /// be left alone, and `jitter` is from 0 to 1.
    mutating func failed(
        _ kind: RetryClass,
        elapsed: Duration,
        asked: Duration?,
        jitter: Double,
        budget: inout RetryBudget
    ) -> Step {
        guard elapsed < deadline else { return .giveUp }
        // What was put right is not what was asked before, so it does not count.
        switch kind {
        case .permanent: return .giveUp
        case .expired: return isFirst(kind) ? .refresh : .giveUp
        case .stale: return isFirst(kind) ? .signAnew : .giveUp
        case .otherRegion(let region):
            guard !followedRegion else { return .giveUp }
            followedRegion = true
            return .region(region)
        case .corrupted, .transient, .throttled: break
        }
        failures += 1
        guard failures < attempts else { return .giveUp }
        switch kind {
        case .corrupted:
            guard isFirst(kind), budget.take(for: kind) else { return .giveUp }
            return .again(after: .zero)
        case .transient, .throttled:
            let first: Duration = kind == .throttled ? .seconds(1) : .milliseconds(50)
            let doubled = min(first * (1 << min(failures - 1, 16)), Self.longestWait)
            let wait = max(doubled * jitter, asked ?? .zero)
            // A store that wants to be left alone for longer is left alone: whoever asked comes back later.
            guard wait <= Self.longestWait, elapsed + wait < deadline, budget.take(for: kind) else { return .giveUp }
            return .again(after: wait)
        case .permanent, .expired, .stale, .otherRegion: return .giveUp
        }
    }

    private mutating func isFirst(_ kind: RetryClass) -> Bool { handled.insert(kind).inserted }
}

/// How much asking again one store is given, over all requests: a bucket of tokens.
///
/// A store that fails for everybody gets no multiple of its load; one that fails now and then is always asked again.
struct RetryBudget: Sendable, Equatable {
    static let capacity = 500

    private(set) var tokens = capacity

    /// Whether a retry may be made; it costs tokens, which a success gives back slowly.
    mutating func take(for kind: RetryClass) -> Bool {
        // A store that says it is throttling bounds the load itself.
        let cost = kind == .throttled ? 5 : 14
        guard tokens >= cost else { return false }
        tokens -= cost
        return true
    }

    mutating func succeeded(retried: Bool) { tokens = min(Self.capacity, tokens + (retried ? 14 : 1)) }
}
