import Dispatch
import JSON
import Logging
import Storage
import Subprocess
import Synchronization
import SystemPackage

/// Runs one plugin: does what ``PluginSupervisor`` says, with a process, a timer and those who wait for answers.
actor PluginHost {
    /// What surrounds an answer when it is read.
    struct Context {
        let executable: FilePath
        let workDirectory: FilePath
        let redactor: SecretRedactor

        func withoutSecrets(_ error: StorageError) -> StorageError {
            var error = error
            error.message = redactor.redact(error.message)
            return error
        }
    }

    private struct Running {
        let launch: PluginLauncher.Launch
        let redactor: SecretRedactor
        let input: AsyncStream<[UInt8]>.Continuation
        var reader: PluginReader
        var log: PluginLog
        /// `nil` until the process runs, and when it has ended.
        var controls: PluginProcess.Controls?
        var hasStarted = false
        /// Of stderr, when only children that left the plugin's group can still write to it.
        var leftToRead: Int?

        var context: Context {
            Context(
                executable: launch.executable,
                workDirectory: launch.workDirectory.path,
                redactor: redactor
            )
        }
    }

    private let executor: QueueExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let launcher: PluginLauncher
    private let logger: Logger
    private let start = ContinuousClock.now
    private var supervisor: PluginSupervisor
    private var waiting: [PluginSupervisor.Ticket: (Result<JSONValue, StorageError>, Context?) -> Void] = [:]
    private var nextTicket: PluginSupervisor.Ticket = 1
    private var process: Running?
    /// Runs the process; awaited by ``shutDown()``.
    private var task: Task<Void, Never>?
    private var timer: (any DispatchSourceTimer)?
    private var timerDeadline: Duration?
    private var isSwept = false
    private var shadowingIsTold = false
    private let declared = Mutex<PluginHandshake?>(nil)

    init(_ launcher: PluginLauncher) {
        self.launcher = launcher
        let options = launcher.options
        executor = QueueExecutor(label: "klingd.storage.\(launcher.locator.name)")
        var logger = options.logger
        logger[metadataKey: "plugin"] = .string(launcher.locator.name)
        self.logger = logger
        supervisor = PluginSupervisor(
            errors: PluginErrors(program: launcher.locator.program),
            times: options.times,
            limits: options.limits,
            calendar: { CalendarTime.text(options.date() + $0.components.seconds) }
        )
    }

    /// What the plugin said last when it was set up; `nil` when it never was.
    nonisolated var handshake: PluginHandshake? { declared.withLock { $0 } }

    /// Asks the plugin and reads its answer while its process is still known.
    func ask<Value: Sendable>(
        _ operation: PluginOperation,
        _ read: @escaping @Sendable (JSONValue, Context?) -> Result<Value, StorageError>
    ) async throws(StorageError) -> Value {
        let ticket = nextTicket
        nextTicket += 1
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<Value, StorageError>, Never>) in
                waiting[ticket] = { result, context in
                    let told = result.flatMap { read($0, context) }
                    continuation.resume(returning: told.mapError { context?.withoutSecrets($0) ?? $0 })
                }
                handle(.ask(ticket, operation))
                // The handler below may have had its turn before there was anything to cancel.
                if Task.isCancelled { handle(.cancel(ticket)) }
            }
        } onCancel: {
            executor.queue.async { self.assumeIsolated { $0.handle(.cancel(ticket)) } }
        }
        return try result.get()
    }

    /// Ends the plugin for good.
    func shutDown() async {
        handle(.shutDown)
        while let task { await task.value }
    }

    private func handle(_ event: PluginSupervisor.Event) {
        let now = start.duration(to: .now)
        for action in supervisor.handle(event, at: now, jitter: launcher.options.jitter()) { run(action) }
        setTimer(now)
    }

    private func run(_ action: PluginSupervisor.Action) {
        switch action {
        case .spawn: task = Task(executorPreference: executor) { await self.runProcess() }
        case .initialize(let id):
            if let process { write("initialize", id: id, launcher.initialization(process.launch)) }
        case .send(let id, let operation):
            if let process {
                write(operation.method, id: id, operation.params(workDirectory: process.launch.workDirectory.path))
            }
        case .cancel(let id): write("$/cancelRequest", ["id": .integer(id)])
        case .shutDown(let id): write("shutdown", id: id, [:])
        case .closeInput: process?.input.finish()
        case .terminate: process?.controls?.terminate()
        case .kill: process?.controls?.kill()
        case .finish(let ticket, let result): waiting.removeValue(forKey: ticket)?(result, process?.context)
        case .declare(let handshake):
            declared.withLock { $0 = handshake }
            let text = "set up \(handshake.name) \(handshake.pluginVersion)"
            logger.info("\(process?.redactor.redact(text) ?? text)")
        case .log(let level, let text): logger.log(level: level, "\(text)")
        }
    }

    private func write(_ method: String, id: Int64? = nil, _ params: JSONObject) {
        var message: JSONObject = ["jsonrpc": "2.0"]
        message["id"] = id.map(JSONValue.integer)
        message["method"] = .string(method)
        message["params"] = .object(params)
        var writer = JSONWriter()
        writer.value(.object(message))
        writer.newline()
        process?.input.yield(writer.bytes)
    }

    private func setTimer(_ now: Duration) {
        let deadline = supervisor.nextDeadline
        guard deadline != timerDeadline else { return }
        timerDeadline = deadline
        timer?.cancel()
        timer = nil
        guard let deadline else { return }
        let timer = DispatchSource.makeTimerSource(queue: executor.queue)
        timer.setEventHandler { [weak self] in self?.assumeIsolated { $0.timerFired() } }
        let wait = max(deadline - now, .zero).components
        let nanoseconds = Int(wait.seconds) * 1_000_000_000 + Int(wait.attoseconds / 1_000_000_000)
        timer.schedule(deadline: .now() + .nanoseconds(nanoseconds), leeway: .milliseconds(5))
        timer.activate()
        self.timer = timer
    }

    private func timerFired() {
        // It is set again in any case: the clocks may differ by a little.
        timerDeadline = nil
        handle(.tick)
    }
}

