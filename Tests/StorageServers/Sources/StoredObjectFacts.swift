import JSON

/// An object as another S3 client than klingd's reads it back: boto3.
package struct StoredObjectFacts: Sendable {
    package let key: String
    /// In bytes.
    package let size: Int
    /// Of the bytes read, in lower case hex.
    package let sha256: String
    package let contentType: String?
    /// User metadata, names without `x-amz-meta-`.
    package let metadata: [String: String]
    /// Without its quotes.
    package let etag: String
    /// All that came with it, by names in lower case.
    package let headers: [String: String]

    init(_ facts: JSONValue) {
        key = facts["key"]?.stringValue ?? ""
        size = Int(facts["size"]?.integerValue ?? -1)
        sha256 = facts["sha256"]?.stringValue ?? ""
        contentType = facts["content_type"]?.stringValue
        metadata = facts["metadata"].map(texts) ?? [:]
        etag = facts["etag"]?.stringValue ?? ""
        headers = facts["headers"].map(texts) ?? [:]
    }
}

private func texts(_ object: JSONValue) -> [String: String] {
    Dictionary((object.objectValue?.members ?? []).map { ($0.name, $0.value.stringValue ?? "") }) { $1 }
}

extension StorageServer {
    /// Every object of the bucket whose key begins with `prefix`, read back in full. Takes about half a second.
    ///
    /// - Throws: ``StorageServerError`` when the store refuses.
    package func readBack(prefix: String = "") async throws -> [StoredObjectFacts] {
        let environment = readerEnvironment
        let output = try await runPython(
            [
                "s3_reader.py", "--endpoint", environment["AWS_ENDPOINT_URL_S3"] ?? endpoint, "--region", region,
                "--bucket", bucket, "--prefix", prefix,
            ],
            environment: environment
        )
        return try JSONValue.parse(output).arrayValue?.map(StoredObjectFacts.init) ?? []
    }
}
