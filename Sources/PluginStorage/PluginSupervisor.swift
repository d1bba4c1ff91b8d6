import JSON
import JSONRPC
import Logging
import Storage

/// The rules of running one plugin, without I/O and without a clock: events in, actions out.
///
/// It keeps at most one process, sets it up, gives it as many requests as it takes at once, watches the time, ends it
/// when it misbehaves or has nothing to do, and asks again once what was in flight when it died. Every request that
/// was asked is finished exactly once. Moments are on a clock that never jumps, since its start.
struct PluginSupervisor {
    /// Names one request of the host's; never used twice.
    typealias Ticket = UInt64

    enum Event: Sendable {
        case ask(Ticket, PluginOperation)
        /// Who asked wants no answer any more.
        case cancel(Ticket)
        /// The process that was asked for runs.
        case spawned
        /// It could not be started.
        case spawnFailed(StorageError)
        case received(PluginMessage)
        /// The plugin closed its stdout: nothing more comes from it.
        case outputEnded
        /// The process and its group are gone.
        case exited(PluginExit)
        /// ``PluginSupervisor/nextDeadline`` has come.
        case tick
        /// klingd ends.
        case shutDown
    }

    enum Action: Sendable {
        case spawn
        case initialize(id: Int64)
        case send(id: Int64, PluginOperation)
        case cancel(id: Int64)
        case shutDown(id: Int64)
        case closeInput
        /// SIGTERM to the process group.
        case terminate
        /// SIGKILL to the process group.
        case kill
        /// The outcome of a request; of ``PluginOperation/prepare`` it is null.
        case finish(Ticket, Result<JSONValue, StorageError>)
        /// The plugin has been set up and is this.
        case declare(PluginHandshake)
        case log(Logger.Level, String)
    }

    struct Request {
        var ticket: Ticket
        var operation: PluginOperation
        /// Crashes that it has seen.
        var crashes = 0
    }

    struct InFlight {
        var request: Request
        var sentAt: Duration
        var lastSign: Duration
        var cancelledAt: Duration?
        /// What it comes to when the plugin does not do it after all; `nil` while there is time.
        var timeout: StorageError?
        /// Finished already; only the plugin's answer is missing.
        var isAbandoned = false
    }

    enum Phase {
        case down
        case spawning
        /// Runs and has not been set up.
        case up
        case initializing(id: Int64, since: Duration)
        case ready
        case ending(Ending)
    }

    struct Ending {
        enum Stage { case input, terminated, killed }

        var stage: Stage
        /// Of the stage; `nil` when nothing more can be done.
        var deadline: Duration?
        /// The plugin did not end because it was told to.
        var isCrash: Bool
        var fault: PluginFault?
    }

    let errors: PluginErrors
    let times: PluginTimes
    let limits: PluginLimits
    /// A moment as people read it.
    let calendar: @Sendable (_ fromNow: Duration) -> String

    var phase = Phase.down
    var queue: [Request] = []
    var inFlight: [Int64: InFlight] = [:]
    var restart: RestartPolicy
    /// Of the plugin that runs or ran last.
    var concurrency = 1
    var spawnedAt = Duration.zero
    var lastActivity = Duration.zero
    var nextID: Int64 = 1
    var shutDownID: Int64?
    var hasAsked = false
    var wasReady = false
    var isShutDown = false
    var lastCrash = ""

    init(
        errors: PluginErrors,
        times: PluginTimes,
        limits: PluginLimits,
        calendar: @escaping @Sendable (_ fromNow: Duration) -> String
    ) {
        self.errors = errors
        self.times = times
        self.limits = limits
        self.calendar = calendar
        restart = RestartPolicy(times: times, crashes: limits.crashes)
    }

    /// Whether nothing of the plugin runs and nobody waits.
    var isAtRest: Bool {
        guard case .down = phase else { return false }
        return queue.isEmpty
    }

    /// Whether nothing that the plugin says counts any more.
    var isDeaf: Bool {
        guard case .ending(let ending) = phase else { return false }
        return ending.isCrash
    }

