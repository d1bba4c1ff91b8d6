import Foundation
import JSON
import Synchronization
import Testing

/// The built klingd as a client sees it: lines in, lines out, an exit code.
final class KlingdProcess: Sendable {
    /// What klingd is given as stdin, stdout or stderr.
    enum Stream {
        /// A pipe to and from the test.
        case pipe
        case descriptor(Int32)
    }

    private struct State {
        var lines: [String] = []
        /// The same as JSON; `nil` for what is none.
        var messages: [JSONValue?] = []
        var partial: [UInt8] = []
        var errors: [UInt8] = []
        var isOutputOver = false
        var isErrorOver = false
        var exitCode: Int32?
        /// The test's time is over: nothing is waited for any more.
        var isTimeOver = false
        var waiters: [(isDue: @Sendable (State) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())
    private let input: Mutex<Int32>
    let processID: pid_t

    /// Pipes are made and children started one at a time: a child that inherited the end of another's pipe would keep
    /// it open.
    private static let spawning = Mutex(())

    /// Beside the test bundle.
    static let binary = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("klingd").path

    /// Starts it, or another program. The environment is almost empty, so that a key on the tester's machine is never
    /// used.
    init(
        _ arguments: [String],
        program: String = binary,
        environment: [String: String] = [:],
        input: Stream = .pipe,
        output: Stream = .pipe,
        error: Stream = .pipe
    ) throws {
        // Writing to a klingd that is gone is part of some tests.
        Foundation.signal(SIGPIPE, SIG_IGN)
        let home = ["HOME": NSTemporaryDirectory(), "PATH": "/usr/bin:/bin"]
        let variables = home.merging(environment) { $1 }.map { "\($0)=\($1)" }
        let started = try Self.spawning.withLock { _ in
            let (inputEnds, outputEnds, errorEnds) = (try Self.makePipe(), try Self.makePipe(), try Self.makePipe())
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            if case .descriptor(let own) = input {
                posix_spawn_file_actions_adddup2(&actions, own, 0)
            } else {
                posix_spawn_file_actions_adddup2(&actions, inputEnds.read, 0)
            }
            if case .descriptor(let own) = output {
                posix_spawn_file_actions_adddup2(&actions, own, 1)
            } else {
                posix_spawn_file_actions_adddup2(&actions, outputEnds.write, 1)
            }
            if case .descriptor(let own) = error {
                posix_spawn_file_actions_adddup2(&actions, own, 2)
            } else {
                posix_spawn_file_actions_adddup2(&actions, errorEnds.write, 2)
            }
            // However whoever runs the tests was started: in the background of a script SIGINT is ignored.
            var (attributes, defaults) = (posix_spawnattr_t(), sigset_t())
            posix_spawnattr_init(&attributes)
            defer { posix_spawnattr_destroy(&attributes) }
            sigemptyset(&defaults)
            for number in [SIGINT, SIGHUP, SIGTERM, SIGQUIT] { sigaddset(&defaults, number) }
            posix_spawnattr_setsigdefault(&attributes, &defaults)
            posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
            let argv = ([program] + arguments).map { strdup($0) } + [nil]
            let envp = variables.map { strdup($0) } + [nil]
            defer { for text in argv + envp { free(text) } }
            var processID: pid_t = 0
            let result = posix_spawn(&processID, program, &actions, &attributes, argv, envp)
            for end in [inputEnds.read, outputEnds.write, errorEnds.write] { close(end) }
            try #require(result == 0, "\(String(cString: strerror(result)))")
            return (processID, input: inputEnds.write, output: outputEnds.read, error: errorEnds.read)
        }
        processID = started.0
        self.input = Mutex(started.input)
        read(started.output) { state, bytes in
            if bytes.isEmpty { state.isOutputOver = true }
            for byte in bytes {
                if byte == UInt8(ascii: "\n") {
                    let line = String(decoding: state.partial, as: UTF8.self)
                    state.lines.append(line)
                    state.messages.append(try? JSONValue.parse(line))
                    state.partial = []
                } else {
                    state.partial.append(byte)
                }
            }
        }
        read(started.error) { state, bytes in
            if bytes.isEmpty { state.isErrorOver = true }
            state.errors += bytes
        }
        let processID = processID
        Thread.detachNewThread { [self] in
            var status: Int32 = 0
            while waitpid(processID, &status, 0) < 0, errno == EINTR {}
            // As a shell has it, but negative for the signal that ended it.
            let code = status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
            update { $0.exitCode = code }
        }
    }

    /// Ends it by force, if it still runs.
    func end() {
        closeInput()
        let isRunning = state.withLock { $0.exitCode == nil }
        if isRunning { signal(SIGKILL) }
    }

    /// Every line of stdout so far.
    var lines: [String] { state.withLock { $0.lines } }
    /// Every line of stdout so far that is JSON.
    var messages: [JSONValue] { state.withLock { $0.messages.compactMap(\.self) } }
    /// What was logged so far.
    var errors: String { String(decoding: state.withLock { $0.errors }, as: UTF8.self) }
    /// Everything that was logged, once it can't become more.
    func allErrors() async -> String {
        await wait { $0.isErrorOver }
        return errors
    }

    /// Bytes of stdout behind the last line break.
    var unfinishedLine: String { state.withLock { String(decoding: $0.partial, as: UTF8.self) } }

    func send(_ text: String) { send(Array((text + "\n").utf8)) }

    /// A child that is gone is what some tests are about, so failing to write is none of this function's business.
    func send(_ bytes: [UInt8]) {
        let descriptor = input.withLock { $0 }
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }

    func closeInput() {
        input.withLock { descriptor in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
    }

    func signal(_ number: Int32) { kill(processID, number) }

    /// The response to the request `id`, once it has come.
    func response(to id: JSONValue) async throws -> JSONValue {
        try await message { $0["id"] == id && $0["method"] == nil }
    }

    /// The first message that `matches`, once it has come.
    func message(_ matches: @escaping @Sendable (JSONValue) -> Bool) async throws -> JSONValue {
        let search = Mutex<(next: Int, found: JSONValue?)>((0, nil))
        await wait { state in
            search.withLock { search in
                while search.found == nil, search.next < state.messages.count {
                    if let message = state.messages[search.next], matches(message) { search.found = message }
                    search.next += 1
                }
                return search.found != nil || state.isOutputOver
            }
        }
        let found = search.withLock(\.found)
        return try #require(found, "no such message before the end; stderr: \(errors)")
    }

    /// Sends a request and gives the response to it.
    func call(_ method: String, _ params: JSONValue = [:]) async throws -> JSONValue {
        let id = JSONValue.string("\(UUID())")
        send(.request(id, method, params))
        return try await response(to: id)
    }

    /// The `result` of a request; an error fails the test.
    func ask(
        _ method: String,
        _ params: JSONValue = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> JSONValue {
        let answer = try await call(method, params)
        return try #require(answer["result"], "\(answer)", sourceLocation: sourceLocation)
    }

    /// The `error` of a request; a result fails the test.
    func refusal(
        of method: String,
        _ params: JSONValue,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> JSONValue {
        let answer = try await call(method, params)
        return try #require(answer["error"], "\(answer)", sourceLocation: sourceLocation)
    }

    /// A task once it has ended.
    func end(of id: JSONValue, sourceLocation: SourceLocation = #_sourceLocation) async throws -> JSONValue {
        try await ask("status", ["id": id, "wait_for": "stored"], sourceLocation: sourceLocation)
    }

    /// Whether the request `id` is answered before so long has passed.
    func isAnswered(_ id: JSONValue, within bound: DispatchTimeInterval) async -> Bool {
        let isOver = Mutex(false)
        DispatchQueue.global().asyncAfter(deadline: .now() + bound) { [self] in
            isOver.withLock { $0 = true }
            update { _ in }
        }
        let isResponse: @Sendable (JSONValue?) -> Bool = { $0?["id"] == id && $0?["method"] == nil }
        await wait { state in
            state.isOutputOver || isOver.withLock { $0 } || state.messages.contains(where: isResponse)
        }
        return messages.contains(where: isResponse)
    }

    /// Returns once there are at least `count` lines.
    func lines(atLeast count: Int) async { await wait { $0.isOutputOver || $0.lines.count >= count } }

    /// The exit code, once it has ended and all its output is here; negative for the signal that ended it.
    func exitCode() async -> Int32 {
        await wait { $0.exitCode != nil && $0.isOutputOver }
        return state.withLock { $0.exitCode ?? -1 }
    }

    /// Returns once it has ended; others may still hold its stdout.
    func processEnd() async { await wait { $0.exitCode != nil } }

    /// A pipe that children do not inherit.
    static func makePipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// Reads until the end on a thread of its own; the end is told as no bytes.
    private func read(_ descriptor: Int32, _ take: @escaping @Sendable (inout State, ArraySlice<UInt8>) -> Void) {
        Thread.detachNewThread { [self] in
            var block = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = Foundation.read(descriptor, &block, block.count)
                if count < 0, errno == EINTR { continue }
                let bytes = block[..<max(0, count)]
                update { take(&$0, bytes) }
                guard count > 0 else { break }
            }
            close(descriptor)
        }
    }

    private func update(_ change: (inout State) -> Void) {
        let due = state.withLock { state in
            change(&state)
            let isDue = state.waiters.map { state.isTimeOver || $0.isDue(state) }
            let due = zip(state.waiters, isDue).filter(\.1).map(\.0.continuation)
            state.waiters = zip(state.waiters, isDue).filter { !$0.1 }.map(\.0)
            return due
        }
        for continuation in due { continuation.resume() }
    }

    private func wait(_ isDue: @escaping @Sendable (State) -> Bool) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isTimeOver || isDue(state) { return true }
                    state.waiters.append((isDue, continuation))
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            update { $0.isTimeOver = true }
        }
    }
}
