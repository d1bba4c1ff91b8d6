import NIOCore
import Synchronization

/// The body of a request that must not be sent twice: its last byte is a piece of its own, and a gate before that byte
/// knows whether it went through.
///
/// A server cannot act on a request without its last byte. So a gate that closed in time proves that the request was
/// not taken, and that it never will be.
struct SingleUseBody: AsyncSequence, Sendable {
    private let buffer: ByteBuffer
    private let gate: Gate
    private let url: HTTPURL
    private let stillMaySend: @Sendable () -> Bool

    /// Makes a body for `url`; `stillMaySend` is asked once, right before the last byte.
    init(_ body: [UInt8], to url: HTTPURL, stillMaySend: @escaping @Sendable () -> Bool) {
        self.url = url
        self.stillMaySend = stillMaySend
        buffer = ByteBuffer(bytes: body)
        // Without a body the head is all, and nothing stands between it and the connection.
        gate = Gate(isPassed: body.isEmpty)
    }

    /// Bars the last byte, for ever, if it has not gone out yet. Returns whether it has.
    func close() -> Bool { gate.close() }

    func makeAsyncIterator() -> Iterator {
        Iterator(rest: buffer, gate: gate, url: url, stillMaySend: stillMaySend)
    }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate var rest: ByteBuffer
        fileprivate let gate: Gate
        fileprivate let url: HTTPURL
        fileprivate let stillMaySend: @Sendable () -> Bool

        mutating func next() async throws -> ByteBuffer? {
            switch rest.readableBytes {
            case 0: return nil
            case 1:
                guard stillMaySend() else {
                    _ = gate.close()
                    throw HTTPTransportError.withdrawn(url)
                }
                guard gate.pass() else { throw CancellationError() }
                return rest.readSlice(length: 1)
            // Pieces, so that a connection that takes no more stops the flow early.
            case let count: return rest.readSlice(length: Swift.min(count - 1, 64 << 10))
            }
        }
    }

    fileprivate final class Gate: Sendable {
        private enum State {
            case open, passed, closed
        }

        private let state: Mutex<State>

        init(isPassed: Bool) {
            state = Mutex(isPassed ? .passed : .open)
        }

        func pass() -> Bool {
            state.withLock { state in
                if state == .open { state = .passed }
                return state == .passed
            }
        }

        func close() -> Bool {
            state.withLock { state in
                if state == .open { state = .closed }
                return state == .passed
            }
        }
    }
}
