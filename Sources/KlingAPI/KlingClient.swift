package import HTTPTransport

/// The core client: speaks with one provider under one key, and turns every answer and every silence into an outcome.
///
/// Nothing is retried here: whether something may be sent again is a question of money, which only the ledger can
/// answer. The one exception costs nothing: what was refused for a stale login goes out once more under a new one.
package struct KlingClient: Sendable {
    /// Answers are a few kilobytes; what is longer is not from the provider.
    private static let answerLimit = 1 << 20
    /// 500 tasks with 9 images each, whose signed addresses are long.
    private static let listLimit = 16 << 20

    private let transport: HTTPTransport
    private let baseURL: Result<HTTPURL, HTTPTransportError>
    private let dialect: Dialect
    private let credentials: Credentials
    private let now: @Sendable () -> Int64

    /// Makes a client of one provider.
    ///
    /// - Parameters:
    ///   - transport: the way out.
    ///   - baseURL: scheme and host, as in ``Dialect/baseURL``; the dialect's path is added. With one that is no URL,
    ///     every create is refused and says so.
    ///   - dialect: how the provider speaks.
    ///   - credentials: who asks.
    ///   - now: the time in Unix milliseconds, for logins that are signed.
    package init(
        transport: HTTPTransport,
        baseURL: String,
        dialect: Dialect,
        credentials: Credentials,
        now: @escaping @Sendable () -> Int64 = WallClock.now
    ) {
        self.transport = transport
        self.baseURL = Result { () throws(HTTPTransportError) in try HTTPURL(baseURL) }
        self.dialect = dialect
        self.credentials = credentials
        self.now = now
    }

    /// Sends a create, once, over a connection of its own (design section 6.3). The body is as
    /// ``ImageGenerationRequest/body(externalTaskID:)`` makes it.
    ///
    /// `stillMaySend` is asked right before the last byte of the body would go out, and again if a stale login makes it
    /// go out a second time. With "no" that byte never does, and the outcome is ``CreateOutcome/notSent(_:)``. It must
    /// not block.
    package func create(
        body: [UInt8],
        stillMaySend: @escaping @Sendable () -> Bool = { true }
    ) async -> CreateOutcome {
        do {
            let url = try baseURL.get().appending(path: dialect.generationsPath)
            return try await underLogin { (login) async throws(HTTPTransportError) -> CreateOutcome in
                let headers = HTTPFields(headers(login).fields + [(name: "Content-Type", value: "application/json")])
                let response = try await transport.sendOnce(
                    HTTPRequest(.post, url, headers: headers, body: body),
                    bodyLimit: Self.answerLimit,
                    stillMaySend: stillMaySend
                )
                let outcome = AnswerClassification.ofCreate(response.without(login))
                // A server that gave up before it had the whole request has made no task of it.
                guard case .ambiguous(var failure) = outcome, !response.requestHandedOut else { return outcome }
                failure.message = "the provider answered before it had the whole request; it is tried again"
                return .notSent(failure)
            }
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
            return try await underLogin { (login) async throws(HTTPTransportError) -> LookUpOutcome in
                let request = HTTPRequest(.get, url, headers: headers(login))
                let response = try await transport.send(request, bodyLimit: Self.answerLimit)
                return AnswerClassification.ofLookUp(response.without(login), of: reference)
            }
        } catch {
            return .unavailable(
                ProviderFailure(
                    .providerUnavailable,
                    "the task was not looked up: \(error.message); it is looked up again"
                )
            )
        }
    }

    /// Asks for a page of the account's tasks, where the dialect has that (``Dialect/hasList``): pages from 1 to 1000, of
    /// 1 to 500 tasks.
    package func list(page: Int, size: Int) async -> ListOutcome {
        guard dialect.hasList else {
            return .rejected(ProviderFailure(.unsupported, "\(dialect.name) has no list of tasks; look them up by id"))
        }
        guard Self.pages.contains(page), Self.pageSizes.contains(size) else {
            return .rejected(
                ProviderFailure(
                    .invalidParams,
                    "the list has pages 1 to 1000 of 1 to 500 tasks, not page \(page) of \(size)"
                )
            )
        }
        do {
            let query = "pageNum=\(page)&pageSize=\(size)"
            let url = try baseURL.get().appending(path: dialect.generationsPath, query: query)
            return try await underLogin { (login) async throws(HTTPTransportError) -> ListOutcome in
                let request = HTTPRequest(.get, url, headers: headers(login))
                let response = try await transport.send(request, bodyLimit: Self.listLimit)
                return AnswerClassification.ofList(response.without(login))
            }
        } catch {
            return .unavailable(
                ProviderFailure(.providerUnavailable, "the tasks were not listed: \(error.message); it is tried again")
            )
        }
    }

    /// What the provider takes (kling-api-facts.md 3.4).
    private static let pages = 1...1000
    private static let pageSizes = 1...500

    /// Runs an exchange, and once more if the provider takes the login for stale and another can be made: it has then
    /// refused the first for certain.
    private func underLogin<Outcome: Refusable>(
        _ exchange: (Login) async throws(HTTPTransportError) -> Outcome
    ) async throws(HTTPTransportError) -> Outcome {
        let (first, canRenew) = try await attempt(exchange)
        return canRenew ? try await attempt(exchange).outcome : first
    }

    /// Runs an exchange, and tells whether it may do under the next login.
    private func attempt<Outcome: Refusable>(
        _ exchange: (Login) async throws(HTTPTransportError) -> Outcome
    ) async throws(HTTPTransportError) -> (outcome: Outcome, canRenew: Bool) {
        let login = try await credentials.login(at: now())
        let outcome = try await exchange(login)
        return (outcome, outcome.refusal?.isStaleLogin == true && credentials.discard(login))
    }

    private func headers(_ login: Login) -> HTTPFields {
        ["Authorization": login.authorization, "Accept": "application/json"]
    }

    private func outcome(of error: HTTPTransportError) -> CreateOutcome {
        if error.kind == .invalidURL {
            return .refused(ProviderFailure(.invalidParams, "the base URL is not usable: \(error.message)"))
        }
        if error.kind == .withdrawn {
            return .notSent(
                ProviderFailure(
                    .providerUnavailable,
                    "the right to send this was lost before the last byte went out; nothing was sent"
                )
            )
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

extension HTTPResponse {
    fileprivate func without(_ login: Login) -> HTTPResponse {
        var response = self
        response.body = login.removed(from: body)
        return response
    }
}

/// An outcome that can be the refusal of a login.
private protocol Refusable {
    /// What the provider refused for certain.
    var refusal: ProviderFailure? { get }
}

extension CreateOutcome: Refusable {
    fileprivate var refusal: ProviderFailure? {
        if case .refused(let failure) = self { failure } else { nil }
    }
}

extension LookUpOutcome: Refusable {
    fileprivate var refusal: ProviderFailure? {
        if case .rejected(let failure) = self { failure } else { nil }
    }
}

extension ListOutcome: Refusable {
    fileprivate var refusal: ProviderFailure? {
        if case .rejected(let failure) = self { failure } else { nil }
    }
}
