package import GenerationTasks
import JSON

extension GenerationService {
    /// What changed after a cursor, and the cursor behind it.
    package struct Events: Sendable {
        package var tasks: [GenerationTask]
        package var next: String
    }

    /// Tasks that changed after `cursor`, each in its newest version; without one from the beginning.
    package func events(after cursor: String?, limit: Int) async throws(TaskError) -> Events {
        do {
            let identity = try await ledger.identity()
            let last = try await ledger.lastSequence()
            let sequence =
                try cursor.map { text throws(TaskError) in try Self.sequence(in: text, of: identity, last: last) } ?? 0
            let tasks = try await ledger.changes(after: sequence, limit: limit)
            return Events(tasks: tasks, next: "\(identity).\(tasks.last?.sequence ?? sequence)")
        } catch let error as LedgerError {
            throw TaskError(error)
        } catch let error as TaskError {
            throw error
        } catch {
            throw TaskError(.internal, "\(error)")
        }
    }

    /// The cursor behind everything that has happened so far.
    package func latestCursor() async throws(LedgerError) -> String {
        "\(try await ledger.identity()).\(try await ledger.lastSequence())"
    }

    /// A cursor from beyond the last change is of a ledger that was put back to a copy: from there on it tells nothing.
    private static func sequence(in cursor: String, of identity: String, last: Int64) throws(TaskError) -> Int64 {
        let parts = cursor.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == identity, let sequence = Int64(parts[1]), (0...last).contains(sequence),
            parts[1] == "\(sequence)"
        else {
            throw TaskError(
                .invalidParams,
                "'after' is no cursor of this ledger; leave it out to begin at the oldest task",
                pointer: .root.member("after")
            )
        }
        return sequence
    }
}
