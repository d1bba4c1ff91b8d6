import Foundation
import JSON
import Synchronization
import Testing

@testable import JSONRPC

/// A connection that is served on a thread of its own, with the test at the other ends of its descriptors.
///
/// Everything is synchronised by the bytes that come back; the time limit only turns a hang into a failure. Reading and
/// writing block, which is for the main thread alone: those of Swift's pool may be needed by what is waited for.
@MainActor
final class Peer {
    /// In milliseconds.
    private static let patience: Int32 = 30_000

    let handler = ScriptedHandler()
    let connection: Connection
    let interruption: Interruption
    private let input: Int32
    private let output: Int32
    private var received: [UInt8] = []
    private var isInputOpen: Bool
    private var isOutputOpen: Bool
    private let ended = DispatchSemaphore(value: 0)

    init(
        _ wires: Wires,
        endOfInput: StdioTransport.EndOfInput = .drain,
        parser: MessageParser = MessageParser()
    ) throws {
        let loop = try #require(SerialLoop())
        let connection = Connection(
            executor: loop,
            handler: handler,
            parser: parser,
            log: { [handler] in handler.record(log: $0) }
        )
        let interruption = Interruption(waking: loop)
        (self.connection, self.interruption) = (connection, interruption)
        (input, output) = (wires.testWrites, wires.testReads)
        (isInputOpen, isOutputOpen) = (input >= 0, output >= 0)
        // What `StandardStreams.take` does for the real process.
        signal(SIGPIPE, SIG_IGN)
        let streams = StandardStreams(input: wires.input, output: wires.output)
        Thread.detachNewThread { [ended] in
            loop.run(
                StdioTransport(
                    connection: connection,
                    streams: streams,
                    endOfInput: endOfInput,
                    interruption: interruption
                )
            )
            ended.signal()
        }
    }

    convenience init(endOfInput: StdioTransport.EndOfInput = .drain, parser: MessageParser = MessageParser()) throws {
        try self.init(.pipes(), endOfInput: endOfInput, parser: parser)
    }

