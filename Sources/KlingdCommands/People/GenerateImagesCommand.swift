import ArgumentParser
import GenerationTasks
import JSON
import KlingService

/// `klingd generate`: one task from the command line to the images.
struct GenerateImagesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Create images and wait until they are stored; their paths are printed, a line each.",
        discussion: """
            Ctrl-C ends the wait, never the task: it is said how to resume. Exit codes: 0 done, 1 failed, 2 wrong usage, \
            3 not finished in time (the task goes on), 130 interrupted.
            """
    )

    @OptionGroup var image: ImageOptions
    @OptionGroup var wait: WaitOptions

    @Flag(help: "Print what would be sent and stored, and do neither.")
    var dryRun = false

    @Flag(help: "Print the task as one line of JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Show no progress.")
    var quiet = false

    @OptionGroup var service: ServiceOptions

    /// As the protocol has it for `stored`.
    private static let usualWait = Duration.seconds(600)

    func run() throws {
        let session = try CommandSession(service)
        let command = try image.command(session.settings)
        let reports = TaskReports(json: json, resume: ResumeHint(service, session.settings))
        guard !dryRun else { return try rehearse(command, session) }
        let bound = WaitBound(target: wait.waitFor ?? .stored, duration: wait.duration(Self.usualWait))
        try session.work(
            { run, progress in
                do throws(TaskError) {
                    let deadline = run.time.now + bound.duration
                    let task = try await run.service.generate(command) { await progress.follow($0) }
                    // With an idempotency key it may be another than was announced.
                    await progress.follow(task.id)
                    await progress.note(task)
                    let left = max(.zero, deadline - run.time.now)
                    let last = try await run.service.wait(task.id, WaitBound(target: bound.target, duration: left))
                    await progress.note(last)
                    await progress.end()
                    if bound.target.isReached(by: last) { reports.show(last, waitedFor: bound.target) }
                    return reports.end([last], waitedFor: bound.target, isCancelled: Task.isCancelled)
                } catch {
                    return CommandEnd.refusal(error, tellsCharge: true)
                }
            },
            quiet: quiet
        )
    }

    private func rehearse(_ command: GenerateCommand, _ session: CommandSession) throws {
        try session.look { service in
            do throws(TaskError) {
                let rehearsal = try await service.rehearse(command)
                Console.output("\(JSONValue.object(rehearsal))")
                return .done
            } catch {
                return CommandEnd.refusal(error)
            }
        }
    }
}
