import ArgumentParser
import GenerationTasks
import KlingService

/// `klingd status`: one task, as it is or once it has got somewhere.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Tell how a task stands.",
        discussion: """
            Without --wait-for and --timeout the ledger is read and nothing else is done. With one of them the service \
            runs until the task is there; exit code 3 tells that it is not yet.
            """
    )

    @Argument(help: "klingd's id of the task, or the provider's task_id.", completion: TaskCompletion.ids)
    var id: String

    @OptionGroup var wait: WaitOptions

    @Flag(help: "Print the task as one line of JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Show no progress.")
    var quiet = false

    @OptionGroup var service: ServiceOptions

    func run() throws {
        let waits = wait.waitFor != nil || wait.timeout != nil
        let session = try CommandSession(service, needsKey: waits)
        let settings = session.settings
        try settings.requireLedger()
        let name = TaskName(id)
        guard waits else {
            guard let task = try settings.readLedger({ ledger throws(LedgerError) in try await name.find(in: ledger) })
            else {
                throw CommandFailure(
                    message:
                        "no task has the id or task_id '\(TerminalText.escaped(id))'; 'klingd list' shows what there is",
                    exitCode: CommandFailure.failed
                )
            }
            return show(task)
        }
        let bound = WaitBound(target: wait.waitFor ?? .stored, duration: wait.duration(WaitOptions.longest))
        let reports = TaskReports(json: json, resume: ResumeHint(service, settings))
        try session.work(
            { run, progress in
                do throws(TaskError) {
                    let found = try await name.find(in: run.service)
                    await progress.follow(found.id)
                    await progress.note(found)
                    let task = try await run.service.wait(found.id, bound)
                    await progress.note(task)
                    await progress.end()
                    if bound.target.isReached(by: task) { show(task) }
                    return reports.end(
                        [task],
                        waitedFor: bound.target,
                        isCancelled: Task.isCancelled,
                        showing: { show($0) }
                    )
                } catch {
                    return CommandEnd.refusal(error)
                }
            },
            quiet: quiet
        )
    }

    private func show(_ task: GenerationTask) {
        guard !json else { return Console.output(TaskReports.line(task)) }
        for line in TaskListing(now: SystemTime().date).details(task) { Console.output(line) }
    }
}
