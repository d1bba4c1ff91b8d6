import Dispatch
import Foundation
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A TCP server on loopback that does with each connection what a test says: also what no HTTP server would do.
final class ScriptedServer: Sendable {
    let port: Int
    private let listener: Int32
    private let seen = Mutex((connections: 0, requests: [String]()))
    private let threads = DispatchGroup()

    private init(listener: Int32, port: Int) {
        self.listener = listener
        self.port = port
    }

    /// Runs `body` against a server that gives each connection to `script`, and waits until every script is over.
    static func run(
        script: @escaping @Sendable (Connection) -> Void,
        _ body: (ScriptedServer) async throws -> Void
    ) async throws {
        let (listener, port) = try listen()
        let server = ScriptedServer(listener: listener, port: port)
        server.start { server.accept(script) }
        do {
            try await body(server)
            await server.stop()
        } catch {
            await server.stop()
            throw error
        }
    }

    private func stop() async {
        shutdown(listener, Int32(SHUT_RDWR))
        await withCheckedContinuation { continuation in
            threads.notify(queue: .global()) { continuation.resume() }
        }
        close(listener)
    }

    /// Runs `body` on a thread of its own: scripts block, which threads that tests share must not.
    private func start(_ body: @escaping @Sendable () -> Void) {
        threads.enter()
        Thread {
            body()
            self.threads.leave()
        }.start()
    }

    /// A port on which nobody listens.
    static func deadPort() throws -> Int {
        let (listener, port) = try listen()
        close(listener)
        return port
    }

    var origin: String { "http://127.0.0.1:\(port)" }

    var connections: Int { seen.withLock { $0.connections } }

    /// Head and body of every request that was read, in order of arrival.
    var requests: [String] { seen.withLock { $0.requests } }

    private func accept(_ script: @escaping @Sendable (Connection) -> Void) {
        while true {
            let descriptor = Self.accept(listener)
            guard descriptor >= 0 else { return }
            seen.withLock { $0.connections += 1 }
            let connection = Connection(descriptor) { request in self.seen.withLock { $0.requests.append(request) } }
            start {
                script(connection)
                connection.close()
            }
        }
    }

    private static func accept(_ listener: Int32) -> Int32 {
        #if canImport(Glibc)
            Glibc.accept(listener, nil, nil)
        #elseif canImport(Musl)
            Musl.accept(listener, nil, nil)
        #else
            Darwin.accept(listener, nil, nil)
        #endif
    }

    private static func listen() throws -> (Int32, Int) {
        #if canImport(Glibc)
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            let listener = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        // Small, so that a script that does not read lets the sender feel it soon; inherited by the connections.
        var size: Int32 = 64 << 10
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failed = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) != 0 || systemListen(listener) != 0
                    || getsockname(listener, address, &length) != 0
            }
        }
        guard listener >= 0, !failed else { throw SystemError(code: errno) }
        return (listener, Int(UInt16(bigEndian: address.sin_port)))
    }

    struct SystemError: Error {
        var code: Int32
    }
}

/// The server's end of one connection. Every read gives up after 10 seconds, so that no script outlives its test.
final class Connection: Sendable {
    private let descriptor: Mutex<Int32>
    private let onRequest: @Sendable (String) -> Void

    fileprivate init(_ descriptor: Int32, onRequest: @escaping @Sendable (String) -> Void) {
        self.descriptor = Mutex(descriptor)
        self.onRequest = onRequest
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    private var open: Int32 { descriptor.withLock { $0 } }

    /// The next request with as much body as its Content-Length says; `nil` when the peer has closed.
    @discardableResult
    func request() -> String? {
        guard var text = head() else { return nil }
        let lines = text.lowercased().split(separator: "\r\n")
        let announced = lines.first { $0.hasPrefix("content-length: ") }.flatMap { Int($0.dropFirst(16)) }
        let length = announced ?? 0
        while length > text.utf8.count - headLength(text), let more = read() { text += more }
        onRequest(text)
        return text
    }

    /// The head of the next request, and whatever came with it.
    func head() -> String? {
        var text = ""
        while text.firstRange(of: "\r\n\r\n") == nil {
            guard let more = read() else { return nil }
            text += more
        }
        return text
    }

    private func headLength(_ text: String) -> Int {
        text.firstRange(of: "\r\n\r\n").map { text[..<$0.upperBound].utf8.count } ?? 0
    }

    /// The bytes there are, at least one; `nil` at the end.
    func read() -> String? {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(open, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }

    /// Reads on until the peer ends the connection, and tells how much came and how it ended.
    @discardableResult
    func end() -> (bytes: Int, isReset: Bool) {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        var total = 0
        while true {
            let count = recv(open, &bytes, bytes.count, 0)
            guard count > 0 else { return (total, count < 0 && errno == ECONNRESET) }
            total += count
        }
    }

    /// Whether the peer has not closed.
    @discardableResult
    func write(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(open, $0.baseAddress, $0.count, noSignal) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    func answer(_ status: String, _ headers: [String] = [], body: String = "") {
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers + ["", body]
        write(lines.joined(separator: "\r\n"))
    }

    func close() {
        descriptor.withLock { descriptor in
            guard descriptor >= 0 else { return }
            _ = systemClose(descriptor)
            descriptor = -1
        }
    }

    /// Ends the connection as a crashed machine does.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(open, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }
}

#if canImport(Darwin)
    private let noSignal: Int32 = 0
#else
    private let noSignal = Int32(MSG_NOSIGNAL)
#endif

// The methods above hide the functions of the same name.
private func systemListen(_ descriptor: Int32) -> Int32 { listen(descriptor, 128) }
private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
