extension HTTPTransport {
    /// Sends a request and gives the body of an answer 200 to `sink` piece by piece; that of another status, up to
    /// `bodyLimit` bytes, is in the answer. Follows no redirect. `limit` is for the body of an answer 200, in bytes.
    package func fetch(
        _ request: HTTPRequest,
        limit: Int,
        bodyLimit: Int,
        into sink: ([UInt8]) async throws -> Void
    ) async throws(HTTPTransportError) -> HTTPResponse {
        let deadline = ContinuousClock.now + configuration.downloadTimeout
        let answer = try await begin(request, timeout: configuration.downloadTimeout)
        var body: [UInt8] = []
        if answer.status == 200 {
            try await answer.read(limit: limit, deadline: deadline, into: sink)
        } else {
            try await answer.read(limit: bodyLimit, deadline: deadline) { body.append(contentsOf: $0) }
        }
        return HTTPResponse(status: answer.status, headers: answer.headers, body: body)
    }

    /// Fetches `url` and gives the body of an answer 200 to `sink` piece by piece, no faster than it takes them.
    ///
    /// Sends no authorization and keeps the whole query, which may be a signature. Follows up to three redirects. An
    /// answer with another status is returned without its body.
    ///
    /// - Parameters:
    ///   - url: as the provider wrote it; what it should have percent-encoded is encoded here.
    ///   - limit: for the body, in bytes.
    ///   - allowsPrivateAddresses: whether it and its redirects may lead into this machine and network, and be plain
    ///     `http`: for a provider that is itself there, as the simulator is.
    ///   - sink: takes the next piece.
    /// - Returns: the head of the last answer.
    /// - Throws: what kept the body from being complete; what `sink` threw is its
    ///   ``HTTPTransportError/underlying`` error.
    package func download(
        _ url: String,
        limit: Int = 64 << 20,
        allowsPrivateAddresses: Bool = false,
        into sink: ([UInt8]) async throws -> Void
    ) async throws(HTTPTransportError) -> DownloadHead {
        let deadline = ContinuousClock.now + configuration.downloadTimeout
        let addresses = AddressGuard(allowsPrivateAddresses: allowsPrivateAddresses)
        var target = try HTTPURL(encoding: url)
        for _ in 0...3 {
            try addresses.check(target)
            let request = HTTPRequest(.get, target, headers: ["Accept": "image/*", "Accept-Encoding": "identity"])
            let answer = try await begin(request, timeout: ContinuousClock.now.duration(to: deadline))
            if [301, 302, 303, 307, 308].contains(answer.status), let location = answer.headers["Location"] {
                target = try target.resolving(location)
                continue
            }
            if answer.status == 200 { try await answer.read(limit: limit, deadline: deadline, into: sink) }
            return DownloadHead(status: answer.status, headers: answer.headers)
        }
        throw HTTPTransportError(.tooManyRedirects, "\(target) redirects too often")
    }
}
