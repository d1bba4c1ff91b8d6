import GenerationTasks

/// What a person sees of tasks on their way: one line that is drawn again in place, or a plain line for each change of
/// state where nobody looks at a terminal.
///
/// Pure: what it is told comes with the time, and what is to be written comes back.
struct ProgressLine {
    enum Style: Equatable {
        /// Drawn in place. Nothing is ever wider than the terminal, which is asked for its width at each drawing.
        case inPlace
        case plain
    }

    /// At most so often is the line drawn.
    static let shortestPause = Duration.milliseconds(100)

    private let style: Style
    private let start: Moment
    private var shown: [(id: TaskID, task: GenerationTask)] = []
    private var lastDrawn: Moment?
    private var isChanged = false
    private var isOnScreen = false

    init(_ style: Style, at start: Moment) {
        self.style = style
        self.start = start
    }

    /// Takes note of a version of a task.
    ///
    /// - Returns: Text to be written now; empty for none.
    mutating func note(_ task: GenerationTask, at now: Moment) -> String {
        let place = shown.firstIndex { $0.id == task.id }
        let before = place.map { shown[$0].task }
        if let place { shown[place].task = task } else { shown.append((task.id, task)) }
        guard before?.state != task.state || before?.taskID != task.taskID else { return "" }
        guard style == .plain else {
            isChanged = true
            return ""
        }
        guard before?.state != task.state else { return "" }
        return "\(task.id)  \(Self.words(task))  \(seconds(now)) s\(Self.taskID(task))\n"
    }

    /// When ``draw(at:width:)`` is to be called next; `nil` with plain lines, which wait for changes.
    var nextDrawing: Moment? {
        guard style == .inPlace, !shown.isEmpty else { return nil }
        guard let lastDrawn else { return start }
        // The seconds that are shown change once a second.
        return lastDrawn + (isChanged ? Self.shortestPause : .seconds(1))
    }

    /// The line as it is now, cut to the terminal of so many columns; empty when it was drawn a moment ago.
    mutating func draw(at now: Moment, width: Int) -> String {
        guard style == .inPlace, let next = nextDrawing, now >= next else { return "" }
        lastDrawn = now
        isChanged = false
        isOnScreen = true
        // The last column stays free: some terminals wrap as soon as it is written.
        return "\r" + TerminalText.cut(line(at: now), to: max(0, width - 1)) + Self.eraseRest
    }

    /// Takes the line from the screen.
    mutating func clear() -> String {
        guard isOnScreen else { return "" }
        isOnScreen = false
        return "\r" + Self.eraseRest
    }

    /// Erase in line (ECMA-48 section 8.3.41).
    private static let eraseRest = "\u{1B}[K"

    private func line(at now: Moment) -> String {
        if shown.count == 1, let task = shown.first?.task {
            return "\(Self.words(task))  \(seconds(now)) s  \(task.id)\(Self.taskID(task))"
        }
        let counts = TaskState.allCases.compactMap { state in
            let count = shown.count { $0.task.state == state }
            return count == 0 ? nil : "\(count) \(state.rawValue)"
        }
        return "\(shown.count) tasks: \(counts.joined(separator: ", "))  \(seconds(now)) s"
    }

    private func seconds(_ now: Moment) -> Int64 { (now - start).components.seconds }

    private static func words(_ task: GenerationTask) -> String {
        guard task.state == .storing, task.images.count > 1 else { return task.state.rawValue }
        return "storing \(task.images.count { $0.stored != nil })/\(task.images.count)"
    }

    private static func taskID(_ task: GenerationTask) -> String {
        task.taskID.map { "  task_id \(TerminalText.escaped($0))" } ?? ""
    }
}
