package import GenerationTasks
import JSON
package import JSONRPC

/// Which tasks a connection is told about, and the telling.
package actor UpdateFeed {
    private let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let isEnabled: Bool
    private var subscribed: Set<TaskID> = []
    private var connection: Connection?

    package init(executor: any SerialExecutor, isEnabled: Bool) {
        self.executor = executor
        self.isEnabled = isEnabled
    }

    package func attach(_ connection: Connection) { self.connection = connection }

    func subscribe(_ id: TaskID) {
        if isEnabled { subscribed.insert(id) }
    }

    /// Tells of a durable version of a task, if somebody asked for it.
    package func publish(_ task: GenerationTask) {
        guard subscribed.contains(task.id) else { return }
        if task.state.isTerminal { subscribed.remove(task.id) }
        connection?.assumeIsolated { connection in
            connection.notify("task-updated", subject: task.id.description) { writer in
                writer.beginObject()
                writer.name("seq")
                writer.integer(task.sequence)
                writer.name("task")
                task.write(to: &writer)
                writer.endObject()
            }
        }
    }
}
