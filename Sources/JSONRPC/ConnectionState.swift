package import JSON

/// The rules of JSON-RPC 2.0 for one connection, without I/O: bytes in, requests out; answers in, lines out.
package struct ConnectionState: ~Copyable {
    /// Names one pending request; ids cannot, since null is an id too.
    package typealias Serial = UInt64

    package enum Event {
        /// A request that is pending was started under this serial.
        case started(Serial, @Sendable () async -> Result<RPCResult, RPCError>)
        /// The client wants no more than what is known now.
        case cancel(Serial)
        case notification(Request)
        /// An answer to a call of ours.
        case response(Response)
        /// Something came that gets no answer; worth a line in the log.
        case ignored(String)
    }

    /// An answer's place: of its own, or in a batch.
    private enum Place {
        case line
        case batch(Serial, index: Int)
    }

    private struct Pending {
        var id: RequestID
        var place: Place
        var isBulky = false
    }

    /// A bulky request before its turn.
    private struct Waiting {
        var serial: Serial
        var operation: @Sendable () async -> Result<RPCResult, RPCError>
        var isCancelled = false
    }

    /// A batch is answered by one array in the order of its requests (section 6).
    private struct Batch {
        var answers: [[UInt8]?]
        var missing: Int
        /// Of the answers that are here, and of the bulky ones among them.
        var bytes = 0
        var bulkyBytes = 0
    }

    /// Pending requests from which on no more lines are handled: a client that pipelines endlessly is served at the pace
    /// of the work. A batch that begins below it is started as a whole.
    package static let pendingLimit = 1024
    /// Bytes of the bulky answers of one batch, which is held in memory until its last answer; those beyond are errors.
    package static let bulkyBatchLimit = 16 << 20

    package var outbox = Outbox()
    private var framer: LineFramer
    private let parser: MessageParser
    private var pending: [Serial: Pending] = [:]
    private var serials: [RequestID: Serial] = [:]
    private var batches: [Serial: Batch] = [:]
    /// Bytes of answers that wait for the rest of their batch.
    private var batchedBytes = 0
    private var waiting: [Waiting] = []
    /// The bulky request whose turn it is.
    private var bulkyInTurn: Serial?
    private var nextSerial: Serial = 1

    package init(parser: MessageParser = MessageParser()) {
        self.parser = parser
        framer = LineFramer(limit: parser.limits.bytes)
    }

    package var pendingCount: Int { pending.count }
    /// Whether another line may be handled: neither answers nor pending requests have piled up.
    package var hasRoom: Bool {
        outbox.count + batchedBytes < Outbox.limit && pending.count < Self.pendingLimit
    }

    /// Whether bulky requests wait for their turn.
    package var hasWaiting: Bool { !waiting.isEmpty }

    /// Starts the next bulky request, if it is its turn and there is room for its answer.
    ///
    /// Batches that came later do not count: what they miss may stand behind this one, and each would wait for the
    /// other. Those that came before it miss nothing that waits for a turn.
    package mutating func startWaiting(emit: (Event) -> Void) {
        guard bulkyInTurn == nil, let next = waiting.first else { return }
        let batch =
            switch pending[next.serial]?.place {
            case .batch(let batch, _): batch
            case .line, nil: next.serial
            }
        let earlier = batches.reduce(0) { $1.key < batch ? $0 + $1.value.bytes : $0 }
        guard outbox.count + earlier < Outbox.limit else { return }
        waiting.removeFirst()
        bulkyInTurn = next.serial
        emit(.started(next.serial, next.operation))
        if next.isCancelled { emit(.cancel(next.serial)) }
    }

    /// Nobody reads any more: what has not started never will.
    package mutating func forgetWaiting() {
        waiting = []
    }

    /// Handles lines as long as there is room, at least one; returns how many bytes that took.
    package mutating func receive(
        _ block: UnsafeRawBufferPointer,
        handle: (Request, inout JSONWriter) -> Handling,
        emit: (Event) -> Void
    ) -> Int {
        // The framer is taken out for the call, so that its lines can be handled while it runs.
        var framer = framer
        self.framer = LineFramer()
        let taken = framer.receive(block) { event in
            take(event, handle: handle, emit: emit)
            return hasRoom
        }
        self.framer = framer
        return taken
    }

    package mutating func finishInput(handle: (Request, inout JSONWriter) -> Handling, emit: (Event) -> Void) {
        var framer = framer
        framer.finish { take($0, handle: handle, emit: emit) }
        self.framer = framer
    }

    /// Answers a pending request; the second answer to one is ignored.
    package mutating func answer(_ serial: Serial, _ outcome: Result<RPCResult, RPCError>) {
        guard let request = pending.removeValue(forKey: serial) else { return }
        if serials[request.id] == serial { serials[request.id] = nil }
        if bulkyInTurn == serial { bulkyInTurn = nil }
        let outcome = request.isBulky ? bounded(outcome, at: request.place) : outcome
        answer(request.id, at: request.place) { writer in
            switch outcome {
            case .success(let result):
                writer.name("result")
                result.text.withUnsafeBytes { writer.raw($0) }
            case .failure(let error):
                writer.name("error")
                error.write(to: &writer)
            }
        }
    }

    private mutating func bounded(
        _ outcome: Result<RPCResult, RPCError>,
        at place: Place
    ) -> Result<RPCResult, RPCError> {
        guard case .batch(let batch, _) = place, case .success(let result) = outcome else { return outcome }
        let limit = Self.bulkyBatchLimit
        let bytes = (batches[batch]?.bulkyBytes ?? 0) + result.text.count
        guard bytes <= limit else {
            let reason =
                "the large answers of this batch are longer than \(limit) bytes together; ask for this one outside"
            return .failure(.tooLarge("\(reason) of a batch", limit: limit))
        }
        batches[batch]?.bulkyBytes = bytes
        return outcome
    }

    private mutating func take(
        _ event: LineFramer.Event,
        handle: (Request, inout JSONWriter) -> Handling,
        emit: (Event) -> Void
    ) {
        switch event {
        case .tooLong:
            let limit = parser.limits.bytes
            refuse(.tooLarge("the line is longer than \(limit) bytes and was skipped", limit: limit), .null, at: .line)
        case .line(let line):
            switch parser.parse(line) {
            case .single(let message): take(message, at: .line, handle: handle, emit: emit)
            case .batch(let messages): take(messages, handle: handle, emit: emit)
            }
        }
    }

    private mutating func take(
        _ messages: [Message],
        handle: (Request, inout JSONWriter) -> Handling,
        emit: (Event) -> Void
    ) {
        let answered = messages.filter(\.isAnswered)
        // Nothing at all is sent back for a batch without requests.
        let batch = nextSerial
        nextSerial += 1
        if !answered.isEmpty {
            batches[batch] = Batch(answers: Array(repeating: nil, count: answered.count), missing: answered.count)
        }
        var index = 0
        for message in messages {
            take(message, at: .batch(batch, index: index), handle: handle, emit: emit)
            if message.isAnswered { index += 1 }
        }
    }

    private mutating func take(
        _ message: Message,
        at place: Place,
        handle: (Request, inout JSONWriter) -> Handling,
        emit: (Event) -> Void
    ) {
        switch message {
        case .invalid(let error, let id): refuse(error, id, at: place)
        case .ignored(let reason): emit(.ignored(reason))
        case .response(let response): emit(.response(response))
        case .request(let request):
            guard let id = request.id else {
                notify(request, emit: emit)
                return
            }
            guard id == .null || serials[id] == nil else {
                refuse(.invalidRequest("a request with this id is in flight; that one goes on"), id, at: place)
                return
            }
            start(request, id, at: place, handle: handle, emit: emit)
        }
    }

    private mutating func notify(_ request: Request, emit: (Event) -> Void) {
        guard request.method == "$/cancelRequest" else { return emit(.notification(request)) }
        guard case .byName(let params) = request.params, let id = params["id"].flatMap(RequestID.init) else {
            return emit(.ignored("$/cancelRequest without a valid id"))
        }
        // A cancel that comes after the answer is nothing unusual.
        guard let serial = serials[id] else { return }
        if let place = waiting.firstIndex(where: { $0.serial == serial }) {
            waiting[place].isCancelled = true
        } else {
            emit(.cancel(serial))
        }
    }

    private mutating func start(
        _ request: Request,
        _ id: RequestID,
        at place: Place,
        handle: (Request, inout JSONWriter) -> Handling,
        emit: (Event) -> Void
    ) {
        var outcome = Handling.written
        func write(_ writer: inout JSONWriter) -> Bool {
            Self.open(id, &writer)
            writer.name("result")
            outcome = handle(request, &writer)
            guard case .written = outcome else { return false }
            writer.endObject()
            return true
        }
        switch place {
        case .line: outbox.lineIfWritten(write)
        case .batch(let batch, let index):
            var writer = JSONWriter()
            if write(&writer) { put(writer.bytes, in: batch, at: index) }
        }
        switch outcome {
        case .written: break
        case .failed(let error): refuse(error, id, at: place)
        case .pending(let operation):
            let serial = nextSerial
            nextSerial += 1
            pending[serial] = Pending(id: id, place: place)
            if id != .null { serials[id] = serial }
            emit(.started(serial, operation))
        case .bulky(let operation):
            let serial = nextSerial
            nextSerial += 1
            pending[serial] = Pending(id: id, place: place, isBulky: true)
            if id != .null { serials[id] = serial }
            waiting.append(Waiting(serial: serial, operation: operation))
            startWaiting(emit: emit)
        }
    }

    private mutating func refuse(_ error: RPCError, _ id: RequestID, at place: Place) {
        answer(id, at: place) { writer in
            writer.name("error")
            error.write(to: &writer)
        }
    }

    private mutating func answer(_ id: RequestID, at place: Place, _ outcome: (inout JSONWriter) -> Void) {
        func write(_ writer: inout JSONWriter) {
            Self.open(id, &writer)
            outcome(&writer)
            writer.endObject()
        }
        switch place {
        case .line: outbox.line(write)
        case .batch(let batch, let index):
            var writer = JSONWriter()
            write(&writer)
            put(writer.bytes, in: batch, at: index)
        }
    }

    private mutating func put(_ answer: [UInt8], in serial: Serial, at index: Int) {
        guard var batch = batches.removeValue(forKey: serial) else { return }
        batch.answers[index] = answer
        batch.missing -= 1
        batch.bytes += answer.count
        batchedBytes += answer.count
        guard batch.missing == 0 else {
            batches[serial] = batch
            return
        }
        let answers = batch.answers.compactMap(\.self)
        batchedBytes -= answers.reduce(0) { $0 + $1.count }
        outbox.line { writer in
            writer.beginArray()
            for answer in answers { answer.withUnsafeBytes { writer.raw($0) } }
            writer.endArray()
        }
    }

    private static func open(_ id: RequestID, _ writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("jsonrpc")
        writer.string("2.0")
        writer.name("id")
        id.write(to: &writer)
    }
}

extension Message {
    fileprivate var isAnswered: Bool {
        switch self {
        case .request(let request): request.id != nil
        case .invalid: true
        case .response, .ignored: false
        }
    }
}
