/// What keeps a request from being paid twice, or a paid one from being lost (design section 6). Each can be switched
/// off in a simulation; one without which no seed breaks a promise would not be needed.
enum Safeguard: String, CaseIterable {
    /// `submitting` is durable before the first byte is sent.
    case durableBeforeSending
    /// Every write names the lease and the version it replaces, so that an attempt has one sender.
    case compareAndSwap
    /// A sender whose lease had lapsed keeps back the last byte.
    case leaseCheckedBeforeLastByte
    /// The last byte is noted before it goes out, so that a process that died is not taken for one that had not sent.
    case lastByteIsNoted
    /// A create whose outcome is not known is looked up, not sent again.
    case ambiguousIsLookedUp
    /// Only an authoritative "no such task" counts.
    case onlyAuthoritativeAbsence
    /// Three answers of "no such task", the last 15 s after the attempt was over.
    case settlingTime
    /// Nothing is sent again while the process that began the attempt may still send it.
    case attemptIsOver
    /// What an earlier process has left is looked up before it is sent: the ledger may be an older copy.
    case lookBeforeSendingInherited
    /// What is named by its key is looked up before it is sent: the whole ledger may have been lost.
    case lookBeforeSendingKeyed
    /// A refusal of a second or later attempt, or of one that may not be the first, is looked up before it counts.
    case laterRefusalIsLookedUp
    /// A job made before the first attempt, or known as another task's, is not taken for this task's.
    case onlyOursIsAdopted
    /// What the sender learns after it lost its lease is told all the same.
    case lateOutcomeIsTold
}
