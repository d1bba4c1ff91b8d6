package import JSON

/// What is to be written, as whole lines, in bounded memory as far as that is ours to bound.
///
/// Answers are never dropped and never merged. Updates of one subject replace one another while the reader lags: it
/// then gets the newest state of each, and one that keeps up gets every update in its place between the answers.
package struct Outbox: ~Copyable {
    /// Bytes above which the other side lags: reading should pause and updates coalesce.
    package static let limit = 4 << 20
    private static let updatesWaitFrom = 256 << 10

    private var lines = JSONWriter(capacity: 64 << 10)
    private var written = 0
    private var waiting: [(subject: String, line: [UInt8])] = []
    private var placeOf: [String: Int] = [:]

    package init() {}

    /// Bytes of lines that are still to be written.
    package var count: Int { lines.count - written }
    package var isEmpty: Bool { count == 0 && waiting.isEmpty }

    /// Adds one line; `write` writes exactly one JSON value.
    package mutating func line(_ write: (inout JSONWriter) -> Void) {
        write(&lines)
        lines.newline()
    }

    /// Adds one line if `write` says that it wrote one; otherwise takes back what it wrote.
    package mutating func lineIfWritten(_ write: (inout JSONWriter) -> Bool) {
        let mark = lines.mark
        if write(&lines) {
            lines.newline()
        } else {
            lines.goBack(to: mark)
        }
    }

    /// Adds one line that is JSON text already, without its line break.
    package mutating func line(_ text: [UInt8]) {
        line { writer in text.withUnsafeBytes { writer.raw($0) } }
    }

    /// Adds a line about `subject` that may be replaced by a later one about it as long as it is not being written.
    package mutating func update(_ subject: String, _ text: [UInt8]) {
        guard count >= Self.updatesWaitFrom || !waiting.isEmpty else { return line(text) }
        if let place = placeOf[subject] {
            waiting[place].line = text
        } else {
            placeOf[subject] = waiting.count
            waiting.append((subject, text))
        }
    }

    /// Hands what is to be written to `write`, which returns how many bytes it took.
    package mutating func flush(_ write: (UnsafeRawBufferPointer) -> Int) {
        if count < Self.updatesWaitFrom, !waiting.isEmpty {
            for (_, text) in waiting { line(text) }
            waiting = []
            placeOf = [:]
        }
        guard count > 0 else { return }
        written += lines.withBytes { write(UnsafeRawBufferPointer(rebasing: $0[written...])) }
        // Moving the rest costs time in its length, so it waits until at least as much was written.
        if written == lines.count || written >= count {
            lines.removeFirst(written)
            written = 0
        }
    }
}
