import HTTPTransport
import SigV4
import Storage

/// How a bucket stands in a URL.
package enum S3AddressingStyle: String, Sendable, CaseIterable {
    /// `https://endpoint/bucket/key`
    case path
    /// `https://bucket.endpoint/key`
    case virtual
}

/// Where one bucket's objects are: the store's address, the bucket, and what goes before every key.
struct S3Location: Sendable, Hashable {
    /// Without a path.
    private(set) var endpoint: HTTPURL
    private let isOwnEndpoint: Bool
    let bucket: String
    /// Ends in "/" unless it is empty.
    let keyPrefix: String
    let style: S3AddressingStyle

    /// Throws ``StorageErrorKind/configuration`` for what can't be a bucket or a store.
    ///
    /// Without an `endpoint` it is Amazon's own in `region`. Without a `style` it is the endpoint's usual one:
    /// virtual-hosted at Amazon, path elsewhere, since a store of one's own seldom has a name (and a certificate) for each
    /// bucket.
    init(
        url: StorageURL,
        endpoint given: HTTPURL?,
        region: String,
        style: S3AddressingStyle?
    ) throws(StorageError) {
        guard url.scheme == "s3" else { throw Self.wrong("'\(url)' is not a bucket: give s3://BUCKET/PREFIX") }
        bucket = url.host
        guard Self.isBucketName(bucket) else {
            throw Self.wrong("'\(bucket)' can't be a bucket: 3 to 63 of a-z, 0-9, '.' and '-' make its name")
        }
        keyPrefix = try url.segments.isEmpty ? "" : ObjectKey(url.segments.joined(separator: "/")).description + "/"
        isOwnEndpoint = given != nil
        if let given { endpoint = given } else { endpoint = try Self.amazon(region) }
        guard endpoint.scheme == .https || endpoint.reach == .loopback else {
            throw Self.wrong(
                "the images would travel in clear to \(endpoint.host): give AWS_ENDPOINT_URL_S3 with https://"
            )
        }
        guard endpoint.path == "/", endpoint.query == nil, endpoint.userInfo == nil else {
            throw Self.wrong(
                "AWS_ENDPOINT_URL_S3 must be an address alone, such as https://s3.example.com, without path, query or user"
            )
        }
        self.style = style ?? Self.usualStyle(of: endpoint, bucket: bucket)
    }

    /// The same bucket at Amazon's address of another region; as it is when the address was chosen.
    func inRegion(_ region: String) -> S3Location {
        guard !isOwnEndpoint, let endpoint = try? Self.amazon(region) else { return self }
        var moved = self
        moved.endpoint = endpoint
        return moved
    }

    /// Amazon's own service, which knows what other stores may refuse.
    var isAmazon: Bool { Self.isAmazon(endpoint) }

    /// The host as it is sent and signed: with the port where it is not the scheme's own.
    var host: String {
        let origin = endpoint.origin
        let authority = String(origin[origin.index(origin.startIndex, offsetBy: endpoint.scheme.rawValue.count + 3)...])
        return style == .virtual ? "\(bucket).\(authority)" : authority
    }

    /// The path of a key below the prefix, of the bucket itself without one, as it stands on the wire: each byte encoded once and nothing normalised.
    func path(of key: String?) -> String {
        let bucketPath = style == .path ? "/" + bucket : ""
        guard let key else { return bucketPath.isEmpty ? "/" : bucketPath }
        return bucketPath + "/" + SigV4Encoding.path(keyPrefix + key)
    }

    func url(path: String, query: String) throws(HTTPTransportError) -> HTTPURL {
        try HTTPURL("\(endpoint.scheme.rawValue)://\(host)\(path)\(query.isEmpty ? "" : "?" + query)")
    }

    private static func usualStyle(of endpoint: HTTPURL, bucket: String) -> S3AddressingStyle {
        // A certificate for *.s3.amazonaws.com does not cover a name with another dot in it.
        isAmazon(endpoint) && !bucket.contains(".") ? .virtual : .path
    }

    private static func isAmazon(_ endpoint: HTTPURL) -> Bool {
        endpoint.host.hasSuffix(".amazonaws.com") || endpoint.host.hasSuffix(".amazonaws.com.cn")
    }

    private static func amazon(_ region: String) throws(StorageError) -> HTTPURL {
        let domain = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        do {
            return try HTTPURL("https://s3.\(region).\(domain)")
        } catch {
            throw wrong("'\(region)' can't be a region: set AWS_REGION to one such as us-east-1")
        }
    }

    private static func isBucketName(_ name: String) -> Bool {
        (3...63).contains(name.utf8.count) && !name.hasPrefix(".") && !name.hasPrefix("-")
            && name.utf8.allSatisfy { byte in
                switch byte {
                // Old buckets of Amazon's, and other stores, have names with capitals and underscores.
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    private static func wrong(_ message: String) -> StorageError { StorageError(.configuration, message) }
}
