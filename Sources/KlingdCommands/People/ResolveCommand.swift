import ArgumentParser
import GenerationTasks
import KlingService

/// `klingd resolve`: a person's decision on a task of which nobody can tell whether it was made.
struct ResolveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Decide what becomes of an unresolved task: exactly one of --task-id, --resend and --abandon."
    )

    @Argument(help: "klingd's id of the task.", completion: TaskCompletion.ids)
    var id: String

    @Option(help: ArgumentHelp("This job of the provider's is the task's.", valueName: "task_id"))
    var taskId: String?

    @Flag(help: "There is no job: send it again. It may then be paid twice.")
    var resend = false

    @Flag(help: "Look for it no longer.")
    var abandon = false

    @Flag(help: "Print the task as one line of JSON.")
    var json = false

    @OptionGroup var service: ServiceOptions

    func validate() throws {
        guard [taskId != nil, resend, abandon].count(where: { $0 }) == 1 else {
            throw ValidationError("give exactly one of --task-id, --resend and --abandon")
        }
        if let taskId, !(1...256).contains(taskId.utf8.count) {
            throw ValidationError("--task-id must have 1 to 256 bytes")
        }
    }

    func run() throws {
        let session = try CommandSession(service, needsKey: false)
        guard let id = TaskID(id) else {
            throw CommandFailure(
                message: "no task has the id '\(TerminalText.escaped(id))'",
                exitCode: CommandFailure.failed
            )
        }
        try session.settings.requireLedger()
        let resolution: GenerationService.Resolution = taskId.map { .job(taskID: $0) } ?? (resend ? .resend : .abandon)
        let resume = ResumeHint(service, session.settings)
        try session.look { service in
            do throws(TaskError) {
                let task = try await service.resolve(id, resolution)
                if json { Console.output(TaskReports.line(task)) }
                let next =
                    task.state.isTerminal
                    ? "; \(TaskReports.words(task.charged))" : "; go on with it by: \(resume.watch(task.id))"
                Console.error("klingd: task \(task.id) is \(task.state.rawValue)\(next)")
                return .done
            } catch {
                return CommandEnd.refusal(error)
            }
        }
    }
}