    deinit {
        interruption.request()
        interruption.giveUp()
        if isInputOpen, input != output { close(input) }
        if isOutputOpen { close(output) }
    }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
            guard count > 0 else {
                Issue.record("the input takes no more")
                return
            }
            sent += count
        }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Whether the next bytes could be sent without waiting.
    var inputTakesMore: Bool {
        var ready = pollfd(fd: input, events: Int16(POLLOUT), revents: 0)
        return poll(&ready, 1, 0) > 0
    }

    /// Sends a line and waits for the next one.
    func ask(_ line: String) -> String? {
        send(line + "\n")
        return self.line()
    }

    /// The next line that comes back, without its LF; `nil` when there are no more.
    func line() -> String? {
        var searched = 0
        while true {
            if let end = received[searched...].firstIndex(of: 0x0A) {
                let line = String(decoding: received[..<end], as: UTF8.self)
                received.removeFirst(end + 1)
                return line
            }
            searched = received.count
            var ready = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, Self.patience) > 0 else {
                Issue.record("no line came")
                return nil
            }
            var block = [UInt8](repeating: 0, count: 64 << 10)
            let count = read(output, &block, block.count)
            guard count > 0 else {
                #expect(received.isEmpty, "the output ended within a line")
                return nil
            }
            received += block[..<count]
        }
    }

    /// All lines until the output ends.
    func remainingLines() -> [String] {
        var lines: [String] = []
        while let line = line() { lines.append(line) }
        return lines
    }

    /// What comes back for `bytes` before the answer to a request behind them: an empty array proves silence.
    func exchange(_ bytes: [UInt8]) -> [String] {
        send(bytes + Array(#"{"jsonrpc":"2.0","id":"behind","method":"echo"}"#.utf8) + [0x0A])
        var lines: [String] = []
        while let line = line(), line != #"{"jsonrpc":"2.0","id":"behind","result":null}"# { lines.append(line) }
        return lines
    }

    /// Sends `text` as a line.
    func exchange(_ text: String) -> [String] { exchange(Array(text.utf8) + [0x0A]) }

    func closeInput() {
        guard isInputOpen else { return }
        isInputOpen = false
        if input == output { shutdown(input, Int32(SHUT_WR)) } else { close(input) }
    }

    func closeOutput() {
        guard isOutputOpen else { return }
        isOutputOpen = false
        close(output)
    }

    /// Waits until the loop has returned.
    func hasEnded() -> Bool { ended.wait(timeout: .now() + .milliseconds(Int(Self.patience))) == .success }
}

/// The descriptors between a test and a connection.
struct Wires {
    /// The connection's own.
    var input: Int32?
    var output: Int32?
    /// The test's; -1 where there is none.
    var testWrites: Int32 = -1
    var testReads: Int32 = -1

    static func pipes() throws -> Wires {
        let (input, output) = (try pipeEnds(), try pipeEnds())
        return Wires(input: input.read, output: output.write, testWrites: input.write, testReads: output.read)
    }

    /// The connection reads `input` and writes to a pipe.
    static func reading(_ input: Int32?) throws -> Wires {
        let output = try pipeEnds()
        return Wires(input: input, output: output.write, testReads: output.read)
    }

    /// The connection reads a pipe and writes to `output`.
    static func writing(_ output: Int32?) throws -> Wires {
        let input = try pipeEnds()
        return Wires(input: input.read, output: output, testWrites: input.write)
    }

    /// One socket in both directions.
    static func socketPair() throws -> Wires {
        var ends: [Int32] = [-1, -1]
        #if os(Linux)
            let kind = Int32(SOCK_STREAM.rawValue)
        #else
            let kind = SOCK_STREAM
        #endif
        try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
        return Wires(input: ends[0], output: dup(ends[0]), testWrites: ends[1], testReads: ends[1])
    }

    #if os(Linux)
        /// A raw terminal in both directions.
        static func terminal() throws -> Wires {
            let controller = open("/dev/ptmx", O_RDWR | O_NOCTTY)
            try #require(controller >= 0)
            // TIOCSPTLCK and TIOCGPTN of ioctl_tty(2), which Glibc's module leaves out.
            let (setLock, getNumber): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
            var (locked, number): (Int32, Int32) = (0, 0)
            try #require(ioctl(controller, setLock, &locked) == 0)
            try #require(ioctl(controller, getNumber, &number) == 0)
            let terminal = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
            try #require(terminal >= 0)
            var settings = termios()
            tcgetattr(terminal, &settings)
            cfmakeraw(&settings)
            tcsetattr(terminal, TCSANOW, &settings)
            return Wires(input: terminal, output: dup(terminal), testWrites: controller, testReads: controller)
        }
    #endif

    private static func pipeEnds() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        return (ends[0], ends[1])
    }
}

/// Does what the method names say, so that a test can be written as the lines that go back and forth.
final class ScriptedHandler: RequestHandler {
    private struct State {
        var held: [String: AsyncStream<Void>.Continuation] = [:]
        var releasedEarly: Set<String> = []
        var notifications: [Request] = []
        var logged: [String] = []
    }

    /// What "swell" answers: much to write for little to read.
    static let swollen = String(repeating: "s", count: 256 << 10)

    private let state = Mutex(State())

    var notifications: [Request] { state.withLock { $0.notifications } }
    var logged: [String] { state.withLock { $0.logged } }

    /// Lets the request that is held under `key`, or will be, be answered.
    func release(_ key: String) {
        state.withLock { state in
            if let held = state.held.removeValue(forKey: key) {
                held.finish()
            } else {
                state.releasedEarly.insert(key)
            }
        }
    }

    func record(log line: String) { state.withLock { $0.logged.append(line) } }

