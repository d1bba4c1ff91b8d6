import GenerationTasks
import JSON

/// What a command tells of tasks: results on stdout, for people or programs, and how it ends.
struct TaskReports {
    var json: Bool
    var resume: ResumeHint

    /// The task on stdout: as JSON, or where its images lie, a line each. One that was waited for to be stored and has no
    /// image yet has nothing to show; else its id stands for it.
    func show(_ task: GenerationTask, waitedFor target: WaitTarget) {
        for warning in task.warnings { Console.error("klingd: task \(task.id): \(TerminalText.escaped(warning))") }
        if json {
            Console.output(Self.line(task))
        } else if target != .stored, task.state != .stored {
            Console.output("\(task.id)")
        } else {
            for image in task.images {
                guard let stored = image.stored else { continue }
                // A name with a line break would be taken for two.
                Console.output(TerminalText.escaped(stored.path ?? stored.uri))
            }
        }
    }

    /// The task as one line of JSON, as on the wire.
    static func line(_ task: GenerationTask) -> String {
        var writer = JSONWriter()
        task.write(to: &writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// How a command ends that waited for these tasks until `target`, and has shown those that are there.
    ///
    /// `refused` is what else was asked for and cannot be, each with its reason; `isCancelled` tells that a signal ended
    /// the wait. Tasks that were still under way are shown once it is known how they stay, by `showing` where it is given.
    func end(
        _ tasks: [GenerationTask],
        waitedFor target: WaitTarget,
        refused: [String] = [],
        isCancelled: Bool,
        showing: (@Sendable (GenerationTask) -> Void)? = nil
    ) -> CommandEnd {
        let failures = refused + tasks.filter { $0.state == .failed }.map(Self.failure)
        let open = tasks.filter { !target.isReached(by: $0) }
        guard !open.isEmpty else { return failures.isEmpty ? .done : .failed(Self.lines(failures)) }
        return .open(open) { newest in
            for task in newest {
                if let showing {
                    showing(task)
                } else if json || target.isReached(by: task) {
                    // The last answers may have come meanwhile.
                    show(task, waitedFor: target)
                }
            }
            let late = newest.filter { $0.state == .failed }.map(Self.failure)
            let open = newest.filter { !target.isReached(by: $0) }.map { going($0, isCancelled: isCancelled) }
            let text = Self.lines(failures + late + open)
            guard !open.isEmpty else { return text.isEmpty ? .done : .failed(text) }
            return isCancelled ? .interrupted(text) : .notFinished(text)
        }
    }

    static func lines(_ texts: [String]) -> String { texts.joined(separator: "\nklingd: ") }

    /// Why a task failed, whether it was charged, and what to do.
    static func failure(_ task: GenerationTask) -> String {
        let reason =
            task.error.map { "\(TerminalText.escaped($0.message)) (\($0.kind.rawValue))" } ?? "no reason is known"
        return "task \(task.id) failed: \(reason); \(words(task.charged))"
    }

    static func words(_ charged: Charged) -> String {
        switch charged {
        case .no: "nothing was charged"
        case .yes: "it was charged"
        case .unknown: "it may have been charged; 'klingd bill' tells of such"
        }
    }

    private func going(_ task: GenerationTask, isCancelled: Bool) -> String {
        let what = isCancelled ? "interrupted" : "not finished in time"
        guard !resume.endsWithProcess else {
            return "\(what): task \(task.id) was \(task.state.rawValue) and ends with the simulator in this process"
        }
        let reason = task.error.map { " (\(TerminalText.escaped($0.message)))" } ?? ""
        let how =
            switch task.state {
            case .queued where task.charged == .no: "waits in the ledger and was not sent"
            case .queued: "waits in the ledger to be sent again; an earlier attempt may be charged"
            case .submitting, .unresolved:
                "may have reached the provider and may be charged; klingd finds out, or you decide by 'klingd resolve'"
            case .submitted, .processing: "is \(task.state.rawValue), charged, and goes on"
            default: "is \(task.state.rawValue) and charged"
            }
        return "\(what): task \(task.id) \(how)\(reason); resume with: \(resume.watch(task.id))"
    }
}
