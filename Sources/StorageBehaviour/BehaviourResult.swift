public import Storage

/// How one case ended.
public enum BehaviourOutcome: Sendable, Hashable {
    case passed
    /// What was seen instead of what is promised, and what to do about it. In one line each, free of control characters.
    case failed(seen: String, advice: String)
    case skipped(reason: String)
}

/// One case with its outcome.
public struct BehaviourResult: Sendable {
    /// What was tested.
    public let behaviourCase: BehaviourCase
    /// How it ended.
    public let outcome: BehaviourOutcome
    /// How long it took, tidying up left out.
    public let duration: Duration
    /// What the case made and could not delete.
    public let leftBehind: [ObjectKey]

    init(_ behaviourCase: BehaviourCase, _ outcome: BehaviourOutcome, duration: Duration, leftBehind: [ObjectKey] = [])
    {
        self.behaviourCase = behaviourCase
        self.outcome = outcome
        self.duration = duration
        self.leftBehind = leftBehind
    }

    /// Whether a promise is broken.
    public var isFailure: Bool {
        if case .failed = outcome { true } else { false }
    }
}

extension String {
    /// Fit to be shown: a backend's words must not reach a terminal as they are.
    var printable: String {
        let scalars = unicodeScalars.prefix(600).map { scalar in
            scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return scalars.joined() + (unicodeScalars.count > 600 ? "…" : "")
    }
}
