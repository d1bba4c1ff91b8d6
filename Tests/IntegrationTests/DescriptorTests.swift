import Foundation
import JSON
import KlingSimulator
import Testing

/// Whatever stdin and stdout are, an image is stored through them.
@Suite(.timeLimit(.minutes(10))) struct DescriptorTests {
    /// The answers among the lines in `bytes`.
    private func answers(in bytes: [UInt8]) throws -> [JSONValue] {
        try messages(in: bytes).filter { $0["id"] != nil }
    }

    private func expectStored(_ answers: [JSONValue], _ bench: Bench) async throws {
        #expect(answers.count == 1)
        try await bench.expectStored([#require(answers.first?["result"])])
        try await bench.expectPaidOnce(1)
    }

    private func write(_ text: String, to descriptor: Int32) throws {
        let bytes = Array(text.utf8)
        try #require(Foundation.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    /// A file whose text is `text`, opened.
    private func file(_ name: String, _ text: String, in bench: Bench) throws -> Int32 {
        let path = bench.folder.appendingPathComponent(name).path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let descriptor = open(path, O_RDWR | O_APPEND | O_CLOEXEC)
        try #require(descriptor >= 0)
        return descriptor
    }

    @Test func aSocketInBothDirections() async throws {
        try await Bench.run { bench in
            var ends: [Int32] = [-1, -1]
            try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
            defer { close(ends[1]) }
            let klingd = try bench.start(input: .descriptor(ends[0]), output: .descriptor(ends[0]))
            close(ends[0])
            try write(MainRequest.line + "\n", to: ends[1])
            // This direction only: the answers still have a reader.
            shutdown(ends[1], Int32(SHUT_WR))
            try await expectStored(answers(in: await bytes(from: ends[1]) { _ in false }), bench)
            #expect(await klingd.exitCode() == 0)
        }
    }

    @Test func aRegularFileInAndAnotherOneOut() async throws {
        try await Bench.run { bench in
            let input = try file("requests", MainRequest.line, in: bench)
            let output = try file("answers", "", in: bench)
            let klingd = try bench.start(input: .descriptor(input), output: .descriptor(output))
            close(input)
            close(output)
            #expect(await klingd.exitCode() == 0)
            let written = try Data(contentsOf: bench.folder.appendingPathComponent("answers"))
            try await expectStored(answers(in: Array(written)), bench)
        }
    }

    @Test func aFileInAndNobodyWhoReads() async throws {
        try await Bench.run { bench in
            let input = try file("requests", MainRequest.line, in: bench)
            let output = open("/dev/null", O_WRONLY | O_CLOEXEC)
            let klingd = try bench.start(input: .descriptor(input), output: .descriptor(output))
            close(input)
            close(output)
            #expect(await klingd.exitCode() == 0)
            let next = try bench.start()
            try await bench.expectStored(next.ask("list", ["state": "stored"])["tasks"]?.arrayValue ?? [])
            try await bench.expectPaidOnce(1)
        }
    }

    @Test func nothingIn() async throws {
        try await Bench.run { bench in
            let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
            let klingd = try bench.start(input: .descriptor(input))
            close(input)
            #expect(await klingd.exitCode() == 0)
            #expect(klingd.lines.isEmpty && klingd.unfinishedLine.isEmpty)
        }
    }

    /// Nobody could be told of a task that is paid for.
    @Test func aFileInAndNoStdoutMakesNothing() async throws {
        try await Bench.run { bench in
            let input = try file("requests", MainRequest.line, in: bench)
            let shell = try KlingdProcess(
                ["-c", #""$@" >&-"#, "sh", KlingdProcess.binary] + bench.arguments,
                program: "/bin/sh",
                input: .descriptor(input)
            )
            close(input)
            #expect(await shell.exitCode() == 0)
            #expect(try await bench.bill()["creates_received"] == 0)
        }
    }

    #if os(Linux)
        /// A new terminal: the side of whoever sits before it, and the one that programs get.
        private func terminal(isRaw: Bool) throws -> (controller: Int32, terminal: Int32) {
            let controller = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
            try #require(controller >= 0)
            // TIOCSPTLCK and TIOCGPTN of ioctl_tty(2), which Glibc's module leaves out.
            let (setLock, getNumber): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
            var (locked, number): (Int32, Int32) = (0, 0)
            try #require(ioctl(controller, setLock, &locked) == 0)
            try #require(ioctl(controller, getNumber, &number) == 0)
            let terminal = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
            try #require(terminal >= 0)
            var settings = termios()
            tcgetattr(terminal, &settings)
            if isRaw { cfmakeraw(&settings) } else { settings.c_lflag &= ~tcflag_t(ECHO) }
            tcsetattr(terminal, TCSANOW, &settings)
            return (controller, terminal)
        }

        /// As an editor has it that runs its jobs in terminals.
        @Test func aRawTerminalInBothDirectionsUntilItHangsUp() async throws {
            try await Bench.run { bench in
                let (controller, terminal) = try terminal(isRaw: true)
                let klingd = try bench.start(input: .descriptor(terminal), output: .descriptor(terminal))
                close(terminal)
                try write(MainRequest.line + "\n", to: controller)
                let end = Array(#"{"jsonrpc":"2.0","id":1,"result""#.utf8)
                let read = await bytes(from: controller) { bytes in
                    bytes.last == 0x0A && bytes.split(separator: 0x0A).contains { $0.starts(with: end) }
                }
                try await expectStored(answers(in: read), bench)
                close(controller)
                #expect(await klingd.exitCode() == 0)
            }
        }

        /// As somebody has it who types: a line is sent by Return, and the end of input is Control-D.
        @Test func aTerminalInThatIsTypedIntoAndAPipeOut() async throws {
            try await Bench.run { bench in
                let (controller, terminal) = try terminal(isRaw: false)
                defer { close(controller) }
                let klingd = try bench.start(input: .descriptor(terminal))
                close(terminal)
                try write(MainRequest.line + "\r\u{4}", to: controller)
                #expect(await klingd.exitCode() == 0)
                try await expectStored(klingd.messages.filter { $0["id"] != nil }, bench)
            }
        }
    #endif
}
