import Crypto

/// In what services differ.
package struct SigV4Rules: Sendable, Hashable {
    /// Whether the path is signed without dot segments and empty ones, and encoded once more, instead of as sent.
    package var normalizesPath: Bool
    /// Whether `X-Amz-Content-Sha256` is sent, and signed.
    package var sendsPayloadHash: Bool
    /// Whether the session token is signed, not only sent.
    package var signsSessionToken: Bool

    package static let s3 = SigV4Rules(normalizesPath: false, sendsPayloadHash: true, signsSessionToken: true)
    package static let generic = SigV4Rules(normalizesPath: true, sendsPayloadHash: false, signsSessionToken: true)
}

/// What a signature is made over. To be held against what a service shows when it answers `SignatureDoesNotMatch`.
package struct SigV4Steps: Sendable, Hashable {
    package let canonicalRequest: String
    package let stringToSign: String
}

/// Signs requests by AWS Signature Version 4. Pure: the time comes from the caller, nothing is read or kept.
package struct SigV4Signer: Sendable {
    /// In seconds; a service refuses presigned requests of any other.
    package static let lifetimes = 1...604_800

    private static let algorithm = "AWS4-HMAC-SHA256"

    private let credentials: SigV4Credentials
    private let region: String
    private let service: String
    private let rules: SigV4Rules

    package init(
        credentials: SigV4Credentials,
        region: String,
        service: String = "s3",
        rules: SigV4Rules = .s3
    ) {
        self.credentials = credentials
        self.region = region
        self.service = service
        self.rules = rules
    }

    /// Signs in the header.
    ///
    /// - Returns: the fields that `request` has to be sent with besides its own, in place of any of their names.
    package func sign(_ request: SigV4Request, at time: SigningTime) -> [(name: String, value: String)] {
        let canonical = canonicalRequest(of: request, at: time, token: credentials.sessionToken)
        let signature = signature(of: stringToSign(for: canonical, at: time), at: time)
        let authorization =
            "\(Self.algorithm) Credential=\(credentials.accessKeyID)/\(scope(at: time)), "
            + "SignedHeaders=\(canonical.signedHeaders), Signature=\(signature)"
        return ownFields(of: request, at: time, token: credentials.sessionToken).map { ($0.name, $0.value) }
            + [(name: "Authorization", value: authorization)]
    }

    /// What ``sign(_:at:)`` signs. Nothing of it is secret, since `SESSION-TOKEN` stands in the place of a session token,
    /// unless `showsToken`.
    package func steps(of request: SigV4Request, at time: SigningTime, showsToken: Bool = false) -> SigV4Steps {
        let token = credentials.sessionToken
        let canonical = canonicalRequest(of: request, at: time, token: token)
        let shown = showsToken ? token : token.map { _ in "SESSION-TOKEN" }
        return SigV4Steps(
            canonicalRequest: canonicalRequest(of: request, at: time, token: shown).text,
            stringToSign: stringToSign(for: canonical, at: time)
        )
    }

    /// Signs in the query, for somebody who has no credentials. The body is not signed, whatever `request` says of it.
    ///
    /// Whoever has the result can make the request: it is as secret as what it leads to. `lifetime` is in seconds, and
    /// brought into ``lifetimes``; it ends earlier when the credentials do.
    ///
    /// - Returns: the whole query, that of `request` included, without its question mark.
    package func presign(_ request: SigV4Request, lifetime: Int, at time: SigningTime) -> String {
        let headers = CanonicalHeaders(callersFields(of: request) + [(name: "host", value: request.host)])
        let token = credentials.sessionToken.map { [(name: "X-Amz-Security-Token", value: $0)] } ?? []
        let lifetime = min(max(lifetime, Self.lifetimes.lowerBound), Self.lifetimes.upperBound)
        let signed =
            request.query + [
                (name: "X-Amz-Algorithm", value: Self.algorithm),
                (name: "X-Amz-Credential", value: "\(credentials.accessKeyID)/\(scope(at: time))"),
                (name: "X-Amz-Date", value: time.timestamp),
                (name: "X-Amz-Expires", value: "\(lifetime)"),
                (name: "X-Amz-SignedHeaders", value: headers.names),
            ] + (rules.signsSessionToken ? token : [])
        let canonical = CanonicalRequest(
            method: request.method,
            path: path(of: request),
            query: signed,
            headers: headers,
            payload: .unsigned
        )
        let signature = signature(of: stringToSign(for: canonical, at: time), at: time)
        let query = SigV4Encoding.query(signed + (rules.signsSessionToken ? [] : token))
        return query + "&X-Amz-Signature=" + signature
    }

    private func canonicalRequest(of request: SigV4Request, at time: SigningTime, token: String?) -> CanonicalRequest {
        let own = ownFields(of: request, at: time, token: token).filter(\.isSigned).map { ($0.name, $0.value) }
        return CanonicalRequest(
            method: request.method,
            path: path(of: request),
            query: request.query,
            headers: CanonicalHeaders(callersFields(of: request) + own + [(name: "host", value: request.host)]),
            payload: request.payload
        )
    }

    private func path(of request: SigV4Request) -> String {
        if rules.normalizesPath { return CanonicalRequest.normalized(request.path) }
        return request.path.isEmpty ? "/" : request.path
    }

    private func callersFields(of request: SigV4Request) -> [(name: String, value: String)] {
        request.headers.filter { field in
            switch field.name.lowercased() {
            case "host", "authorization", "x-amz-date", "x-amz-security-token": false
            case "x-amz-content-sha256": !rules.sendsPayloadHash
            default: true
            }
        }
    }

    /// What is sent besides the caller's fields, but for the signature itself.
    private func ownFields(
        of request: SigV4Request,
        at time: SigningTime,
        token: String?
    ) -> [(name: String, value: String, isSigned: Bool)] {
        var fields = [(name: "X-Amz-Date", value: time.timestamp, isSigned: true)]
        if rules.sendsPayloadHash {
            fields.append((name: "X-Amz-Content-Sha256", value: request.payload.text, isSigned: true))
        }
        if let token { fields.append((name: "X-Amz-Security-Token", value: token, isSigned: rules.signsSessionToken)) }
        return fields
    }

    private func scope(at time: SigningTime) -> String { "\(time.day)/\(region)/\(service)/aws4_request" }

    private func stringToSign(for canonical: CanonicalRequest, at time: SigningTime) -> String {
        let hash = SHA256.hash(data: Array(canonical.text.utf8)).hexadecimal
        return [Self.algorithm, time.timestamp, scope(at: time), hash].joined(separator: "\n")
    }

    private func signature(of stringToSign: String, at time: SigningTime) -> String {
        var key = SymmetricKey(data: Array("AWS4\(credentials.secretAccessKey)".utf8))
        for part in [time.day, region, service, "aws4_request"] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
        }
        return HMAC<SHA256>.authenticationCode(for: Array(stringToSign.utf8), using: key).hexadecimal
    }
}

extension SigV4Signer: CustomStringConvertible, CustomReflectable {
    package var description: String { "signer for \(service) in \(region) by \(credentials)" }

    package var customMirror: Mirror { Mirror(self, children: ["signer": description]) }
}
