import JSON
import JSONRPC

/// One thing that a plugin said on its stdout.
enum PluginMessage: Sendable, Equatable {
    case answer(id: Int64, Result<JSONValue, RPCError>)
    case progress(id: Int64)
    /// `$/log`: a line under one of swift-log's levels.
    case log(level: String, message: String)
    /// Came and means nothing to klingd; worth a line in the log.
    case ignored(String)
    /// Nothing after it is read.
    case fault(PluginFault)
}

/// Cuts a plugin's stdout into messages, up to the first that its protocol does not allow.
///
/// Secrets are taken out of whatever may be shown: texts of errors and logs, and quotes of what is no message.
struct PluginReader {
    private let redactor: SecretRedactor
    private let parser: MessageParser
    private var framer: LineFramer
    private var isBroken = false

    init(limits: PluginLimits, redactor: SecretRedactor) {
        self.redactor = redactor
        parser = MessageParser(limits: JSONLimits(depth: 64, bytes: limits.line))
        framer = LineFramer(limit: limits.line)
    }

    mutating func receive(_ block: UnsafeRawBufferPointer) -> [PluginMessage] {
        guard !isBroken else { return [] }
        var messages: [PluginMessage] = []
        // Taken out for the call, so that the lines can be read while it runs.
        var framer = framer
        self.framer = LineFramer()
        _ = framer.receive(block) { event in
            let message: PluginMessage =
                switch event {
                case .tooLong: .fault(.tooLong(limit: parser.limits.bytes))
                case .line(let line): read(line)
                }
            messages.append(message)
            if case .fault = message { isBroken = true }
            return !isBroken
        }
        self.framer = framer
        return messages
    }

    private func read(_ line: UnsafeRawBufferPointer) -> PluginMessage {
        switch parser.parse(line) {
        case .batch: .fault(.batch(shown(line)))
        case .single(.invalid(let error, _)): .fault(.notAMessage(shown(line), redactor.redact(error.message)))
        case .single(.ignored(let reason)): .fault(.malformed(shown(line), reason))
        case .single(.response(let response)): answer(response)
        case .single(.request(let request)) where request.id != nil: .fault(.request(redactor.redact(request.method)))
        case .single(.request(let notification)): read(notification)
        }
    }

    private func answer(_ response: Response) -> PluginMessage {
        switch (response.id, response.outcome) {
        case (.integer(let id), .success(let result)): return .answer(id: id, .success(result))
        case (.integer(let id), .failure(let error)): return .answer(id: id, .failure(redacted(error)))
        case (.null, .failure(let error)): return .fault(.couldNotRead(redactor.redact(error.message)))
        default:
            var writer = JSONWriter()
            response.id.write(to: &writer)
            let id = redactor.redact(String(decoding: writer.bytes, as: UTF8.self))
            return .fault(.unknownID(Excerpt.line(id, limit: 100)))
        }
    }

    private func read(_ notification: Request) -> PluginMessage {
        guard case .byName(let object) = notification.params else {
            return .ignored("a notification without params by name: \(shown(notification.method))")
        }
        var params = JSONMembers(object, at: .root.member("params"))
        do {
            switch notification.method {
            case "$/progress":
                guard let id = try params.integer("id") else { return .ignored("$/progress without an id") }
                return .progress(id: id)
            case "$/log":
                let level = try params.string("level") ?? "info"
                return .log(level: level, message: redactor.redact(try params.string("message") ?? ""))
            default: return .ignored("an unknown notification: \(shown(notification.method))")
            }
        } catch {
            return .ignored("\(shown(notification.method)): \(shown(error.message)) (at \(error.pointer))")
        }
    }

    private func redacted(_ error: RPCError) -> RPCError {
        var error = error
        error.message = redactor.redact(error.message)
        if let kind = error.data?["kind"]?.stringValue { error.data?["kind"] = .string(redactor.redact(kind)) }
        return error
    }

    private func shown(_ text: String) -> String { Excerpt.line(redactor.redact(text), limit: 200) }
    private func shown(_ line: UnsafeRawBufferPointer) -> [UInt8] { redactor.redact(Array(line)) }
}
