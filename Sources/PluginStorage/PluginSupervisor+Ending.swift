import JSON
import Logging
import Storage

extension PluginSupervisor {
    mutating func spawned(at now: Duration, _ actions: inout [Action]) {
        (spawnedAt, lastActivity) = (now, now)
        (hasAsked, wasReady, shutDownID) = (false, false, nil)
        phase = .up
        if isShutDown { endGently(at: now, &actions) }
    }

    /// `shutdown`, then the end of stdin; SIGTERM and SIGKILL follow when their time has come.
    mutating func endGently(at now: Duration, _ actions: inout [Action]) {
        let id = takeID()
        shutDownID = id
        hasAsked = true
        let patience = isShutDown ? times.lastEndOfInput : times.endOfInput
        phase = .ending(Ending(stage: .input, deadline: now + patience, isCrash: false))
        actions += [.shutDown(id: id), .closeInput]
    }

    /// The plugin did what it must not: it is ended without ado.
    mutating func fault(_ fault: PluginFault, at now: Duration, _ actions: inout [Action]) {
        if case .ending = phase {
            actions.append(.log(.warning, "\(errors.program) \(fault.text)"))
            return
        }
        actions.append(.closeInput)
        phase = .ending(Ending(stage: .input, deadline: nil, isCrash: true, fault: fault))
        escalate(at: now, &actions)
    }

    mutating func outputEnded(at now: Duration, _ actions: inout [Action]) {
        if case .ending = phase { return }
        // It has exited, as a rule: how, is told in a moment.
        let patience = isShutDown ? times.lastTermination : times.termination
        phase = .ending(Ending(stage: .input, deadline: now + patience, isCrash: true))
        actions.append(.closeInput)
    }

    /// Goes on to the next means of ending the process.
    private mutating func escalate(at now: Duration, _ actions: inout [Action]) {
        guard case .ending(var ending) = phase else { return }
        switch ending.stage {
        case .input:
            if ending.isCrash, ending.fault == nil { ending.fault = .closedOutput }
            ending.stage = .terminated
            ending.deadline = now + (isShutDown ? times.lastTermination : times.termination)
            actions.append(.terminate)
        case .terminated:
            ending.stage = .killed
            ending.deadline = nil
            actions.append(.kill)
        case .killed: break
        }
        phase = .ending(ending)
    }

    mutating func shutDown(at now: Duration, _ actions: inout [Action]) {
        guard !isShutDown else { return }
        isShutDown = true
        for request in takeQueue() {
            actions.append(.finish(request.ticket, .failure(errors.interrupted(request.operation, "klingd is ending"))))
        }
        for (id, flight) in inFlight.sorted(by: { $0.key < $1.key }) where !flight.isAbandoned {
            inFlight[id]?.isAbandoned = true
            let error = errors.interrupted(flight.request.operation, "klingd is ending")
            actions.append(.finish(flight.request.ticket, .failure(error)))
        }
        switch phase {
        case .down, .spawning: break
        case .up, .initializing, .ready: endGently(at: now, &actions)
        case .ending(var ending):
            let patience = ending.stage == .input ? times.lastEndOfInput : times.lastTermination
            ending.deadline = ending.deadline.map { min($0, now + patience) }
            phase = .ending(ending)
        }
    }

