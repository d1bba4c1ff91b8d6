import JSONRPC
import Synchronization

/// Asynchronous work of a command, on the loop of the thread that waits for it.
enum CommandLoop {
    /// Runs `body` to its end.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) throws(CommandFailure) -> Value {
        guard let loop = SerialLoop() else { throw .noDescriptors }
        let (outcome, end) = (Kept<Value>(), StopSource(loop))
        // Owned by this function, which waits for its end in the loop.
        Task(executorPreference: loop) {
            outcome.set(await body())
            end.stop()
        }
        loop.run(end)
        guard let value = outcome.value else {
            throw CommandFailure(message: "the work was ended before it was done", exitCode: CommandFailure.failed)
        }
        return value
    }
}

/// A value on its way from a loop to the thread that waits for it.
final class Kept<Value: Sendable>: Sendable {
    private let kept = Mutex<Value?>(nil)

    var value: Value? { kept.withLock { $0 } }
    func set(_ value: Value) { kept.withLock { $0 = value } }
}
