import Foundation
import JSONRPC
import Testing

/// Each in a process of its own, whose descriptors it may take.
@Suite(.timeLimit(.minutes(1))) struct StandardStreamsTests {
    @Test func whatIsPrintedDoesNotReachTheClient() async {
        await #expect(processExitsWith: .success) {
            var (input, output, errors): ([Int32], [Int32], [Int32]) = ([0, 0], [0, 0], [0, 0])
            try #require(pipe(&input) == 0 && pipe(&output) == 0 && pipe(&errors) == 0)
            // What is not there is to be missed, not waited for.
            for end in [input[0], output[0], errors[0]] { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
            dup2(input[0], 0)
            dup2(output[1], 1)
            dup2(errors[1], 2)
            let streams = StandardStreams.take()
            write(1, "stray", 5)
            write(input[1], "request", 7)
            try write(#require(streams.output), "answer", 6)
            func text(_ descriptor: Int32) -> String {
                var block = [UInt8](repeating: 0, count: 100)
                let count = read(descriptor, &block, block.count)
                return String(decoding: block.prefix(max(count, 0)), as: UTF8.self)
            }
            #expect(text(output[0]) == "answer")
            #expect(text(errors[0]) == "stray")
            #expect(text(0) == "", "nobody else can eat the input")
            #expect(try text(#require(streams.input)) == "request")
        }
    }

    @Test func childProcessesInheritNeither() async {
        await #expect(processExitsWith: .success) {
            let streams = StandardStreams.take()
            for descriptor in try [#require(streams.input), #require(streams.output)] {
                #expect(descriptor > 2)
                #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
            }
        }
    }

    @Test func aReaderThatWentAwayDoesNotKillTheProcess() async {
        await #expect(processExitsWith: .success) {
            _ = StandardStreams.take()
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            close(ends[0])
            #expect(write(ends[1], "x", 1) == -1)
        }
    }
}
