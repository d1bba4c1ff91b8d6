import GenerationTasks
import JSON

/// What a command tells of tasks: results on stdout, for people or programs, and how it ends.
struct TaskReports {
    var json: Bool
    var resume: ResumeHint

    /// The task on stdout: as JSON, or where its images lie, a line each. One that was waited for to be stored and has no
    /// image yet has nothing to show; else its id stands for it.
    func show(_ task: GenerationTask, waitedFor target: WaitTarget) {
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

    /// How a command ends that waited for these tasks until `target`.
    func end(_ tasks: [GenerationTask], waitedFor target: WaitTarget, isCancelled: Bool) -> CommandEnd {
        let failed = tasks.filter { $0.state == .failed }
        let open = tasks.filter { !target.isReached(by: $0) }
        guard open.isEmpty else {
            let text = (failed.map(Self.failure) + open.map { going($0, isCancelled: isCancelled) })
                .joined(separator: "\nklingd: ")
            return isCancelled ? .interrupted(text) : .notFinished(text)
        }
        return failed.isEmpty ? .done : .failed(failed.map(Self.failure).joined(separator: "\nklingd: "))
    }

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
        let how = task.state == .queued ? "waits in the ledger, not sent yet" : "is \(task.state.rawValue) and goes on"
        return "\(what): task \(task.id) \(how); resume with: \(resume.watch(task.id))"
    }
}

/// The command that goes on where this one ends, with the options that it needs to find the same tasks.
struct ResumeHint {
    private let options: String
    /// Whether there is nothing to go on with, since the simulator is part of the process.
    let endsWithProcess: Bool

    init(_ service: ServiceOptions, _ settings: Settings) {
        let given: [(String, String?)] = [
            ("--provider", service.provider?.rawValue), ("--base-url", service.baseURL), ("--storage", service.storage),
            ("--state", service.state),
        ]
        options = given.map { name, value in value.map { " \(name) \(Self.quoted($0))" } ?? "" }.joined()
        endsWithProcess = settings.baseURL == nil
    }

    func watch(_ id: TaskID) -> String { "klingd watch \(id)\(options)" }

    /// As a shell takes it for one word.
    private static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-_./:=,@%+".utf8.contains(byte)
            }
        }
        guard !isPlain || text.isEmpty else { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
