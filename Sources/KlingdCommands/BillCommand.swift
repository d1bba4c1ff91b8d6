import ArgumentParser
import GenerationTasks
import HTTPTransport
import JSON
import KlingAPI
import KlingService
import Logging
import SQLiteLedger

/// `klingd bill`: what the tasks of a ledger came to.
struct BillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bill",
        abstract: "Tell what the tasks came to, day by day: charged, not charged, unknown.",
        discussion: """
            Where the provider has a list of its tasks (kling), it is compared: jobs that the ledger does not know, and
            requests that were paid more than once, are named, and the exit code is then 1.
            """
    )

    @OptionGroup var service: ServiceOptions

    @Option(help: "How many days back, today included (UTC).")
    var days = 30

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    func validate() throws {
        guard (1...36_500).contains(days) else { throw ValidationError("--days must be 1 to 36500, not \(days)") }
    }

    func run() throws {
        let environment = Environment.current
        let settings = try Settings(service, environment)
        let log = Log.bootstrap(environment, level: settings.logLevel)
        try settings.requireLedger()
        let state = try StateDirectory(settings.ledgerDirectory)
        defer { state.removeSpool() }
        let time = SystemTime()
        let today = time.date.milliseconds / Self.day
        let since = Timestamp(milliseconds: (today - Int64(days) + 1) * Self.day)
        let result = try CommandLoop.run {
            let transport = HTTPTransport(configuration: settings.transport(environment), logger: log)
            let result = await report(settings, since, time, transport)
            await transport.shutdown()
            return result
        }
        switch result {
        case .success(let report): try show(report)
        case .failure(let error):
            throw CommandFailure(message: TaskError(error).message, exitCode: CommandFailure.failed)
        }
    }

    /// In milliseconds.
    private static let day: Int64 = 86_400_000

    private func report(
        _ settings: Settings,
        _ since: Timestamp,
        _ time: SystemTime,
        _ transport: HTTPTransport
    ) async -> Result<BillReport, LedgerError> {
        let client = settings.client(transport)
        do throws(LedgerError) {
            let ledger = SQLiteLedger(directory: settings.ledgerDirectory, time: time)
            return .success(
                try await BillReport(since: since, ledger: ledger, dialect: settings.dialect, client: client)
            )
        } catch {
            return .failure(error)
        }
    }

    private func show(_ report: BillReport) throws(CommandFailure) {
        if json {
            Console.output("\(report.json)")
        } else {
            for line in report.text { Console.output(line) }
        }
        let strange = report.discrepancies.count { $0.kind != .unresolvedHere }
        guard strange == 0 else {
            throw CommandFailure(
                message: "\(strange) jobs at the provider are not accounted for",
                exitCode: CommandFailure.failed
            )
        }
    }
}

extension BillReport {
    fileprivate var json: JSONValue {
        [
            "days": .array(
                lines.map { line in
                    [
                        "day": .string(line.day), "account": .string(line.account),
                        "charged": .string(line.charged.rawValue), "tasks": .integer(Int64(line.tasks)),
                        "images": .integer(Int64(line.images)), "units": .real(line.units),
                    ]
                }
            ),
            "provider_list": .string(comparisonText),
            "discrepancies": .array(
                discrepancies.map { found in
                    [
                        "kind": .string(found.kind.rawValue), "task_id": .string(found.taskID),
                        "external_task_id": found.externalTaskID.map(JSONValue.string) ?? .null,
                        "created_at": found.createdAt.map { .string($0.rfc3339) } ?? .null,
                        "units": found.units.map(JSONValue.string) ?? .null,
                    ]
                }
            ),
        ]
    }

    /// A table for people.
    fileprivate var text: [String] {
        let rows = lines.map { line in
            [
                line.day, line.charged.rawValue, "\(line.tasks)", "\(line.images)",
                JSONValue.real(line.units).description, line.account,
            ]
        }
        let heads = ["day", "charged", "tasks", "images", "units", "account"]
        let widths = heads.indices.map { column in ([heads] + rows).map { $0[column].count }.max() ?? 0 }
        let table = ([heads] + rows).map { row in
            zip(row, widths).enumerated().map { column, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == row.count - 1 ? cell.0 : cell.0 + padding
            }.joined(separator: "  ")
        }
        let found = discrepancies.map { found in
            let when = found.createdAt.map { ", made \($0.rfc3339)" } ?? ""
            let name = found.externalTaskID.map { ", external_task_id \($0)" } ?? ""
            return "\(found.kind.rawValue): task_id \(found.taskID)\(name)\(when)"
        }
        return table + [comparisonText] + found
    }

    private var comparisonText: String {
        switch comparison {
        case .notOffered: "the provider has no list of tasks to compare with"
        case .noCredentials: "the provider's list was not compared: no key is set"
        case .complete(let jobs): "compared with \(jobs) jobs of the provider's list"
        case .partial(let jobs, let reason): "compared with \(jobs) jobs of the provider's list, not all: \(reason)"
        }
    }
}
