import Foundation
import Synchronization
import Testing

/// How many histories are run; `make test-long` asks for a million.
private let runs = ProcessInfo.processInfo.environment["KLINGD_SIMULATION_RUNS"].flatMap { UInt64($0) } ?? 6000

@Suite("Submit procedure, simulated", .serialized, .timeLimit(.minutes(30)))
struct SubmitSimulationTests {
    /// The first seed of each broken promise, looked for on both cores.
    private static func violations(_ seeds: Range<UInt64>, without off: Safeguard? = nil, most: Int = 3) -> [String] {
        let found = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 2) { half in
            for seed in seeds where seed % 2 == UInt64(half) {
                if found.withLock({ $0.count >= most }) { return }
                var simulation = Simulation(seed: seed, without: off)
                guard let violation = simulation.run() else { continue }
                var told = Simulation(seed: seed, without: off, isTold: true)
                _ = told.run()
                let story = told.history.joined(separator: "\n    ")
                found.withLock { $0.append("seed \(seed): \(violation)\n    \(story)") }
            }
        }
        return found.withLock { $0 }
    }

    @Test("pays at most once and loses nothing, whatever happens")
    func promises() {
        let violations = Self.violations(0..<runs)
        #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
        print("simulated \(runs) histories")
    }

    @Test("needs each safeguard: without it a seed breaks a promise", arguments: Safeguard.allCases)
    func necessity(of safeguard: Safeguard) {
        let violations = Self.violations(0..<200_000, without: safeguard, most: 1)
        #expect(!violations.isEmpty)
        print("without \(safeguard): \(violations.first?.prefix { $0 != "\n" } ?? "nothing breaks")")
    }
}