// MARK: - The process

extension PluginHost {
    private func runProcess() async {
        let event: PluginSupervisor.Event
        do throws(StorageError) {
            if !isSwept { launcher.sweep() }
            isSwept = true
            let launch = try launcher.launch()
            defer { launch.workDirectory.remove() }
            let (input, continuation) = AsyncStream<[UInt8]>.makeStream()
            let redactor = SecretRedactor(launch.secrets)
            process = Running(
                launch: launch,
                redactor: redactor,
                input: continuation,
                reader: PluginReader(limits: launcher.options.limits, redactor: redactor),
                log: PluginLog(limits: launcher.options.limits, redactor: redactor)
            )
            tellShadowing(launch)
            event = try await run(launch, input)
        } catch {
            event = .spawnFailed(error)
        }
        process = nil
        task = nil
        handle(event)
    }

    private func run(
        _ launch: PluginLauncher.Launch,
        _ input: AsyncStream<[UInt8]>
    ) async throws(StorageError) -> PluginSupervisor.Event {
        let program = PluginProcess(
            executable: launch.executable,
            environment: launch.environment,
            workDirectory: launch.workDirectory.path,
            input: input
        )
        let status: PluginExit.Status
        do {
            status = try await program.run(for: self)
        } catch {
            guard process?.hasStarted == true else { throw error }
            status = .unknown
        }
        log(process?.log.finish(at: start.duration(to: .now)) ?? [])
        return .exited(PluginExit(status: status, lastLines: process?.log.lastLines ?? []))
    }

    private func tellShadowing(_ launch: PluginLauncher.Launch) {
        guard !shadowingIsTold, !launch.shadowed.isEmpty else { return }
        shadowingIsTold = true
        let others = launch.shadowed.map { Excerpt.line($0.string) }.joined(separator: ", ")
        logger.warning("started is \(Excerpt.line(launch.executable.string)), not the later \(others)")
    }

    func processStarted(_ controls: PluginProcess.Controls) {
        process?.controls = controls
        process?.hasStarted = true
        handle(.spawned)
    }

    /// Returns whether more is wanted.
    func receiveOutput(_ block: SubprocessOutputSequence.Buffer) -> Bool {
        let messages = block.withUnsafeBytes { process?.reader.receive($0) } ?? []
        for message in messages {
            switch message {
            case .log(let level, let text): admit(text, Logger.Level(rawValue: level) ?? .info)
            case .ignored(let reason): admit("ignored: \(reason)", .debug)
            case .answer, .progress, .fault: handle(.received(message))
            }
        }
        return !supervisor.isDeaf
    }

    /// Returns whether more is wanted.
    func receiveError(_ block: SubprocessOutputSequence.Buffer) -> Bool {
        let now = start.duration(to: .now)
        log(block.withUnsafeBytes { process?.log.receive($0, at: now) } ?? [])
        guard let left = process?.leftToRead else { return true }
        process?.leftToRead = left - block.count
        return left > block.count
    }

    func outputEnded() {
        handle(.outputEnded)
    }

    /// The process has exited and its group was killed; its number is given back soon.
    func processEnded() {
        process?.controls = nil
        process?.input.finish()
        process?.leftToRead = 1 << 20
    }

    private func admit(_ text: String, _ level: Logger.Level) {
        for line in process?.log.admit(text, at: start.duration(to: .now)) ?? [] {
            logger.log(level: level, "\(line)")
        }
    }

    private func log(_ lines: [String]) {
        for line in lines { logger.info("\(line)") }
    }
}
