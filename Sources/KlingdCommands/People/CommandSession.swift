import ArgumentParser
import GenerationTasks
import JSONRPC
import KlingService
import Logging

/// Runs the service for as long as one command needs it, and ends it in order: as `serve` does at a signal.
struct CommandSession {
    var settings: Settings
    var environment: Environment
    var log: Logger

    /// Without `needsKey` no file is opened and no program run for a key, which only work on tasks needs.
    init(_ service: ServiceOptions, needsKey: Bool = true) throws {
        environment = Environment.current
        settings = try Settings(service, environment, needsKey: needsKey)
        log = Log.bootstrap(environment, level: settings.logLevel)
    }

    /// Runs `body` with the service at work. At a signal its task is cancelled, which ends its waits. What it returns is
    /// told at once, before the service has ended, unless it tells of tasks that are under way.
    func work(
        _ body: @escaping @Sendable (ServiceRun, ProgressReporter) async -> CommandEnd,
        quiet: Bool
    ) throws {
        try run { (run, loop, onFailure, cut) in
            let progress = ProgressReporter(executor: loop, time: run.time, isQuiet: quiet)
            await run.service.table.observe { news in progress.assumeIsolated { $0.note(news.task) } }
            let stop = Bell()
            return await withTaskGroup(of: Void.self) { group in
                group.addTask { await progress.run() }
                let (settled, working) = (Bell(), Bell())
                group.addTask {
                    _ = await run.work(until: stop, onFailure: onFailure, onSettled: { settled.ring() })
                    working.ring()
                }
                var end = await Self.until(cut, stop: stop) { await body(run, progress) }
                await progress.end()
                if case .open(let tasks, let tell) = end {
                    await settled.waitUncancelled()
                    var newest: [GenerationTask] = []
                    for task in tasks { newest.append(await run.service.table.snapshot(task.id) ?? task) }
                    end = tell(newest)
                }
                if let message = end.message { Console.error("klingd: \(message)") }
                await working.waitUncancelled()
                group.cancelAll()
                return end
            }
        }
    }

    /// Runs `body` with a service that works on no task: nothing is claimed, nothing is sent.
    func look(_ body: @escaping @Sendable (GenerationService) async -> CommandEnd) throws {
        try run { (run, _, _, cut) in
            await run.look { service in
                let end = await Self.until(cut, stop: Bell()) { await body(service) }
                if let message = end.message { Console.error("klingd: \(message)") }
                return end
            }
        }
    }

    /// Runs `body` to its end, which comes soon once `cut` rings. Then `stop` rings.
    private static func until(
        _ cut: Bell,
        stop: Bell,
        _ body: @escaping @Sendable () async -> CommandEnd
    ) async -> CommandEnd {
        await withTaskGroup(of: CommandEnd?.self) { race in
            race.addTask { await body() }
            race.addTask {
                await cut.wait()
                // From here on nothing more is sent to the provider.
                stop.ring()
                return nil
            }
            var end = CommandEnd.interrupted("interrupted")
            for await result in race {
                if let result { end = result }
                race.cancelAll()
            }
            return end
        }
    }

    private typealias Work =
        @Sendable (ServiceRun, SerialLoop, @escaping @Sendable (CommandFailure) -> Void, Bell) async -> CommandEnd

    private func run(_ work: @escaping Work) throws {
        Signals.hold()
        guard let loop = SerialLoop() else { throw CommandFailure.noDescriptors }
        let run = try ServiceRun(settings, environment, on: loop, log)
        defer { run.removeSpool() }
        let interruption = Interruption(waking: loop)
        let trouble = Trouble(interruption)
        let cut = Bell()
        let received = Received()
        try Signals.watch { number in
            received.note(number)
            EndDeadline.start(interruption, exitCode: 128 + number)
            cut.ring()
        }
        let outcome = Kept<CommandEnd>()
        let end = StopSource(loop)
        // Owned by this function, which waits for its end in the loop.
        Task(executorPreference: loop) {
            let result = await work(
                run,
                loop,
                { failure in
                    trouble.end(failure)
                    cut.ring()
                },
                cut
            )
            outcome.set(result)
            end.stop()
        }
        loop.run(end)
        if let failure = trouble.failure { throw failure }
        let code = (outcome.value ?? .interrupted("")).exitCode(signal: received.number)
        guard code == 0 else { throw ExitCode(code) }
    }
}
