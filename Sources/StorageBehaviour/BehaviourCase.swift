/// One promise that every storage keeps, with the way to find out whether it does.
public struct BehaviourCase: Sendable {
    /// What a storage must have for a case to be run on it.
    public enum Need: Sendable, Hashable {
        case nothing
        /// ``StorageCapabilities`` of these names.
        case exclusiveCreate, metadata, sha256, get, presign
        /// ``StorageBackend/spoolDirectory``.
        case spool
        /// ``BehaviourOptions/unreachable``.
        case unreachable
        /// A system that tells a process how much memory it has used.
        case memoryFigures
    }

    /// Stable, in lowercase with underscores. Where opendal's behaviour tests have the same case it has their name.
    public let name: String
    /// What is promised, in one sentence.
    public let promise: String
    /// Without it the case is skipped.
    public let need: Need
    /// What to do when it fails.
    public let advice: String
    /// Where protocol/storage-plugin.md says so.
    public let section: String
    /// How many times ``BehaviourOptions/caseTimeout`` it may take.
    let patience: Int
    let body: @Sendable (Trial) async throws(CaseEnd) -> Void

    init(
        _ name: String,
        _ promise: String,
        need: Need = .nothing,
        advice: String,
        section: String,
        patience: Int = 1,
        _ body: @escaping @Sendable (Trial) async throws(CaseEnd) -> Void
    ) {
        self.name = name
        self.promise = promise
        self.need = need
        self.advice = advice
        self.section = section
        self.patience = patience
        self.body = body
    }
}

/// How a case ends that does not pass.
enum CaseEnd: Error {
    /// With what was seen.
    case failed(String)
    /// With the reason.
    case skipped(String)
}
