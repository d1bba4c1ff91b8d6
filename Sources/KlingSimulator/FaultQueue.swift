/// The faults still to come, each request getting the first one that fits it.
struct FaultQueue: Sendable {
    private(set) var faults: [Fault]

    init(_ faults: [Fault] = []) {
        self.faults = faults.filter { $0.times != 0 }
    }

    mutating func append(contentsOf more: [Fault]) {
        faults += more.filter { $0.times != 0 }
    }

    mutating func removeAll() {
        faults = []
    }

    /// Takes the fault for a request that now comes to `endpoint`; `succeeds` tells whether it is one of those for
    /// which some faults wait (``Fault/Kind/waits(at:)``).
    mutating func next(for endpoint: Fault.Endpoint, succeeds: Bool) -> Fault? {
        let fits = { (fault: Fault) in fault.endpoint == endpoint && (succeeds || !fault.kind.waits(at: endpoint)) }
        guard let index = faults.firstIndex(where: fits) else { return nil }
        let fault = faults[index]
        if fault.times == 1 {
            faults.remove(at: index)
        } else if fault.times > 1 {
            faults[index].times -= 1
        }
        return fault
    }
}
