import ArgumentParser
import GenerationTasks
import SQLiteLedger

/// `klingd list`: the tasks of the ledger.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the tasks, newest first.",
        discussion: "The ledger is read and nothing else is done; other klingds may be at work with it."
    )

    @Option(help: "Only tasks in this state, such as processing or failed.")
    var taskState: TaskState?

    @Option(help: "Only tasks that are watched so: active, cancelled or ended.")
    var watch: WatchState?

    @Option(help: "At most so many, 1 to 1000.")
    var limit = 20

    @Flag(help: "Print each task as a line of JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print ids alone.")
    var quiet = false

    @OptionGroup var service: ServiceOptions

    func validate() throws {
        guard (1...1000).contains(limit) else { throw ValidationError("--limit must be 1 to 1000, not \(limit)") }
    }

    func run() throws {
        let settings = try CommandSession(service, needsKey: false).settings
        if let absence = settings.ledgerAbsence {
            Console.error("klingd: \(absence.message)")
            return
        }
        let query = TaskQuery(state: taskState, watch: watch, limit: limit)
        let page = try settings.readLedger { ledger throws(LedgerError) in try await ledger.list(query) }
        if quiet {
            for task in page.tasks { Console.output("\(task.id)") }
        } else if json {
            for task in page.tasks { Console.output(TaskReports.line(task)) }
        } else if page.tasks.isEmpty {
            Console.error("klingd: there is no such task")
        } else {
            let listing = TaskListing(now: SystemTime().date, width: Terminal.width(1))
            for line in listing.lines(page.tasks) { Console.output(line) }
        }
        if page.next != nil, !quiet { Console.error("klingd: there are more; --limit shows up to 1000") }
    }
}

extension TaskState: ExpressibleByArgument {}
extension WatchState: ExpressibleByArgument {}
