import ArgumentParser
import GenerationTasks
import KlingService
import RPCInterface

/// `klingd cancel-watch`: stops looking at a job.
struct CancelWatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel-watch",
        abstract: "Stop watching a task, or withdraw one that was not sent yet.",
        discussion: "The provider has no cancel: a job that it has taken goes on and is billed."
    )

    @Argument(help: "klingd's id of the task, or the provider's task_id.", completion: TaskCompletion.ids)
    var id: String

    @Flag(help: "Print the task as one line of JSON.")
    var json = false

    @OptionGroup var service: ServiceOptions

    func run() throws {
        let session = try CommandSession(service, needsKey: false)
        let name = TaskName(id)
        try session.settings.requireLedger()
        try session.look { service in
            do throws(TaskError) {
                let found = try await name.find(in: service)
                let task = try await service.cancelWatch(found.id)
                if json { Console.output(TaskReports.line(task)) }
                let message = RPCInterface.cancelMessage(task, wasOver: found.state.isTerminal)
                Console.error("klingd: task \(task.id): \(message)")
                return .done
            } catch {
                return CommandEnd.refusal(error)
            }
        }
    }
}