    mutating func exited(_ exit: PluginExit, at now: Duration, jitter: Double, _ actions: inout [Action]) {
        var isCrash = true
        var fault: PluginFault?
        if case .ending(let ending) = phase { (isCrash, fault) = (ending.isCrash, ending.fault) }
        // It was only slow to exit.
        if fault == .closedOutput, !exit.isBySignalOfOurs { fault = nil }
        phase = .down
        let flights = inFlight.sorted { $0.key < $1.key }.map(\.value).filter { !$0.isAbandoned }
        inFlight = [:]
        guard isCrash else {
            restart.endedWell()
            if exit.status != .code(0) {
                actions.append(.log(.warning, "\(errors.program) \(exit.text) when it was shut down\(exit.lastWords)"))
            }
            queue = flights.map(\.request) + queue
            return
        }
        lastCrash = (fault?.text ?? "\(exit.text) unasked") + exit.lastWords
        actions.append(.log(.warning, "\(errors.program) \(lastCrash)"))
        let decision = restart.crashed(at: now, after: now - spawnedAt, jitter: jitter)
        var again: [Request] = []
        for flight in flights {
            if let timeout = flight.timeout {
                actions.append(.finish(flight.request.ticket, .failure(timeout)))
            } else {
                again.append(flight.request)
            }
        }
        // Those who only waited for the plugin to be set up have seen it crash as well.
        if !wasReady {
            again += queue
            queue = []
        }
        for index in again.indices { again[index].crashes += 1 }
        for request in again where request.crashes > 1 {
            let during = request.operation == .prepare ? "" : " during \(request.operation.subject)"
            let error = errors.plugin("crashed twice\(during): it \(lastCrash)", key: request.operation.key)
            actions.append(.finish(request.ticket, .failure(error)))
        }
        queue = again.filter { $0.crashes <= 1 } + queue
        if case .pause(let end) = decision {
            let text =
                "\(errors.program) crashed \(limits.crashes) times within \(times.crashWindow.text): left alone until"
            actions.append(.log(.error, "\(text) \(calendar(end - now))"))
        }
    }
}

// MARK: - Time

extension PluginSupervisor {
    /// When the next ``Event/tick`` is due; `nil` when only others can make something happen.
    var nextDeadline: Duration? {
        switch phase {
        case .spawning: nil
        case .down: queue.isEmpty || isShutDown ? nil : restart.notBefore
        case .ending(let ending): ending.deadline
        case .initializing(_, let since):
            ([since + times.handshake] + inFlight.values.map(deadline)).min()
        case .up, .ready:
            queue.isEmpty && inFlight.isEmpty ? lastActivity + times.idle : inFlight.values.map(deadline).min()
        }
    }

    private func deadline(of flight: InFlight) -> Duration {
        if let cancelledAt = flight.cancelledAt { return cancelledAt + times.cancel }
        guard flight.request.operation != .describe else { return flight.sentAt + times.handshake }
        return min(flight.lastSign + times.silence, flight.sentAt + whole(flight.request.operation))
    }

    /// How long an operation may take with whatever progress.
    private func whole(_ operation: PluginOperation) -> Duration {
        times.operation + times.perByte * Double(operation.size)
    }

    mutating func watchTime(at now: Duration, _ actions: inout [Action]) {
        switch phase {
        case .down, .spawning: break
        case .ending(let ending):
            if let deadline = ending.deadline, now >= deadline { escalate(at: now, &actions) }
        case .initializing(_, let since) where now >= since + times.handshake:
            fault(.slow("initialize", times.handshake), at: now, &actions)
        case .initializing, .up, .ready:
            watchRequests(at: now, &actions)
            if case .ending = phase { return }
            if queue.isEmpty, inFlight.isEmpty, now >= lastActivity + times.idle { endGently(at: now, &actions) }
        }
    }

    private mutating func watchRequests(at now: Duration, _ actions: inout [Action]) {
        for (id, flight) in inFlight.sorted(by: { $0.key < $1.key }) where now >= deadline(of: flight) {
            let operation = flight.request.operation
            if flight.cancelledAt != nil {
                return fault(.ignoredCancel(operation.subject, times.cancel), at: now, &actions)
            }
            if operation == .describe { return fault(.slow("describe", times.handshake), at: now, &actions) }
            let total = whole(operation)
            let reason =
                now >= flight.sentAt + total
                ? "did not end \(operation.subject) within \(total.text) and was told to stop"
                : "neither answered \(operation.subject) nor sent '$/progress' for \(times.silence.text) and was told to stop"
            inFlight[id]?.timeout = errors.plugin(reason, key: operation.key)
            actions.append(.log(.warning, "\(errors.program) \(reason)"))
            askToCancel(id, at: now, &actions)
        }
    }
}
