import Dispatch
import Synchronization

/// One lane for everything a test does, actors and child tasks alike. So "nothing is left to do until the clock moves"
/// is a fact that a test can await, and no test has to sleep.
final class TestExecutor: SerialExecutor, TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isRunning = false
        var settling: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isIdle = state.withLock { state in
            state.jobs.append(job)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if isIdle { DispatchQueue.global().async { self.drain() } }
    }

    private func drain() {
        while true {
            let (jobs, settled) = state.withLock { state in
                let jobs = state.jobs
                state.jobs = []
                let settled = jobs.isEmpty ? state.settling.popLast() : nil
                if jobs.isEmpty, settled == nil { state.isRunning = false }
                return (jobs, settled)
            }
            if jobs.isEmpty, settled == nil { return }
            for job in jobs {
                job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            }
            settled?.resume()
        }
    }

    /// Returns once everybody else waits: for the clock, for something the test holds back, or for each other.
    func settle() async {
        await withCheckedContinuation { continuation in
            state.withLock { $0.settling.append(continuation) }
        }
    }
}
