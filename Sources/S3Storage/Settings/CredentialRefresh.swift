import SigV4

/// When credentials are to be got anew. Pure: the time, in seconds since 1970, comes from the caller.
///
/// One who asks gets the credentials that there are, or has to get new ones and say how that went, or has to wait for
/// another who is at it.
struct CredentialRefresh: Sendable {
    /// How long before their end credentials are replaced, though they go on to be used while that is tried.
    static let early: Int64 = 600
    /// How long before their end they are not used any more: a request must arrive before it.
    static let last: Int64 = 60
    /// The least time between an attempt and the next one that is early.
    static let pause: Int64 = 60

    enum Decision: Sendable, Equatable {
        case use(SigV4Credentials)
        case refresh
        case wait
    }

    private var current: TemporaryCredentials?
    private var isRefreshing = false
    private var nextEarly = Int64.min

    mutating func decide(at now: Int64) -> Decision {
        if let current {
            guard let rest = current.rest(at: now) else { return .use(current.credentials) }
            let isEarly = rest > Self.last
            if isEarly, rest > Self.early || isRefreshing || now < nextEarly { return .use(current.credentials) }
        }
        if isRefreshing { return .wait }
        isRefreshing = true
        return .refresh
    }

    mutating func succeeded(_ credentials: TemporaryCredentials, at now: Int64) {
        finish(at: now)
        current = credentials
    }

    /// The old credentials, when they can be used until a later attempt.
    mutating func failed(at now: Int64) -> SigV4Credentials? {
        finish(at: now)
        guard let current, current.rest(at: now).map({ $0 > Self.last }) != false else { return nil }
        return current.credentials
    }

    /// Whoever was at it was cancelled: another has to.
    mutating func abandoned() { isRefreshing = false }

    /// The server says that `credentials` have expired, whatever the clock says. Does nothing when others have taken
    /// their place already.
    mutating func discard(_ credentials: SigV4Credentials) {
        if current?.credentials == credentials { current = nil }
    }

    private mutating func finish(at now: Int64) {
        isRefreshing = false
        nextEarly = now + Self.pause
    }
}

extension TemporaryCredentials {
    /// In seconds until the end.
    fileprivate func rest(at now: Int64) -> Int64? { expires.map { $0 - now } }
}
