import HTTPTransport
import SigV4
import Storage
import Testing

@testable import S3Storage

/// What a store's answer means: whether it is asked again, and which setting the error names.
@Suite struct S3FailureTests {
    private func failure(
        _ status: Int,
        _ code: String? = nil,
        headers: HTTPFields = [:],
        extra: String = "",
        regionWasGiven: Bool = false,
        sentAt: Int64 = 784_111_777
    ) -> S3Failure {
        let body = code.map { "<Error><Code>\($0)</Code><Message>the store's words</Message>\(extra)</Error>" } ?? ""
        return S3Failure(
            HTTPResponse(status: status, headers: headers, body: Array(body.utf8)),
            regionWasGiven: regionWasGiven,
            sentAt: sentAt
        )
    }

    private func error(_ failure: S3Failure, regionSetting: String? = nil) -> StorageError {
        StorageError(
            failure,
            S3ErrorContext(
                endpoint: "https://s3.example.com",
                bucket: "pictures",
                region: "eu-west-1",
                regionSetting: regionSetting,
                credentials: "the keys' place",
                attempts: 4
            )
        )
    }

    @Test(
        arguments: [
            (500, "InternalError", .transient), (503, "SlowDown", .throttled), (503, "ServiceUnavailable", .transient),
            (503, nil, .transient), (502, nil, .transient), (504, nil, .transient), (429, nil, .throttled),
            (429, "TooManyRequests", .throttled), (408, nil, .transient), (400, "RequestTimeout", .transient),
            (409, "OperationAborted", .transient), (409, "ConditionalRequestConflict", .transient),
            (499, nil, .transient),
            (200, "InternalError", .transient), (200, "SlowDown", .throttled), (200, nil, .transient),
            (400, "BadDigest", .corrupted), (400, "XAmzContentSHA256Mismatch", .corrupted),
            (400, "ExpiredToken", .expired), (403, "AccessDenied", .permanent), (403, nil, .permanent),
            (404, "NoSuchBucket", .permanent), (404, nil, .permanent), (501, "NotImplemented", .permanent),
            (400, "InvalidArgument", .permanent), (403, "SignatureDoesNotMatch", .permanent),
            (403, "InvalidAccessKeyId", .permanent), (507, nil, .permanent),
        ] as [(Int, String?, RetryClass)]
    )
    func anAnswerHasAClass(status: Int, code: String?, expected: RetryClass) {
        #expect(failure(status, code).kind == expected)
    }

    @Test func aRegionIsFollowedOnlyWhenNobodyChoseOne() {
        let named = "<Region>us-west-2</Region>"
        #expect(failure(400, "AuthorizationHeaderMalformed", extra: named).kind == .otherRegion("us-west-2"))
        #expect(failure(301, headers: ["x-amz-bucket-region": "us-west-2"]).kind == .otherRegion("us-west-2"))
        #expect(failure(301, "PermanentRedirect").kind == .permanent, "it names none")
        let chosen = failure(400, "AuthorizationHeaderMalformed", extra: named, regionWasGiven: true)
        #expect(chosen.kind == .permanent)
        let message = error(chosen, regionSetting: "AWS_DEFAULT_REGION").message
        #expect(message.contains("region 'eu-west-1' is wrong: set AWS_DEFAULT_REGION to 'us-west-2'"), "\(message)")
    }

