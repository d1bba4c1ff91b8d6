package import HTTPTransport

/// The core client: speaks with one provider under one key, and turns every answer and every silence into an outcome.
///
/// Nothing is retried here: whether something may be sent again is a question of money, which only the ledger can
/// answer.
package struct KlingClient: Sendable {
    /// Answers are a few kilobytes; what is longer is not from the provider.
    private static let answerLimit = 1 << 20

    private let transport: HTTPTransport
    private let baseURL: Result<HTTPURL, HTTPTransportError>
    private let dialect: Dialect
    private let credentials: Credentials

    /// Makes a client of the provider at `baseURL`: scheme and host, as in ``Dialect/baseURL``; the dialect's path is
    /// added. With one that is no URL, every create is refused and says so.
    package init(transport: HTTPTransport, baseURL: String, dialect: Dialect, credentials: Credentials) {
        self.transport = transport
        self.baseURL = Result { () throws(HTTPTransportError) in try HTTPURL(baseURL) }
        self.dialect = dialect
        self.credentials = credentials
    }

    /// Sends a create, once, over a connection of its own (design section 6.3). The body is as
    /// ``ImageGenerationRequest/body(externalTaskID:)`` makes it.
    package func create(body: [UInt8]) async -> CreateOutcome {
        do {
            let url = try baseURL.get().appending(path: dialect.generationsPath)
            let headers = HTTPFields(headers.fields + [(name: "Content-Type", value: "application/json")])
            let request = HTTPRequest(.post, url, headers: headers, body: body)
            let response = try await transport.sendOnce(request, bodyLimit: Self.answerLimit)
            let outcome = AnswerClassification.ofCreate(withoutKey(response))
            // A server that gave up before it had the whole request has made no task of it.
            guard case .ambiguous(var failure) = outcome, !response.requestHandedOut else { return outcome }
            failure.message = "the provider answered before it had the whole request; it is tried again"
            return .notSent(failure)
        } catch {
            return outcome(of: error)
        }
    }

    /// Asks for a task by the provider's own id.
    package func lookUp(taskID: String) async -> LookUpOutcome { await lookUp(.taskID(taskID)) }

    /// Asks for a task by the id that was sent with its create. That a gateway supports it is not documented: what is
    /// found is proof, what is not found proves nothing there (``Dialect/lookUpIsAuthoritative``).
    package func lookUp(externalTaskID: String) async -> LookUpOutcome {
        await lookUp(.externalTaskID(externalTaskID))
    }

    private func lookUp(_ reference: TaskReference) async -> LookUpOutcome {
        do {
            let url = try baseURL.get().appending(path: dialect.path(of: reference))
            let request = HTTPRequest(.get, url, headers: headers)
            let response = try await transport.send(request, bodyLimit: Self.answerLimit)
            return AnswerClassification.ofLookUp(withoutKey(response), of: reference)
        } catch {
            return .unavailable(
                ProviderFailure(
                    .providerUnavailable,
                    "the task was not looked up: \(error.message); it is looked up again"
                )
            )
        }
    }

    private var headers: HTTPFields {
        ["Authorization": credentials.authorization, "Accept": "application/json"]
    }

    private func withoutKey(_ response: HTTPResponse) -> HTTPResponse {
        var response = response
        response.body = credentials.removed(from: response.body)
        return response
    }

    private func outcome(of error: HTTPTransportError) -> CreateOutcome {
        if error.kind == .invalidURL {
            return .refused(ProviderFailure(.invalidParams, "the base URL is not usable: \(error.message)"))
        }
        guard error.requestHandedOut else {
            return .notSent(
                ProviderFailure(
                    .providerUnavailable,
                    "the provider was not reached: \(error.message); nothing was sent, it is tried again"
                )
            )
        }
        return .ambiguous(
            ProviderFailure(
                .providerUnavailable,
                "the request was sent and its answer was lost: \(error.message); the task is looked up before anything"
                    + " is sent again"
            )
        )
    }
}
