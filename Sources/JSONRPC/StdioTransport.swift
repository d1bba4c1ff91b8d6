#if canImport(Glibc)
    package import Glibc
#elseif canImport(Musl)
    package import Musl
#else
    package import Darwin
#endif

/// Carries a ``Connection`` over two descriptors on a ``SerialLoop``: stdin may be a pipe, a socket, a terminal or a
/// regular file.
///
/// Belongs to the thread of the loop.
package final class StdioTransport: PollSource {
    /// What happens to waiting requests when the input has ended.
    package enum EndOfInput: String, Sendable, CaseIterable {
        /// They run to their bound: a pipeline gets its answers.
        case drain
        /// They are answered at once with what is known.
        case detach
    }

    private let connection: Connection
    private let input: Int32?
    private let output: OutputDescriptor?
    private let endOfInput: EndOfInput
    private let interruption: Interruption
    private let onInterruption: () -> Void
    private let parent: Int32?
    private let onParentEnd: () -> Void
    private var isInterrupted = false
    private var inputEnded = false
    private var outputClosed = false
    private let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

    /// - Parameters:
    ///   - connection: On the loop that is to run the transport.
    ///   - streams: Closed at the end.
    ///   - endOfInput: What becomes of waits then.
    ///   - interruption: Ends it from outside.
    ///   - onInterruption: Called once the interruption was requested, before the waits end.
    ///   - parent: A descriptor that is readable once the process that started this one has ended. Closed at the end.
    ///   - onParentEnd: Called when it has ended while there is still input to come, which then may never end.
    package init(
        connection: Connection,
        streams: StandardStreams,
        endOfInput: EndOfInput,
        interruption: Interruption,
        onInterruption: @escaping () -> Void = {},
        parent: Int32? = nil,
        onParentEnd: @escaping () -> Void = {}
    ) {
        self.connection = connection
        self.interruption = interruption
        self.onInterruption = onInterruption
        self.parent = parent
        self.onParentEnd = onParentEnd
        input = streams.input
        output = streams.output.map(OutputDescriptor.init)
        self.endOfInput = endOfInput
        #if os(Linux)
            // Fewer wake-ups for those who pipeline; refused for what is not a pipe, which is fine.
            // F_SETPIPE_SZ of fcntl(2), which Glibc's module leaves out.
            let setPipeSize: Int32 = 1031
            if let input { _ = fcntl(input, setPipeSize, 1 << 20) }
        #endif
    }

    deinit {
        block.deallocate()
        if let input { close(input) }
        if let output { close(output.descriptor) }
        if let parent { close(parent) }
    }

    package var isFinished: Bool {
        guard inputEnded else { return false }
        let (hasPending, hasOutput) = connection.assumeIsolated { ($0.hasPending, $0.hasOutput) }
        return !hasPending && (outputClosed || !hasOutput)
    }

    package func prepare(_ descriptors: inout [pollfd]) {
        if output == nil { closeOutput() }
        if input == nil, !inputEnded { endInput() }
        if interruption.isRequested, !isInterrupted {
            isInterrupted = true
            onInterruption()
            if !inputEnded { endInput() }
            connection.assumeIsolated { $0.endWaits() }
        }
        // Writing makes room for lines that are kept, whose answers may be written at once.
        repeat { flush() } while connection.assumeIsolated { $0.resume() }
        let (wantsInput, hasOutput) = connection.assumeIsolated { ($0.wantsInput, $0.hasOutput) }
        if hasOutput, interruption.isGivenUp { closeOutput() }
        let reads = !inputEnded && wantsInput
        descriptors.append(pollfd(fd: reads ? input ?? -1 : -1, events: Int16(POLLIN), revents: 0))
        // Without events only the hang-up of the reader is reported.
        let writes = Int16(hasOutput ? POLLOUT : 0)
        descriptors.append(pollfd(fd: outputClosed ? -1 : output?.descriptor ?? -1, events: writes, revents: 0))
        // Only while reading, so that what the parent has sent before its end is read first.
        descriptors.append(pollfd(fd: reads ? parent ?? -1 : -1, events: Int16(POLLIN), revents: 0))
    }

    package func process(_ descriptors: ArraySlice<pollfd>) {
        let (input, output, parent) = (descriptors.startIndex, descriptors.startIndex + 1, descriptors.startIndex + 2)
        if descriptors[output].revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0 { closeOutput() }
        guard !inputEnded else { return }
        if descriptors[input].revents != 0 {
            readBlock()
        } else if descriptors[parent].revents != 0 {
            onParentEnd()
        }
    }

    private func readBlock() {
        guard let input else { return }
        let count = read(input, block.baseAddress, block.count)
        if count > 0 {
            let bytes = UnsafeRawBufferPointer(rebasing: block[..<count])
            // The bytes are read within the call, on this thread.
            nonisolated(unsafe) let received = bytes
            connection.assumeIsolated { $0.receive(received) }
        } else if count == 0 || (errno != EINTR && errno != EAGAIN) {
            endInput()
        }
    }

    private func endInput() {
        inputEnded = true
        let detaches = endOfInput == .detach
        connection.assumeIsolated { connection in
            connection.finishInput()
            if detaches { connection.endWaits() }
        }
    }

    private func closeOutput() {
        guard !outputClosed else { return }
        outputClosed = true
        inputEnded = true
        connection.assumeIsolated { $0.close() }
    }

    private func flush() {
        guard let output, !outputClosed else { return }
        var isClosed = false
        connection.assumeIsolated { connection in
            while connection.hasOutput {
                var stop = false
                connection.flush { bytes in
                    switch output.write(bytes) {
                    case .wrote(let count): return count
                    case .wouldBlock: stop = true
                    case .closed: (stop, isClosed) = (true, true)
                    }
                    return 0
                }
                if stop { break }
            }
        }
        if isClosed { closeOutput() }
    }
}
