/// Results as text that the author of a storage can act on.
public enum BehaviourTable {
    private static let nameWidth = 46

    /// One case: outcome, name and time; and under a failure what is promised, what was seen, what to do, and where to
    /// read about it. Without a line break at the end.
    public static func lines(for result: BehaviourResult) -> String {
        let name = result.behaviourCase.name
        let padded = name + String(repeating: " ", count: max(1, nameWidth - name.utf8.count))
        var lines: [String]
        switch result.outcome {
        case .passed: lines = ["passed   \(padded)\(milliseconds(result.duration)) ms"]
        case .skipped(let reason): lines = ["skipped  \(padded)\(reason)"]
        case .failed(let seen, let advice):
            lines = [
                "FAILED   \(padded)\(milliseconds(result.duration)) ms",
                "         promised: \(result.behaviourCase.promise)",
                "         seen:     \(seen)",
                "         to do:    \(advice)",
                "         read:     protocol/storage-plugin.md, \(result.behaviourCase.section)",
            ]
        }
        if let key = result.leftBehind.first {
            lines.append("         left behind: \(result.leftBehind.count) object(s) such as \(key); delete them")
        }
        return lines.joined(separator: "\n")
    }

    /// `N passed, N failed, N skipped`
    public static func summary(_ results: [BehaviourResult]) -> String {
        var (passed, failed, skipped) = (0, 0, 0)
        for result in results {
            switch result.outcome {
            case .passed: passed += 1
            case .failed: failed += 1
            case .skipped: skipped += 1
            }
        }
        return "\(passed) passed, \(failed) failed, \(skipped) skipped"
    }

    /// All results, and the summary as the last line.
    public static func table(_ results: [BehaviourResult]) -> String {
        (results.map(lines) + [summary(results)]).joined(separator: "\n")
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1_000 + duration.components.attoseconds / 1_000_000_000_000_000
    }
}
