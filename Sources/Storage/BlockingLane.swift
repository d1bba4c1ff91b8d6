import Dispatch

/// Runs calls that block on a disk, one after the other, on a thread that is not one of the concurrency pool's.
///
/// The pool has as many threads as the machine has cores: a slow disk under two images would otherwise stop the
/// whole process. Several lanes give a bounded concurrency; a thread exists only while there is work.
package actor BlockingLane {
    private let executor = QueueExecutor()

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package init() {}

    package func run<Value: Sendable>(
        _ work: @Sendable () throws(StorageError) -> Value
    ) throws(StorageError) -> Value {
        try work()
    }
}

private final class QueueExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "klingd.storage")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