    mutating func handle(_ event: Event, at now: Duration, jitter: Double) -> [Action] {
        var actions: [Action] = []
        switch event {
        case .ask(let ticket, let operation):
            guard !isShutDown else {
                return [.finish(ticket, .failure(errors.interrupted(operation, "klingd is ending")))]
            }
            lastActivity = now
            queue.append(Request(ticket: ticket, operation: operation))
        case .cancel(let ticket): cancel(ticket, at: now, &actions)
        case .spawned: spawned(at: now, &actions)
        case .spawnFailed(let error):
            phase = .down
            for request in takeQueue() { actions.append(.finish(request.ticket, .failure(error))) }
        case .received(let message): receive(message, at: now, &actions)
        case .outputEnded: outputEnded(at: now, &actions)
        case .exited(let exit): exited(exit, at: now, jitter: jitter, &actions)
        case .tick: watchTime(at: now, &actions)
        case .shutDown: shutDown(at: now, &actions)
        }
        pump(at: now, &actions)
        return actions
    }

    /// Does what can be done next for those who wait.
    private mutating func pump(at now: Duration, _ actions: inout [Action]) {
        switch phase {
        case .down:
            guard !queue.isEmpty, !isShutDown else { return }
            if restart.isPaused(at: now) {
                for request in takeQueue() {
                    actions.append(.finish(request.ticket, .failure(pausedError(request.operation, at: now))))
                }
            } else if now >= restart.notBefore {
                phase = .spawning
                actions.append(.spawn)
            }
        case .spawning, .initializing, .ending: return
        case .up:
            // How many it takes at once is not known yet.
            if inFlight.isEmpty, let index = queue.firstIndex(where: { $0.operation == .describe }) {
                send(queue.remove(at: index), at: now, &actions)
            }
            guard queue.contains(where: { $0.operation != .describe }) else { return }
            let id = takeID()
            hasAsked = true
            phase = .initializing(id: id, since: now)
            actions.append(.initialize(id: id))
        case .ready:
            while let first = queue.first {
                if first.operation == .prepare {
                    queue.removeFirst()
                    actions.append(.finish(first.ticket, .success(.null)))
                } else if inFlight.count < concurrency {
                    send(queue.removeFirst(), at: now, &actions)
                } else {
                    return
                }
            }
        }
    }

    private mutating func send(_ request: Request, at now: Duration, _ actions: inout [Action]) {
        let id = takeID()
        hasAsked = true
        lastActivity = now
        inFlight[id] = InFlight(request: request, sentAt: now, lastSign: now)
        actions.append(.send(id: id, request.operation))
    }

    mutating func takeID() -> Int64 {
        defer { nextID += 1 }
        return nextID
    }

    private mutating func cancel(_ ticket: Ticket, at now: Duration, _ actions: inout [Action]) {
        func given(up operation: PluginOperation) -> Action {
            .finish(ticket, .failure(errors.interrupted(operation, "the call was cancelled")))
        }
        if let index = queue.firstIndex(where: { $0.ticket == ticket }) {
            actions.append(given(up: queue.remove(at: index).operation))
        } else if let (id, flight) = inFlight.first(where: { $0.value.request.ticket == ticket }), !flight.isAbandoned {
            inFlight[id]?.isAbandoned = true
            actions.append(given(up: flight.request.operation))
            askToCancel(id, at: now, &actions)
        }
    }

    mutating func askToCancel(_ id: Int64, at now: Duration, _ actions: inout [Action]) {
        guard let flight = inFlight[id], flight.cancelledAt == nil else { return }
        inFlight[id]?.cancelledAt = now
        if case .ending = phase { return }
        actions.append(.cancel(id: id))
    }

    /// Those who wait, who must be finished now.
    mutating func takeQueue() -> [Request] {
        defer { queue = [] }
        return queue
    }

    func pausedError(_ operation: PluginOperation, at now: Duration) -> StorageError {
        let rest = max((restart.pausedUntil ?? now) - now, .zero)
        return errors.plugin(
            "crashed \(limits.crashes) times within \(times.crashWindow.text) and is left alone until "
                + "\(calendar(rest)); the last time it \(lastCrash)",
            retryAfter: rest,
            key: operation.key
        )
    }
}
