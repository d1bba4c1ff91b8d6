import Foundation
import JSON
import Testing

/// A klingd's stdout of which nothing is read before the test says so.
struct UnreadOutput {
    private let descriptor: Int32

    /// Starts a klingd that writes to it.
    static func start(_ bench: Bench, _ arguments: [String] = []) throws -> (
        klingd: KlingdProcess, output: UnreadOutput
    ) {
        let ends = try KlingdProcess.makePipe()
        defer { Foundation.close(ends.write) }
        let klingd = try bench.start(arguments, output: .descriptor(ends.write))
        return (klingd, UnreadOutput(descriptor: ends.read))
    }

    /// Everything until the end, to be called once.
    func read() async -> [UInt8] { await bytes(from: descriptor, closing: true) { _ in false } }

    func close() { Foundation.close(descriptor) }
}

/// Reads until the end, or until `isEnough`, on a thread of its own.
func bytes(
    from descriptor: Int32,
    closing: Bool = false,
    until isEnough: @escaping @Sendable ([UInt8]) -> Bool
) async -> [UInt8] {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread {
            var bytes: [UInt8] = []
            var block = [UInt8](repeating: 0, count: 64 << 10)
            while !isEnough(bytes) {
                let count = Foundation.read(descriptor, &block, block.count)
                if count < 0, errno == EINTR { continue }
                // A terminal whose other side is closed gives an error instead of an end.
                guard count > 0 else { break }
                bytes += block[..<count]
            }
            if closing { Foundation.close(descriptor) }
            continuation.resume(returning: bytes)
        }
    }
}

/// Calls `body` with each line of `bytes`, and with what may be left behind the last one.
func forEachLine(of bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    try bytes.withUnsafeBytes { bytes in
        var rest = bytes[...]
        while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
            let end = memchr(start, 0x0A, rest.count).map { rest.startIndex + start.distance(to: $0) } ?? rest.endIndex
            try body(UnsafeRawBufferPointer(rebasing: rest[rest.startIndex..<end]))
            rest = rest[min(end + 1, rest.endIndex)...]
        }
    }
}

/// The messages that `bytes` hold, each on a line.
func messages(in bytes: [UInt8]) throws -> [JSONValue] {
    var messages: [JSONValue] = []
    try forEachLine(of: bytes) { messages.append(try JSONValue.parse($0)) }
    return messages
}

/// Polls until `isSo`, for five minutes at the most.
func wait(
    for what: String,
    every interval: DispatchTimeInterval = .milliseconds(100),
    until isSo: () async throws -> Bool
) async throws {
    let end = Date(timeIntervalSinceNow: 300)
    while try await !isSo() {
        try #require(end > Date(), "not in five minutes: \(what)")
        await pause(interval)
    }
}

/// Lets others go on for so long.
func pause(_ duration: DispatchTimeInterval) async {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().asyncAfter(deadline: .now() + duration) { continuation.resume() }
    }
}

extension KlingdProcess {
    /// The most memory that was resident, in bytes, by the kernel's account.
    func residentPeak() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) }) << 10
    }

    /// How long it has been computing so far, in the kernel's ticks.
    func computingTime() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8)
        // What stands before the last bracket is the name; user time is the 14th field, system time the 15th.
        let fields = try #require(status.split(separator: ")").last).split(separator: " ")
        return try #require(fields.dropFirst(11).first.flatMap { Int($0) })
            + #require(fields.dropFirst(12).first.flatMap { Int($0) })
    }
}
