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

    /// Takes the next bytes of the stream, up to the end of the line after which `emit` wants no more for now.
    ///
    /// Returns how many bytes were taken; the others are to be given again, before any that follow them.
    package mutating func receive(_ block: UnsafeRawBufferPointer, _ emit: (Event) -> Bool) -> Int {
        var rest = block[...]
        while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
            guard let found = memchr(start, 0x0A, rest.count) else { break }
            let end = rest.startIndex + start.distance(to: found)
            let goesOn = finishLine(UnsafeRawBufferPointer(rebasing: rest[..<end]), emit)
            rest = rest[(end + 1)...]
            guard goesOn else { return rest.startIndex }
        }
        guard !rest.isEmpty, !isSkipping else { return block.count }
        // One byte more than the limit may be the CR of an ending that is still to come.
        guard pending.count + rest.count <= limit + 1 else {
            pending = []
            isSkipping = true
            isFirst = false
            _ = emit(.tooLong)
            return block.count
        }
        pending.append(contentsOf: rest)
        return block.count
    }

    /// The stream has ended: what is left without LF is a line too.
    package mutating func finish(_ emit: (Event) -> Void) {
        _ = finishLine(UnsafeRawBufferPointer(start: nil, count: 0)) { event in
            emit(event)
            return true
        }
    }

    /// Whether more lines are wanted; what is dropped silently does not change that.
    private mutating func finishLine(_ tail: UnsafeRawBufferPointer, _ emit: (Event) -> Bool) -> Bool {
        guard !isSkipping else {
            isSkipping = false
            return true
        }
        guard !pending.isEmpty else { return deliver(tail, emit) }
        pending.append(contentsOf: tail)
        let line = pending
        pending = []
        return line.withUnsafeBytes { deliver($0, emit) }
    }

    private mutating func deliver(_ bytes: UnsafeRawBufferPointer, _ emit: (Event) -> Bool) -> Bool {
        var line = bytes[...]
        if line.last == 0x0D { line = line.dropLast() }
        // Before more is dropped: a line must not pass or fail by the blocks that it arrived in.
        guard line.count <= limit else {
            isFirst = false
            return emit(.tooLong)
        }
        if isFirst, line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
        isFirst = false
        guard line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { return true }
        return emit(.line(UnsafeRawBufferPointer(rebasing: line)))
    }
}
