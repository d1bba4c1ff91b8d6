import GenerationTasks

/// What stood in the way of storing one task so far, and what that calls for: a pure state machine.
struct ArchiveTrouble {
    /// What is to be done after something failed.
    enum Step: Equatable {
        case again
        case later(Duration)
        /// The images are gone for good.
        case giveUp
    }

    /// For as long URLs may fail, fresh ones included, before the images count as gone: an image host can be down, and
    /// what is given up is paid.
    static let patience = Duration.seconds(24 * 3600)

    /// What a storage or an image host may ask for, and no less or more: a slip of theirs must neither make klingd fetch
    /// without a pause nor keep a paid image waiting for days.
    private static let waits = Duration.seconds(1)...Duration.seconds(300)

    private var backoff = Backoff(first: .seconds(1), longest: .seconds(60))
    private var expiredSince: Moment?
    private var hasFreshURLs = false
    private var wasBroken = false

    /// An image was stored: what was in the way of it is no matter any more.
    mutating func stored() { self = ArchiveTrouble() }

    /// Not now, for whatever reason; `asked` is what the other side asked for.
    mutating func failed(asked: Duration?, jitter: Double) -> Step {
        guard let asked, asked >= Self.waits.lowerBound else { return .later(backoff.next(jitter: jitter)) }
        return .later(min(asked, Self.waits.upperBound))
    }

    /// What came was not the image: once more at once, since a connection cut half way is the usual cause.
    mutating func broken(jitter: Double) -> Step {
        defer { wasBroken.toggle() }
        return wasBroken ? failed(asked: nil, jitter: jitter) : .again
    }

    /// A URL no longer gives its image, and the provider was asked for fresh ones.
    mutating func expired(gotFreshURLs: Bool, at now: Moment, jitter: Double) -> Step {
        let since = expiredSince ?? now
        expiredSince = since
        if now - since >= Self.patience { return .giveUp }
        defer { hasFreshURLs = hasFreshURLs || gotFreshURLs }
        return gotFreshURLs && !hasFreshURLs ? .again : failed(asked: nil, jitter: jitter)
    }
}
