package import JSON

/// What went wrong, as a word that never changes (`protocol/README.md`, errors).
package struct ErrorKind: Sendable, Hashable {
    package let rawValue: String
    /// The JSON-RPC code; ours start at 10000, outside of every range that is reserved.
    package let code: Int64
    /// What it means, in a few words.
    package let meaning: String

    private init(_ rawValue: String, _ code: Int64, _ meaning: String) {
        self.rawValue = rawValue
        self.code = code
        self.meaning = meaning
    }

    package static let `internal` = ErrorKind("internal", 10_000, "a fault of klingd")
    package static let invalidParams = ErrorKind(
        "invalid_params",
        -32_602,
        "a parameter is missing, unknown or wrong; 'pointer' tells which"
    )
    package static let unsupported = ErrorKind(
        "unsupported",
        10_001,
        "the provider or the API revision does not have it"
    )
    package static let notFound = ErrorKind("not_found", 10_002, "there is no such task")
    package static let conflict = ErrorKind(
        "conflict",
        10_003,
        "the key or the external id stands for another task, or there is nothing to resolve"
    )
    package static let noCredentials = ErrorKind("no_credentials", 10_004, "no key is set")
    package static let auth = ErrorKind("auth", 10_005, "the provider refuses the key")
    package static let account = ErrorKind("account", 10_006, "arrears, the balance, or an address that is not allowed")
    package static let contentPolicy = ErrorKind("content_policy", 10_007, "the prompt or the image was refused")
    package static let refused = ErrorKind("refused", 10_008, "the provider refused the request, or failed the job")
    package static let throttled = ErrorKind("throttled", 10_009, "too much at once")
    package static let providerUnavailable = ErrorKind(
        "provider_unavailable",
        10_010,
        "the provider is not reached, or not able to answer"
    )
    package static let providerSilent = ErrorKind("provider_silent", 10_011, "not finished in 30 days")
    package static let withdrawn = ErrorKind(
        "withdrawn",
        10_012,
        "cancelled before it was sent, or given up by 'resolve'"
    )
    package static let imageUnavailable = ErrorKind(
        "image_unavailable",
        10_013,
        "an image could not be read or fetched"
    )
    package static let resultExpired = ErrorKind(
        "result_expired",
        10_014,
        "paid, and gone at the provider before it could be stored"
    )
    package static let storageFull = ErrorKind("storage_full", 10_015, "the storage is full")
    package static let storageDenied = ErrorKind("storage_denied", 10_016, "the storage refuses access")
    package static let storageUnavailable = ErrorKind("storage_unavailable", 10_017, "the storage is not reached")
    package static let storageConfig = ErrorKind(
        "storage_config",
        10_018,
        "the storage is set up wrongly, or not at all"
    )
    package static let plugin = ErrorKind("plugin", 10_019, "a storage plugin misbehaved")
    package static let ledgerBusy = ErrorKind("ledger_busy", 10_020, "another process holds the ledger or the task")
    package static let ledger = ErrorKind("ledger", 10_021, "the ledger of tasks failed")
    package static let limit = ErrorKind("limit", 10_022, "a cap of yours is reached")
    package static let tooLarge = ErrorKind("too_large", 10_023, "an image beyond its limit")

    package static let all: [ErrorKind] = [
        `internal`, invalidParams, unsupported, notFound, conflict, noCredentials, auth, account, contentPolicy,
        refused, throttled, providerUnavailable, providerSilent, withdrawn, imageUnavailable, resultExpired,
        storageFull, storageDenied, storageUnavailable, storageConfig, plugin, ledgerBusy, ledger, limit, tooLarge,
    ]

    /// The kind of that name; `nil` for a word that is none of ours.
    package init?(rawValue: String) {
        guard let kind = Self.all.first(where: { $0.rawValue == rawValue }) else { return nil }
        self = kind
    }
}

/// Whether the provider takes money for a task.
package enum Charged: String, Sendable, CaseIterable {
    case no, yes, unknown
}

/// An error as the wire shows it, in a task or as the answer to a request that made no task.
package struct TaskError: Error, Sendable, Equatable {
    /// What the provider itself said, for those who have to ask its support.
    package struct Provider: Sendable, Equatable {
        package var httpStatus: Int?
        /// An integer, or a string at some gateways.
        package var code: JSONValue?
        package var message: String?
        package var requestID: String?

        package init(httpStatus: Int? = nil, code: JSONValue? = nil, message: String? = nil, requestID: String? = nil) {
            self.httpStatus = httpStatus
            self.code = code
            self.message = message
            self.requestID = requestID
        }
    }

    package var kind: ErrorKind
    /// What happened and what to do, in a sentence.
    package var message: String
    package var charged: Charged
    /// Whether the same request may succeed later without being changed.
    package var retryable: Bool
    package var retryAfter: Duration?
    package var pointer: JSONPointer?
    package var provider: Provider?

    package init(
        _ kind: ErrorKind,
        _ message: String,
        charged: Charged = .no,
        retryable: Bool = false,
        retryAfter: Duration? = nil,
        pointer: JSONPointer? = nil,
        provider: Provider? = nil
    ) {
        self.kind = kind
        self.message = message
        self.charged = charged
        self.retryable = retryable
        self.retryAfter = retryAfter
        self.pointer = pointer
        self.provider = provider
    }
}

extension TaskError {
    /// Whether the provider had too many images of the account in flight: its code 1303 (kling-api-facts.md 2.3).
    package var isConcurrencyRefusal: Bool { provider?.code == .integer(1303) || provider?.code == .string("1303") }

    /// Everything beside `code` and `message`: an error's `data`.
    package var details: JSONObject {
        var details: JSONObject = [
            "kind": .string(kind.rawValue), "charged": .string(charged.rawValue), "retryable": .bool(retryable),
        ]
        details["retry_after_ms"] = retryAfter.map { .integer($0.milliseconds) }
        details["pointer"] = pointer.map { .string($0.description) }
        if let provider {
            details["provider"] = [
                "http_status": provider.httpStatus.map { .integer(Int64($0)) } ?? .null,
                "code": provider.code ?? .null,
                "message": provider.message.map(JSONValue.string) ?? .null,
                "request_id": provider.requestID.map(JSONValue.string) ?? .null,
            ]
        }
        return details
    }

    /// The shape inside a task: `code` and `message` with the details beside them.
    package var json: JSONObject {
        JSONObject(
            [.init(name: "code", value: .integer(kind.code)), .init(name: "message", value: .string(message))]
                + details.members
        )
    }
}
