import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An HTTP server on loopback that answers what a test tells it to, in ways that no server means to: byte by byte, not
/// at all, or by hanging up. On threads of its own: those of Dispatch also run the tests, and would be blocked.
final class ScriptedServer: Sendable {
    /// What it does when it has read a whole request. It is asked once for each, when the head is there.
    enum Reply: Sendable {
        case answer(Int, headers: [String] = [], String)
        case hangUp
        /// Status 503 as soon as the head is there, and no byte of the body is read.
        case answerEarly
        /// Says nothing until the other side hangs up.
        case silence
    }

    /// A request as it came.
    struct Request: Sendable {
        /// Request line and header lines.
        var lines: [String]
        var body: String

        func header(_ name: String) -> String? {
            let start = name.lowercased() + ": "
            return lines.first { $0.lowercased().hasPrefix(start) }.map { String($0.dropFirst(start.count)) }
        }
    }

    let port: UInt16
    private let listener: Int32
    private let reply: @Sendable (Request) -> Reply
    private let received = Mutex<[Request]>([])
    private let broken = Mutex<[String]>([])
    private let isStopped = Mutex(false)

    /// Runs a server for the length of `body`.
    static func run<Result>(
        _ reply: @escaping @Sendable (Request) -> Reply,
        _ body: (ScriptedServer) async throws -> Result
    ) async throws -> Result {
        let server = try ScriptedServer(reply)
        defer { server.stop() }
        return try await body(server)
    }

    struct SystemError: Error {
        var number = errno
    }

    private init(_ reply: @escaping @Sendable (Request) -> Reply) throws {
        self.reply = reply
        (listener, port) = try Self.listen()
        Thread.detachNewThread { self.accept() }
    }

    var url: String { "http://127.0.0.1:\(port)" }
    var requests: [Request] { received.withLock { $0 } }
    /// What came of the requests of which the rest never did.
    var brokenOff: [String] { broken.withLock { $0 } }

    /// A port on which nobody listens.
    static func deadPort() throws -> UInt16 {
        let (listener, port) = try listen()
        close(listener)
        return port
    }

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func withSocketAddress<Result>(
        _ address: inout sockaddr_in,
        _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    private static func makeSocket() throws -> Int32 {
        #if canImport(Glibc)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        guard descriptor >= 0 else { throw SystemError() }
        return descriptor
    }

    private static func listen() throws -> (Int32, UInt16) {
        let descriptor = try makeSocket()
        var address = address(0)
        let isListening = withSocketAddress(&address) { pointer, length in
            var length = length
            return bind(descriptor, pointer, length) == 0 && systemListen(descriptor, 16) == 0
                && getsockname(descriptor, pointer, &length) == 0
        }
        guard isListening else { throw SystemError() }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private func accept() {
        while true {
            let connection = systemAccept(listener)
            guard connection >= 0, !isStopped.withLock({ $0 }) else {
                close(listener)
                if connection >= 0 { close(connection) }
                return
            }
            Thread.detachNewThread { self.serve(connection) }
        }
    }

    /// Wakes the accepting thread by a connection of its own.
    private func stop() {
        isStopped.withLock { $0 = true }
        guard let descriptor = try? Self.makeSocket() else { return }
        var address = Self.address(port)
        _ = Self.withSocketAddress(&address) { connect(descriptor, $0, $1) }
        close(descriptor)
    }

    private func serve(_ connection: Int32) {
        defer { close(connection) }
        guard let (request, reply) = readRequest(connection) else { return }
        received.withLock { $0.append(request) }
        switch reply {
        case .hangUp: return
        case .answerEarly: send(503, headers: [], "", on: connection)
        case .silence:
            var byte: UInt8 = 0
            while read(connection, &byte, 1) > 0 {}
        case .answer(let status, let headers, let body): send(status, headers: headers, body, on: connection)
        }
    }

    private func send(_ status: Int, headers: [String], _ body: String, on connection: Int32) {
        var lines = ["HTTP/1.1 \(status) Scripted", "Content-Length: \(body.utf8.count)", "Connection: close"]
        lines += headers
        let text = lines.joined(separator: "\r\n") + "\r\n\r\n" + body
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }

    private func readRequest(_ connection: Int32) -> (Request, Reply)? {
        var bytes: [UInt8] = []
        var decided: Reply?
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
                let body = bytes[end.upperBound...]
                let request = Request(
                    lines: head.split(separator: "\r\n").map(String.init),
                    body: String(decoding: body, as: UTF8.self)
                )
                let reply = decided ?? reply(request)
                decided = reply
                if case .answerEarly = reply { return (request, reply) }
                if body.count >= Int(request.header("Content-Length") ?? "0") ?? 0 { return (request, reply) }
            }
            let got = read(connection, &buffer, buffer.count)
            guard got > 0 else {
                let text = String(decoding: bytes, as: UTF8.self)
                if !text.isEmpty { broken.withLock { $0.append(text) } }
                return nil
            }
            bytes += buffer[..<got]
        }
    }
}

// The methods above hide the functions of the same name.
private func systemListen(_ descriptor: Int32, _ backlog: Int32) -> Int32 { listen(descriptor, backlog) }
private func systemAccept(_ descriptor: Int32) -> Int32 { accept(descriptor, nil, nil) }
