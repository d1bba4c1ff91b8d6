import ArgumentParser
import GenerationTasks
import KlingService
import SQLiteLedger
import Storage

/// `klingd watch`: goes on with tasks until they end.
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Go on with tasks until their images are stored; the paths are printed, a line each.",
        discussion: """
            A task_id of a job that was made elsewhere with the same account adopts it. --all leaves alone those whose \
            watch was cancelled.
            """
    )

    @Argument(help: "Ids of tasks, or the provider's task_ids.", completion: TaskCompletion.ids)
    var ids: [String] = []

    @Flag(help: "Every task of the ledger that has not ended.")
    var all = false

    @OptionGroup var wait: WaitOptions

    @Flag(help: "Print each task as a line of JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Show no progress.")
    var quiet = false

    @OptionGroup var service: ServiceOptions

    func validate() throws {
        guard all == ids.isEmpty else { throw ValidationError("give the ids of tasks, or --all") }
    }

    func run() throws {
        let session = try CommandSession(service)
        if let absence = session.settings.ledgerAbsence, all || session.settings.baseURL == nil {
            guard all else { throw absence }
            Console.error("klingd: \(absence.message)")
            return
        }
        let names = all ? try unfinished(session.settings) : ids.map(TaskName.init)
        guard !names.isEmpty else {
            Console.error("klingd: no task is unfinished")
            return
        }
        let bound = WaitBound(target: wait.waitFor ?? .stored, duration: wait.duration(WaitOptions.longest))
        let reports = TaskReports(json: json, resume: ResumeHint(service, session.settings))
        try session.work(
            { run, progress in
                await Self.follow(names, bound, run, progress, reports)
            },
            quiet: quiet
        )
    }

    /// Oldest first, so that what has waited longest is shown first.
    private func unfinished(_ settings: Settings) throws(CommandFailure) -> [TaskName] {
        try settings.readLedger { ledger throws(LedgerError) in
            var found: [GenerationTask] = []
            for state in TaskState.allCases where !state.isTerminal {
                var cursor: String?
                repeat {
                    let page = try await ledger.list(TaskQuery(state: state, limit: 1000, cursor: cursor))
                    found += page.tasks.filter { !$0.isLeftAlone }
                    cursor = page.next
                } while cursor != nil
            }
            return found.sorted { $0.createdAt < $1.createdAt }.map { .id($0.id) }
        }
    }

    private static func follow(
        _ names: [TaskName],
        _ bound: WaitBound,
        _ run: ServiceRun,
        _ progress: ProgressReporter,
        _ reports: TaskReports
    ) async -> CommandEnd {
        let deadline = run.time.now + bound.duration
        var (tasks, refused, foreign) = ([GenerationTask](), [String](), [String]())
        for name in names {
            do throws(TaskError) {
                let task =
                    switch name {
                    case .id(let id): try await run.service.watch(id)
                    case .taskID(let taskID): try await run.service.adopt(taskID: taskID, storage: nil)
                    }
                // It could be waited for without end.
                if let note = Self.foreign(task, run.service) {
                    foreign.append(note)
                    continue
                }
                await progress.follow(task.id)
                await progress.note(task)
                tasks.append(task)
            } catch {
                refused.append(CommandEnd.refusal(error).message ?? "")
            }
        }
        await withTaskGroup(of: (Int, Result<GenerationTask, TaskError>).self) { group in
            for (index, task) in tasks.enumerated() {
                group.addTask {
                    do throws(TaskError) {
                        let bound = WaitBound(target: bound.target, duration: max(.zero, deadline - run.time.now))
                        return (index, .success(try await run.service.wait(task.id, bound)))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            for await (index, result) in group {
                switch result {
                case .success(let task):
                    tasks[index] = task
                    await progress.note(task)
                    guard bound.target.isReached(by: task) else { continue }
                    await progress.clear()
                    reports.show(task, waitedFor: bound.target)
                case .failure(let error):
                    refused.append("task \(tasks[index].id): \(CommandEnd.refusal(error).message ?? "")")
                }
            }
        }
        await progress.end()
        let end = reports.end(tasks, waitedFor: bound.target, refused: refused, isCancelled: Task.isCancelled)
        return foreign.isEmpty ? end : .notFinished(foreign, then: end)
    }

    /// Why this process cannot go on with a task itself; `nil` when it can.
    private static func foreign(_ task: GenerationTask, _ service: GenerationService) -> String? {
        let account = service.configuration.account
        let canServe = service.places.all.contains {
            Binding(account: account, storage: $0.url.description).covers(task)
        }
        guard !canServe, !task.state.isTerminal else { return nil }
        return "task \(task.id) belongs to another account, or to the storage \(task.storage), which is not configured "
            + "here; another klingd has to go on with it"
    }
}
