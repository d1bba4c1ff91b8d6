import JSON
import JSONRPC
import Storage

extension PluginSupervisor {
    mutating func receive(_ message: PluginMessage, at now: Duration, _ actions: inout [Action]) {
        guard !isDeaf else { return }
        switch message {
        case .fault(let fault): self.fault(fault, at: now, &actions)
        case .answer(let id, let outcome): answer(id, outcome, at: now, &actions)
        case .progress(let id):
            if inFlight[id]?.cancelledAt == nil { inFlight[id]?.lastSign = now }
        // They are for the log alone.
        case .log, .ignored: break
        }
    }

    private mutating func answer(
        _ id: Int64,
        _ outcome: Result<JSONValue, RPCError>,
        at now: Duration,
        _ actions: inout [Action]
    ) {
        if case .initializing(id, _) = phase { return initialized(outcome, at: now, &actions) }
        if let flight = inFlight.removeValue(forKey: id) {
            lastActivity = now
            guard !flight.isAbandoned else { return }
            let result = outcome.mapError { error in
                // What came of a cancel that we asked for is told as why we did.
                if let timeout = flight.timeout, error.data?["kind"] == "cancelled" { return timeout }
                return errors.answered(error, to: flight.request.operation)
            }
            actions.append(.finish(flight.request.ticket, result))
        } else if id != shutDownID {
            fault(hasAsked ? .unknownID("\(id)") : .early("\(id)"), at: now, &actions)
        }
    }

    private mutating func initialized(
        _ outcome: Result<JSONValue, RPCError>,
        at now: Duration,
        _ actions: inout [Action]
    ) {
        switch outcome {
        case .success(let answer):
            do {
                let handshake = try PluginHandshake(answer: answer)
                guard PluginErrors.versions.contains(handshake.version) else {
                    return fault(.version(handshake.version, of: PluginErrors.versions), at: now, &actions)
                }
                concurrency = handshake.concurrency
                phase = .ready
                wasReady = true
                lastActivity = now
                actions.append(.declare(handshake))
            } catch {
                fault(.badAnswer("initialize", error), at: now, &actions)
            }
        case .failure(let error):
            let isMismatch = error.data?["kind"] == "version"
            var told = isMismatch ? errors.mismatch(error) : errors.answered(error, to: .prepare)
            for request in takeQueue() {
                told.key = request.operation.key
                actions.append(.finish(request.ticket, .failure(told)))
            }
            endGently(at: now, &actions)
        }
    }
}
