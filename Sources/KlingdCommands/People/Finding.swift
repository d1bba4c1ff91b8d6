import JSON

/// One thing that `klingd doctor` has looked at.
struct Finding: Sendable, Equatable {
    enum Level: String, Sendable {
        case ok, warning, wrong
    }

    var level: Level
    /// What was looked at.
    var what: String
    var seen: String
    /// What to do; empty when there is nothing to be done.
    var advice: String

    static func ok(_ what: String, _ seen: String) -> Finding {
        Finding(level: .ok, what: what, seen: seen, advice: "")
    }

    static func warning(_ what: String, _ seen: String, _ advice: String) -> Finding {
        Finding(level: .warning, what: what, seen: seen, advice: advice)
    }

    static func wrong(_ what: String, _ seen: String, _ advice: String = "") -> Finding {
        Finding(level: .wrong, what: what, seen: seen, advice: advice)
    }

    /// "ok       key: COMETAPI_KEY is set", with what to do behind a semicolon.
    var line: String {
        let word = level.rawValue + String(repeating: " ", count: 9 - level.rawValue.utf8.count)
        return word + TerminalText.escaped("\(what): \(seen)\(advice.isEmpty ? "" : "; \(advice)")")
    }

    var json: JSONValue {
        [
            "level": .string(level.rawValue), "what": .string(what), "seen": .string(seen), "to_do": .string(advice),
        ]
    }
}
