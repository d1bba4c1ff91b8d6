import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// An answer whose body is still on its way.
struct Answer {
    let status: Int
    let headers: HTTPFields
    private let url: HTTPURL
    private let body: HTTPClientResponse.Body

    init(_ response: HTTPClientResponse, url: HTTPURL) {
        status = Int(response.status.code)
        headers = HTTPFields(response.headers.map { (name: $0.name, value: $0.value) })
        body = response.body
        self.url = url
    }

    /// Gives the body to `sink` piece by piece, no faster than it takes them.
    ///
    /// The whole is over at `deadline`, late by no more than the idle timeout.
    func read(
        announcesBody: Bool = true,
        limit: Int,
        deadline: ContinuousClock.Instant,
        into sink: ([UInt8]) async throws -> Void
    ) async throws(HTTPTransportError) {
        let announced = announcesBody ? headers["Content-Length"].flatMap { Int($0) } : nil
        guard announced ?? 0 <= limit else { throw tooLarge(limit) }
        var received = 0
        do {
            for try await piece in body {
                received += piece.readableBytes
                guard received <= limit else { throw tooLarge(limit) }
                guard ContinuousClock.now < deadline else {
                    throw HTTPTransportError(.timeout, "the answer of \(url) took too long")
                }
                do {
                    try await sink(Array(piece.readableBytesView))
                } catch {
                    throw HTTPTransportError(.sinkFailed, "what came from \(url) could not be kept", underlying: error)
                }
            }
        } catch {
            let failure = HTTPTransportError(error, url: url)
            guard failure.kind == .cut else { throw failure }
            throw short(received, of: announced)
        }
        if let announced, received < announced { throw short(received, of: announced) }
    }

    private func tooLarge(_ limit: Int) -> HTTPTransportError {
        HTTPTransportError(.bodyTooLarge, "the answer of \(url) is larger than the \(limit) bytes allowed")
    }

    private func short(_ received: Int, of announced: Int?) -> HTTPTransportError {
        let whole = announced.map { " of \($0)" } ?? ""
        return HTTPTransportError(.shortBody, "the answer of \(url) broke off after \(received)\(whole) bytes")
    }
}
