import JSON

/// The one owner of what changes while the simulator runs.
actor SimulatorState {
    private var provider: Provider
    private var clock = SimulatorClock()

    init(_ configuration: SimulatorConfiguration) {
        provider = Provider(configuration)
    }

    func create(_ request: Result<GenerationRequest, Refusal>, authorization: String?) -> Reply {
        provider.create(request, authorization: authorization, at: clock.now)
    }

    func lookUp(_ id: String, authorization: String?, base: String) -> Reply {
        provider.lookUp(id, authorization: authorization, base: base, at: clock.now)
    }

    func list(query: String, authorization: String?, base: String) -> Reply {
        provider.list(query: query, authorization: authorization, base: base, at: clock.now)
    }

    func stray(path: String, isWrongMethod: Bool) -> Reply {
        provider.stray(path: path, isWrongMethod: isWrongMethod)
    }

    func image(path: String, query: String, hasCredentials: Bool) -> Reply {
        provider.image(path: path, query: query, hasCredentials: hasCredentials, at: clock.now)
    }

    func bill() -> JSONValue { provider.billed(at: clock.now) }

    /// Adds faults behind those that wait, and tells how many wait now.
    func add(_ faults: [Fault]) -> Int {
        provider.add(faults)
        return provider.faults.faults.count
    }

    func clearFaults() { provider.clearFaults() }

    /// Sets the clock forward and tells the new time, in Unix milliseconds.
    func advanceClock(milliseconds: Int64) -> Int64 {
        clock.advance(milliseconds: milliseconds)
        return clock.now
    }
}
