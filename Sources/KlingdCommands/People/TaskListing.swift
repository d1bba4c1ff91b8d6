import GenerationTasks
import JSON

/// Tasks as a table for people.
struct TaskListing {
    var now: Timestamp
    /// Columns of the terminal; `nil` cuts nothing.
    var width: Int?

    /// The table with its heads, a line for each task.
    func lines(_ tasks: [GenerationTask]) -> [String] {
        let rows =
            [["id", "state", "charged", "age"]]
            + tasks.map { [$0.id.description, $0.state.rawValue, $0.charged.rawValue, age($0)] }
        let widths = (0..<4).map { column in rows.map { $0[column].utf8.count }.max() ?? 0 }
        return zip(rows, ["prompt"] + tasks.map(prompt)).map { row, prompt in
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.utf8.count) }
            let line = (cells + [prompt]).joined(separator: "  ")
            return width.map { TerminalText.cut(line, to: $0) } ?? line
        }
    }

    private func prompt(_ task: GenerationTask) -> String {
        TerminalText.escaped(task.request["prompt"]?.stringValue ?? "")
    }

    private func age(_ task: GenerationTask) -> String {
        Self.words(seconds: max(0, now.milliseconds - task.createdAt.milliseconds) / 1000)
    }

    /// A time that has passed, in one unit.
    static func words(seconds: Int64) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h"
        default: "\(seconds / 86_400) d"
        }
    }
}

extension TaskListing {
    /// One task with all that a person may want to know of it, a line each.
    func details(_ task: GenerationTask) -> [String] {
        var lines: [(String, String)] = [
            ("id", task.id.description), ("state", task.state.rawValue), ("charged", task.charged.rawValue),
            ("age", age(task)), ("watch", task.watch.rawValue), ("task_id", task.taskID ?? "not known"),
        ]
        if !prompt(task).isEmpty { lines.append(("prompt", prompt(task))) }
        lines.append(("storage", task.storage))
        lines += task.images.map { ("image \($0.index)", $0.stored.map { $0.path ?? $0.uri } ?? "not stored yet") }
        lines += task.warnings.map { ("warning", $0) }
        if let error = task.error { lines.append(("error", "\(error.message) (\(error.kind.rawValue))")) }
        return lines.map { name, value in
            let escaped = name == "prompt" ? value : TerminalText.escaped(value)
            return name + String(repeating: " ", count: max(1, 10 - name.utf8.count)) + escaped
        }
    }
}
