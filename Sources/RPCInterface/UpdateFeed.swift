package import GenerationTasks
import JSON
package import JSONRPC

/// Which tasks a connection is told about, and the telling.
package actor UpdateFeed {
    private let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let isEnabled: Bool
    private let table: TaskTable
    private var subscribed: Set<TaskID> = []
    private var connection: Connection?

    /// `table` is told whom to follow: others may work on a task that somebody here asked for.
    package init(executor: any SerialExecutor, table: TaskTable, isEnabled: Bool) {
        self.executor = executor
        self.table = table
        self.isEnabled = isEnabled
    }

    package func attach(_ connection: Connection) { self.connection = connection }

    func subscribe(_ id: TaskID) {
        guard isEnabled else { return }
        subscribed.insert(id)
        table.assumeIsolated { $0.follow(id) }
    }

    func unsubscribe(_ id: TaskID) {
        subscribed.remove(id)
        table.assumeIsolated { $0.unfollow(id) }
    }

    /// Tells of a durable version of a task, if somebody asked for it.
    package func publish(_ task: GenerationTask) {
        guard subscribed.contains(task.id) else { return }
        if task.state.isTerminal { subscribed.remove(task.id) }
        connection?.assumeIsolated { connection in
            connection.notify("task-updated", subject: task.id.description) { writer in
                RPCInterface.write(event: task, to: &writer)
            }
        }
    }
}
