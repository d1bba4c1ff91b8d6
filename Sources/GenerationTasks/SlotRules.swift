/// How many images of an account may be in flight at the provider: `n` of every task counts (kling-api-facts.md 2.3).
///
/// The rules are pure; a ledger applies them inside the transaction that begins an attempt, so that they hold across
/// processes.
package enum SlotRules {
    /// What was learnt from a refusal doubles in so long: others may have used the account, and its pack may grow.
    package static let recovery = Duration.seconds(600)

    /// What a refusal has told, and when.
    package struct Learnt: Sendable, Equatable {
        package var limit: Int
        package var at: Timestamp

        package init(limit: Int, at: Timestamp) {
            self.limit = limit
            self.at = at
        }
    }

    /// The limit in force: the caller's own or the learnt one, whichever is lower.
    package static func limit(own: Int?, learnt: Learnt?, at now: Timestamp) -> Int? {
        guard let learnt else { return own }
        let age = max(0, now.milliseconds - learnt.at.milliseconds)
        let doublings = min(age / recovery.milliseconds, 20)
        let (grown, isTooLarge) = learnt.limit.multipliedReportingOverflow(by: 1 << doublings)
        if isTooLarge { return own }
        return min(own ?? grown, grown)
    }

    /// Whether `wanted` images fit beside those in flight. What is larger than the limit goes alone.
    package static func fits(_ wanted: Int, beside inFlight: Int, limit: Int?) -> Bool {
        guard let limit, inFlight > 0 else { return true }
        return inFlight + wanted <= limit
    }

    /// What a refusal of `wanted` images tells: with so many of ours in flight the limit is lower than their sum.
    ///
    /// `inFlight` is the larger of what was in flight when the attempt began and when its refusal came: a job that
    /// ended or began in between must not make the limit look lower than it is.
    package static func learn(_ wanted: Int, beside inFlight: Int, before: Learnt?, at now: Timestamp) -> Learnt {
        let told = max(1, inFlight + wanted - 1)
        let known = limit(own: nil, learnt: before, at: now) ?? .max
        return Learnt(limit: min(told, known), at: now)
    }
}
