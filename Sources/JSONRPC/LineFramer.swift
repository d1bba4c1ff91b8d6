#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Cuts a stream of bytes into lines.
///
/// A line ends at LF; one CR before it belongs to the ending. A byte order mark before the first line is dropped, lines
/// of white space are skipped, and a line beyond the limit is reported once and skipped to its LF, so that one bad line
/// costs neither memory nor the lines behind it.
package struct LineFramer {
    package enum Event {
        /// A line without its ending; valid only within the call.
        case line(UnsafeRawBufferPointer)
        /// A line longer than the limit begins; it is being skipped.
        case tooLong
    }

    /// In bytes, without the ending.
    package let limit: Int
    private var pending: [UInt8] = []
    private var isSkipping = false
    private var isFirst = true

    package init(limit: Int = 16 << 20) {
        self.limit = limit
    }

    /// Takes the next bytes of the stream.
    package mutating func receive(_ block: UnsafeRawBufferPointer, _ emit: (Event) -> Void) {
        var rest = block[...]
        while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
            guard let found = memchr(start, 0x0A, rest.count) else { break }
            let end = rest.startIndex + start.distance(to: found)
            finishLine(UnsafeRawBufferPointer(rebasing: rest[..<end]), emit)
            rest = rest[(end + 1)...]
        }
        guard !rest.isEmpty, !isSkipping else { return }
        // One byte more than the limit may be the CR of an ending that is still to come.
        guard pending.count + rest.count <= limit + 1 else {
            skip(emit)
            return
        }
        pending.append(contentsOf: rest)
    }

    /// The stream has ended: what is left without LF is a line too.
    package mutating func finish(_ emit: (Event) -> Void) {
        finishLine(UnsafeRawBufferPointer(start: nil, count: 0), emit)
    }

    private mutating func skip(_ emit: (Event) -> Void) {
        pending = []
        isSkipping = true
        isFirst = false
        emit(.tooLong)
    }

    private mutating func finishLine(_ tail: UnsafeRawBufferPointer, _ emit: (Event) -> Void) {
        guard !isSkipping else {
            isSkipping = false
            return
        }
        guard !pending.isEmpty else { return deliver(tail, emit) }
        pending.append(contentsOf: tail)
        let line = pending
        pending = []
        line.withUnsafeBytes { deliver($0, emit) }
    }

    private mutating func deliver(_ bytes: UnsafeRawBufferPointer, _ emit: (Event) -> Void) {
        var line = bytes[...]
        if line.last == 0x0D { line = line.dropLast() }
        // Before more is dropped: a line must not pass or fail by the blocks that it arrived in.
        guard line.count <= limit else {
            isFirst = false
            emit(.tooLong)
            return
        }
        if isFirst, line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
        isFirst = false
        guard line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { return }
        emit(.line(UnsafeRawBufferPointer(rebasing: line)))
    }
}
