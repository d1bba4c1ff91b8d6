import GenerationTasks
import Synchronization

/// The provider as a test tells it to be; remembers who was looked up when.
final class ScriptedLookUp: TaskLookUp {
    struct Call: Sendable, Equatable {
        var id: TaskID
        var taskID: String?
        /// Seconds by the clock.
        var at: Double
    }

    private struct State {
        var answer: @Sendable (GenerationTask) -> LookUpResult = { _ in .found(.sample(.processing)) }
        var calls: [Call] = []
        var underWay = 0
        var mostUnderWay = 0
        var isHolding = false
        var held: [CheckedContinuation<Void, Never>] = []
    }

    private let clock: TestClock
    private let state = Mutex(State())

    init(clock: TestClock) {
        self.clock = clock
    }

    var calls: [Call] { state.withLock(\.calls) }
    /// When look-ups were made, in seconds.
    var times: [Double] { calls.map(\.at) }
    /// How many were under way at the same time at most.
    var mostUnderWay: Int { state.withLock(\.mostUnderWay) }

    /// What is answered from now on.
    func answer(_ answer: @escaping @Sendable (GenerationTask) -> LookUpResult) {
        state.withLock { $0.answer = answer }
    }

    /// From now on answers wait.
    func hold() { state.withLock { $0.isHolding = true } }

    /// Lets the waiting answers go, and all that come.
    func release() {
        let held = state.withLock { state in
            defer { state.held = [] }
            state.isHolding = false
            return state.held
        }
        for look in held { look.resume() }
    }

    func lookUp(_ task: GenerationTask) async -> LookUpResult {
        state.withLock { state in
            state.calls.append(
                Call(id: task.id, taskID: task.taskID, at: Double(clock.now.elapsed.milliseconds) / 1000)
            )
            state.underWay += 1
            state.mostUnderWay = max(state.mostUnderWay, state.underWay)
        }
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                if state.isHolding { state.held.append(continuation) }
                return !state.isHolding
            }
            if goesOn { continuation.resume() }
        }
        return state.withLock { state in
            state.underWay -= 1
            return state.answer(task)
        }
    }
}
