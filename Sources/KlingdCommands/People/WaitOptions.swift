import ArgumentParser
import GenerationTasks

/// How long a command waits for its tasks.
struct WaitOptions: ParsableArguments {
    @Option(help: "Until when to wait: queued (in the ledger; a klingd at work sends it), submitted or stored.")
    var waitFor: WaitTarget?

    @Option(help: ArgumentHelp("How long to wait at the most.", valueName: "seconds"))
    var timeout: Double?

    mutating func validate() throws {
        if let timeout, !(0...31_536_000).contains(timeout) {
            throw ValidationError("--timeout must be 0 to 31536000 seconds, not \(timeout)")
        }
    }

    /// The time to wait, as given or `usual`.
    func duration(_ usual: Duration) -> Duration { timeout.map { .seconds($0) } ?? usual }

    /// As good as for ever.
    static let longest = Duration.seconds(31_536_000)
}

extension WaitTarget: ExpressibleByArgument {}
