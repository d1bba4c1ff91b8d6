import Synchronization

#if canImport(Glibc)
    package import Glibc
#elseif canImport(Musl)
    package import Musl
#else
    package import Darwin
#endif

/// What a ``SerialLoop`` waits for besides its jobs.
package protocol PollSource: AnyObject {
    /// Whether the loop is to return.
    var isFinished: Bool { get }
    /// Adds the descriptors to wait for. Called before each wait, after all jobs that were ready have run.
    func prepare(_ descriptors: inout [pollfd])
    /// What became of the descriptors that were added, in their order.
    func process(_ descriptors: ArraySlice<pollfd>)
}

/// A serial executor on a thread that also polls descriptors.
///
/// Actors on it and the code that reads and writes the wire take turns on one thread, so an answer from memory needs no
/// hop between threads (`speed-facts.md`: 0.7 of the time of a C program that answers as much, against 1.04 with a hop).
/// A task may prefer it for its code that is on no actor, too: then the concurrency pool, whose library on Linux looks
/// after its threads every second from their first job on, is not started for it.
package final class SerialLoop: SerialExecutor, TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isPolling = false
        var thread: pthread_t?
    }

    private let state = Mutex(State())
    /// A byte written to the second wakes a poll on the first: portable, where eventfd is not.
    private let wakeRead: Int32
    private let wakeWrite: Int32

    /// Fails when the process has no descriptors left.
    package init?() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        (wakeRead, wakeWrite) = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        close(wakeRead)
        close(wakeWrite)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let mustWake = state.withLock { state in
            state.jobs.append(job)
            defer { state.isPolling = false }
            return state.isPolling
        }
        if mustWake { wake() }
    }

    /// Makes the loop look at its source again. From any thread.
    package func wake() {
        var byte: UInt8 = 1
        // A full pipe wakes as well as one more byte would.
        _ = write(wakeWrite, &byte, 1)
    }

    package func isIsolatingCurrentContext() -> Bool? {
        state.withLock { state in state.thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    package func checkIsolated() {
        precondition(isIsolatingCurrentContext() == true, "not on the thread of this loop")
    }

    /// Runs jobs and serves `source` on the calling thread until the source is finished. One thread at a time.
    package func run(_ source: some PollSource) {
        state.withLock { $0.thread = pthread_self() }
        var descriptors: [pollfd] = []
        while true {
            runJobs()
            descriptors.removeAll(keepingCapacity: true)
            descriptors.append(pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0))
            source.prepare(&descriptors)
            // Preparing may have written the last line: nothing would wake the loop after that.
            guard !source.isFinished else { return }
            let hasJobs = state.withLock { state in
                state.isPolling = state.jobs.isEmpty
                return !state.isPolling
            }
            let ready = poll(&descriptors, nfds_t(descriptors.count), hasJobs ? 0 : -1)
            state.withLock { $0.isPolling = false }
            // Interrupted by a signal: nothing is known of the descriptors.
            guard ready > 0 else { continue }
            if descriptors[0].revents != 0 { emptyWakePipe() }
            source.process(descriptors[1...])
        }
    }

    private func runJobs() {
        // A job may enqueue others without end; a bounded number of rounds lets the wire have its turn.
        for _ in 0..<64 {
            let jobs = state.withLock { state in
                defer { state.jobs = [] }
                return state.jobs
            }
            guard !jobs.isEmpty else { return }
            for job in jobs {
                job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            }
        }
    }

    private func emptyWakePipe() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(wakeRead, &bytes, bytes.count) == bytes.count {}
    }
}

/// Lets a loop run its jobs until it is told to stop.
package final class StopSource: PollSource, Sendable {
    private let loop: SerialLoop
    private let stopped = Atomic(false)

    package init(_ loop: SerialLoop) {
        self.loop = loop
    }

    package var isFinished: Bool { stopped.load(ordering: .acquiring) }

    package func stop() {
        stopped.store(true, ordering: .releasing)
        loop.wake()
    }

    package func prepare(_ descriptors: inout [pollfd]) {}
    package func process(_ descriptors: ArraySlice<pollfd>) {}
}