    func handle(_ request: Request, writer: inout JSONWriter, connection: isolated Connection) -> Handling {
        let params = request.params.value
        switch request.method {
        case "echo":
            writer.value(params)
            return .written
        case "swell":
            writer.string(Self.swollen)
            return .written
        case "fail":
            // Whoever finds out too late that there is no result has written a part of it.
            writer.beginObject()
            writer.name("half")
            return .failed(RPCError(code: 10_001, message: "there is none", data: ["kind": "not_found"]))
        case "later": return .pending { .success(RPCResult { $0.value(params) }) }
        case "bulk": return .bulky { .success(RPCResult { $0.string(Self.swollen) }) }
        case "bulky-hold":
            guard case .pending(let operation) = hold(params["key"]?.stringValue ?? "") else { return .written }
            return .bulky(operation)
        case "fail-later": return .pending { .failure(RPCError(code: 10_002, message: "found none")) }
        case "hold": return hold(params["key"]?.stringValue ?? "")
        case "tell":
            tell(params, connection)
            writer.string("told")
            return .written
        case "relay":
            return .pending {
                do throws(RPCError) {
                    let result = try await connection.call("work", params: params.objectValue ?? [:])
                    return .success(RPCResult { $0.value(result) })
                } catch {
                    return .failure(error)
                }
            }
        default: return .failed(.methodNotFound("there is no method '\(request.method)'"))
        }
    }

    func handle(notification: Request, connection: isolated Connection) {
        switch notification.method {
        case "release": release(notification.params.value["key"]?.stringValue ?? "")
        case "tell": tell(notification.params.value, connection)
        default: state.withLock { $0.notifications.append(notification) }
        }
    }

    /// Answers when the key is released, or when it is cancelled.
    private func hold(_ key: String) -> Handling {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { state in
            if state.releasedEarly.remove(key) != nil {
                continuation.finish()
            } else {
                state.held[key] = continuation
            }
        }
        return .pending {
            for await _ in stream {}
            let answer = Task.isCancelled ? "cancelled" : "released"
            return .success(RPCResult { $0.string(answer) })
        }
    }

    private func tell(_ params: JSONValue, _ connection: isolated Connection) {
        connection.notify("news", subject: params["subject"]?.stringValue ?? "") { $0.value(params) }
    }
}

extension Request.Params {
    var value: JSONValue {
        switch self {
        case .absent: nil
        case .byName(let object): .object(object)
        case .byPosition(let elements): .array(elements)
        }
    }
}

/// A request as a line, its id and params as JSON text.
func request(_ method: String, id: String = "1", params: String = "{}") -> String {
    #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":\#(params)}"#
}

func notification(_ method: String, params: String = "{}") -> String {
    #"{"jsonrpc":"2.0","method":"\#(method)","params":\#(params)}"#
}

func result(_ result: String, id: String = "1") -> String {
    #"{"jsonrpc":"2.0","id":\#(id),"result":\#(result)}"#
}

/// The one response that `lines` hold, checked against JSON-RPC 2.0 section 5.
func response(_ lines: [String]) throws -> JSONValue {
    try #require(lines.count == 1, "\(lines)")
    let response = try JSONValue.parse(lines[0])
    try checkResponse(response)
    return response
}

/// The responses of the one batch that `lines` hold.
func batchResponses(_ lines: [String]) throws -> [JSONValue] {
    try #require(lines.count == 1, "\(lines)")
    let value = try JSONValue.parse(lines[0])
    let responses = try #require(value.arrayValue)
    try responses.forEach(checkResponse)
    return responses
}

func checkResponse(_ response: JSONValue) throws {
    let names = Set(try #require(response.objectValue).members.map(\.name))
    #expect(names == ["jsonrpc", "id", "result"] || names == ["jsonrpc", "id", "error"])
    #expect(response["jsonrpc"] == "2.0")
    guard let error = response["error"] else { return }
    #expect(error["code"]?.integerValue != nil)
    #expect(error["message"]?.stringValue?.isEmpty == false)
}

extension JSONValue {
    /// The code of the error of a response.
    var errorCode: Int64? { self["error"]?["code"]?.integerValue }
    /// The kind of the error of a response.
    var errorKind: String? { self["error"]?["data"]?["kind"]?.stringValue }
}

/// A generator whose sequence is fixed by its seed (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
