import GenerationTasks
import JSONRPC
import KlingService
import Logging
import RPCInterface
import Storage

/// Serves the native protocol on stdin and stdout with the service behind it.
struct Daemon {
    var settings: Settings
    var environment: Environment
    var endOfInput: StdioTransport.EndOfInput
    var sendsUpdates: Bool
    var log: Logger

    /// Serves until stdin and stdout have both ended or a signal comes.
    func serve() throws(CommandFailure) {
        Signals.hold()
        let streams = StandardStreams.take()
        guard let loop = SerialLoop() else { throw .noDescriptors }
        let run = try ServiceRun(settings, environment, on: loop, log)
        defer { run.removeSpool() }
        let logLine: @Sendable (String) -> Void = { [log] in log.info("\($0)") }
        let service = run.service
        let feed = UpdateFeed(executor: loop, table: service.table, isEnabled: sendsUpdates)
        let identity = ServerIdentity(
            name: "klingd",
            version: Klingd.version,
            sendsUpdates: sendsUpdates,
            storage: service.places.all.map(\.url.description),
            storageSchemes: run.storageSchemes
        )
        let face = RPCInterface(service: service, feed: feed, identity: identity, log: logLine)
        let connection = Connection(executor: loop, handler: face, log: logLine)
        let interruption = Interruption(waking: loop)
        try Signals.watch(interruption)
        let trouble = Trouble(interruption)
        let stop = Bell()
        let end = StopSource(loop)
        // Owned by this function, which does not return before it has ended. On the loop, so that an idle process stays
        // asleep.
        Task(executorPreference: loop) {
            await feed.attach(connection)
            await service.table.observe { news in feed.assumeIsolated { $0.publish(news.task) } }
            for task in await run.work(until: stop, onFailure: { trouble.end($0) }) { report(task, run) }
            end.stop()
        }
        loop.run(
            StdioTransport(
                connection: connection,
                streams: streams,
                endOfInput: endOfInput,
                interruption: interruption,
                // From here on nothing more is sent to the provider.
                onInterruption: { stop.ring() },
                parent: ParentProcess.watch(),
                onParentEnd: {
                    log.info("the process that started klingd has ended, and stdin has not")
                    Signals.end(interruption)
                }
            )
        )
        stop.ring()
        loop.run(end)
        if let failure = trouble.failure { throw failure }
    }

    private func report(_ task: GenerationTask, _ run: ServiceRun) {
        let whoGoesOn =
            run.endsWithProcess
            ? "it ends with its simulator" : "the next klingd with this state folder goes on with it"
        log.warning(
            """
            task \(task.id) goes on at the provider and may be billed: state \(task.state.rawValue), task_id \
            \(task.taskID ?? "unknown"), external_task_id \(task.externalTaskID); \(whoGoesOn)
            """
        )
    }
}
