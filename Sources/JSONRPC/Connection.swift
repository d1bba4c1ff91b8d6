package import JSON

/// One side of a JSON-RPC 2.0 connection: serves the other side's requests and makes requests of its own.
///
/// It runs on the executor it is given, which is the one of the thread that reads; the transport feeds it bytes and
/// takes its lines.
package actor Connection {
    private let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let handler: any RequestHandler
    private let log: @Sendable (String) -> Void
    private var state: ConnectionState
    private var running: [ConnectionState.Serial: Task<Void, Never>] = [:]
    private var calls: [Int64: CheckedContinuation<Result<JSONValue, RPCError>, Never>] = [:]
    private var nextCall: Int64 = 1
    /// What came in and waits for room, from `keptStart` on; it begins with a line.
    private var kept: [UInt8] = []
    private var keptStart = 0
    private var inputEnded = false
    private var waitsEnded = false
    private var isClosed = false
    /// While requests are handled the outbox may stand in the middle of a line; what is told meanwhile follows it.
    private var isHandling = false
    private var toldMeanwhile: [(subject: String, line: [UInt8])] = []

    /// `log` gets one line for what came in and gets no answer.
    package init(
        executor: any SerialExecutor,
        handler: any RequestHandler,
        parser: MessageParser = MessageParser(),
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.executor = executor
        self.handler = handler
        self.log = log
        state = ConnectionState(parser: parser)
    }

    /// Whether more input is welcome: neither lines to handle, lines to write nor pending requests have piled up.
    package var wantsInput: Bool { !hasKept && state.hasRoom }
    /// Whether requests are still to be answered, those that wait for room among them.
    package var hasPending: Bool { hasKept || state.hasWaiting || !running.isEmpty }
    package var hasOutput: Bool { !state.outbox.isEmpty }
    /// Bytes of lines that are still to be written.
    var outputCount: Int { state.outbox.count }
    var pendingCount: Int { state.pendingCount }

    private var hasKept: Bool { keptStart < kept.count }

    /// Handles the lines of `block` as long as there is room, and keeps the others for ``resume()``.
    package func receive(_ block: UnsafeRawBufferPointer) {
        // Nothing may overtake what is kept.
        let taken = hasKept ? 0 : take(block)
        kept.append(contentsOf: block[taken...])
    }

    /// Handles kept lines as long as there is room; whether there were any for which there was.
    package func resume() -> Bool {
        startWaiting()
        guard hasKept, state.hasRoom else { return false }
        let bytes = kept
        let taken = bytes.withUnsafeBytes { take(UnsafeRawBufferPointer(rebasing: $0[keptStart...])) }
        keptStart += taken
        guard !hasKept else { return true }
        (kept, keptStart) = ([], 0)
        if inputEnded { finishLastLine() }
        return true
    }

    /// The other side will send no more; what was asked goes on.
    package func finishInput() {
        inputEnded = true
        if !hasKept { finishLastLine() }
    }

    /// Starts what waits for room for its answer.
    private func startWaiting() {
        var events: [ConnectionState.Event] = []
        state.startWaiting { events.append($0) }
        events.forEach(run)
    }

    private func take(_ block: UnsafeRawBufferPointer) -> Int {
        var events: [ConnectionState.Event] = []
        isHandling = true
        let taken = state.receive(
            block,
            handle: { handler.handle($0, writer: &$1, connection: self) },
            emit: { events.append($0) }
        )
        endHandling(events)
        return taken
    }

    private func finishLastLine() {
        var events: [ConnectionState.Event] = []
        isHandling = true
        state.finishInput(handle: { handler.handle($0, writer: &$1, connection: self) }, emit: { events.append($0) })
        endHandling(events)
        failCalls()
    }

    /// Makes every pending request answer with what is known now, and those that are still to be handled likewise.
    package func endWaits() {
        waitsEnded = true
        for task in running.values { task.cancel() }
    }

    /// Nobody reads any more: lines are dropped from here on.
    package func close() {
        isClosed = true
        state.outbox = Outbox()
        (kept, keptStart) = ([], 0)
        state.forgetWaiting()
        endWaits()
        failCalls()
    }

    /// Hands lines to `write`, which returns how many bytes it took.
    package func flush(_ write: (UnsafeRawBufferPointer) -> Int) {
        state.outbox.flush(write)
    }

    /// Sends a notification. A later one on the same subject may replace it while the other side lags.
    package func notify(_ method: String, subject: String, params: (inout JSONWriter) -> Void) {
        guard !isClosed else { return }
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("jsonrpc")
        writer.string("2.0")
        writer.name("method")
        writer.string(method)
        writer.name("params")
        params(&writer)
        writer.endObject()
        if isHandling {
            toldMeanwhile.append((subject, writer.bytes))
        } else {
            state.outbox.update(subject, writer.bytes)
        }
    }

    /// Asks the other side and waits for its answer; a connection that ends meanwhile answers with an error.
    package func call(_ method: String, params: JSONObject) async throws(RPCError) -> JSONValue {
        guard !inputEnded, !isClosed else { throw Self.connectionEnded }
        let id = nextCall
        nextCall += 1
        state.outbox.line { writer in
            writer.value([
                "jsonrpc": "2.0", "id": .integer(id), "method": .string(method), "params": .object(params),
            ])
        }
        return try await withCheckedContinuation { calls[id] = $0 }.get()
    }

    private static let connectionEnded = RPCError(
        code: 10_000,
        message: "the connection ended before the answer",
        data: ["kind": "internal"]
    )

    private func failCalls() {
        for call in calls.values { call.resume(returning: .failure(Self.connectionEnded)) }
        calls = [:]
    }

    private func endHandling(_ events: [ConnectionState.Event]) {
        isHandling = false
        for (subject, line) in toldMeanwhile { state.outbox.update(subject, line) }
        toldMeanwhile = []
        events.forEach(run)
    }

    private func run(_ event: ConnectionState.Event) {
        switch event {
        case .started(let serial, let operation):
            // Owned by `running` until it has answered; the transport goes on until `hasPending` is false.
            running[serial] = Task {
                let outcome = await operation()
                running[serial] = nil
                guard !isClosed else { return }
                state.answer(serial, outcome)
                startWaiting()
            }
            if waitsEnded { running[serial]?.cancel() }
        case .cancel(let serial): running[serial]?.cancel()
        case .notification(let request): handler.handle(notification: request, connection: self)
        case .response(let response):
            guard case .integer(let id) = response.id, let call = calls.removeValue(forKey: id) else {
                return log("a response to no request of ours was ignored")
            }
            call.resume(returning: response.outcome)
        case .ignored(let reason): log(reason)
        }
    }
}
