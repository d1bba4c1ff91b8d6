import GenerationTasks

/// Shows the progress of the tasks that a command follows on stderr.
actor ProgressReporter {
    private let executor: any SerialExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let time: any TimeSource
    private var line: ProgressLine
    private let isQuiet: Bool
    private var followed: Set<TaskID> = []
    private let changed = Bell()
    /// For a terminal that does not tell.
    private static let usualWidth = 80

    init(executor: any SerialExecutor, time: any TimeSource, isQuiet: Bool) {
        self.executor = executor
        self.time = time
        self.isQuiet = isQuiet
        line = ProgressLine(Terminal.isOne(2) ? .inPlace : .plain, at: time.now)
    }

    func follow(_ id: TaskID) { followed.insert(id) }

    /// Takes note of a version of a task, if it is one that is followed.
    func note(_ task: GenerationTask) {
        guard !isQuiet, followed.contains(task.id) else { return }
        Console.progress(line.note(task, at: time.now))
        changed.ring()
    }

    /// Draws until cancelled or ended.
    func run() async {
        while !Task.isCancelled {
            Console.progress(line.draw(at: time.now, width: Terminal.width(2) ?? Self.usualWidth))
            await changed.wait(until: line.nextDrawing, time)
        }
    }

    /// Takes the line away until it is drawn next, for something else to be written.
    func clear() { Console.progress(line.clear()) }

    /// Takes the line away and draws no more, so that what is told next has the screen for itself.
    func end() {
        Console.progress(line.clear())
        followed = []
        line = ProgressLine(.plain, at: time.now)
    }
}