    /// A store's words go into logs and to clients.
    @Test func whatAStoreSaysIsCutMadeFitToBeShownAndFreeOfSecrets() throws {
        let keys = try #require(
            SigV4Credentials(accessKeyID: "AKID", secretAccessKey: "s3cret/key", sessionToken: "t0ken")
        )
        func failure(_ message: String, code: String = "AccessDenied", region: String = "") -> S3Failure {
            let text = "<Error><Code>\(code)</Code><Message>\(message)</Message><Region>\(region)</Region></Error>"
            let response = HTTPResponse(status: 403, body: Array(text.utf8))
            return S3Failure(response, regionWasGiven: false, sentAt: 0, keys: keys)
        }
        #expect(failure("token t0ken, secret s3cret/key").message == "token [redacted], secret [redacted]")
        #expect(failure("one&#10;two \u{9B}31m").message == #"one\ntwo \u{009B}31m"#)
        #expect(failure(String(repeating: "x", count: 10_000)).message.unicodeScalars.count == 501)
        #expect(failure("x", code: String(repeating: "y", count: 1000)).code?.unicodeScalars.count == 65)
        #expect(failure("x", region: "eu-west-1").region == "eu-west-1")
        #expect(failure("x", region: "eu west&#10;X").region == nil, "it would stand in a header field")
        let endless = "<Error><Code>A</Code>\(String(repeating: "<a/>", count: 100_000))</Error>"
        #expect(S3Failure.document(of: HTTPResponse(status: 500, body: Array(endless.utf8))) == nil)
    }

    /// A request that lay in a sleeping machine for an hour is signed anew; a clock that is wrong is the owner's to set.
    @Test func onlyAnOldSignatureIsMadeAnew() {
        let date: HTTPFields = ["Date": "Sun, 06 Nov 1994 08:49:37 GMT"]
        #expect(failure(403, "RequestTimeTooSkewed", headers: date, sentAt: 784_111_777 - 10).kind == .stale)
        let wrong = failure(403, "RequestTimeTooSkewed", headers: date, sentAt: 784_111_777 - 1200)
        #expect(wrong.kind == .permanent)
        #expect(error(wrong).message.contains("clock is 20 min behind"), "\(error(wrong).message)")
        let ahead = failure(403, "RequestTimeTooSkewed", headers: date, sentAt: 784_111_777 + 1200)
        #expect(error(ahead).message.contains("clock is 20 min ahead"), "\(error(ahead).message)")
        #expect(failure(403, "RequestTimeTooSkewed").kind == .permanent, "nobody can tell")
    }

    /// Each trouble has words of its own, which name what to change.
    @Test(
        arguments: [
            (403, "SignatureDoesNotMatch", .denied, "do not belong together: correct the keys' place"),
            (403, "InvalidAccessKeyId", .denied, "access key is not known: correct the keys' place"),
            (404, "NoSuchBucket", .configuration, "bucket 'pictures' does not exist"),
            (403, "AccessDenied", .denied, "s3:PutObject"), (400, "ExpiredToken", .denied, "session token"),
            (507, nil, .full, "quota"), (503, "SlowDown", .unavailable, "tried again"),
            (404, nil, .configuration, "AWS_ENDPOINT_URL_S3"),
        ] as [(Int, String?, StorageErrorKind, String)]
    )
    func anErrorNamesWhatToChange(status: Int, code: String?, kind: StorageErrorKind, words: String) {
        let error = error(failure(status, code, headers: ["x-amz-request-id": "R1"]))
        #expect(error.kind == kind)
        #expect(error.message.contains(words), "\(error.message)")
        #expect(error.message.contains("request R1"), "for whoever asks the store's owner")
        if code != nil { #expect(error.message.contains("the store's words")) }
    }

    @Test func theWaitThatTheStoreAsksForIsKept() {
        #expect(failure(503, headers: ["Retry-After": "7"]).retryAfter == .seconds(7))
        #expect(failure(503, headers: ["x-amz-retry-after": "1500"]).retryAfter == .milliseconds(1500))
        #expect(failure(503, "SlowDown").retryAfter == nil)
        #expect(error(failure(503, headers: ["Retry-After": "120"])).retryAfter == .seconds(120))
    }

    @Test func noAnswerIsTriedAgainUnlessItCantHelp() {
        for kind in [HTTPTransportError.Kind.cut, .timeout, .connectFailed, .shortBody] {
            #expect(S3Failure(HTTPTransportError(kind, "x")).kind == .transient)
        }
        for kind in [HTTPTransportError.Kind.tls, .cancelled, .shutDown, .sourceFailed, .invalidRequest] {
            #expect(S3Failure(HTTPTransportError(kind, "x")).kind == .permanent)
        }
    }
}
