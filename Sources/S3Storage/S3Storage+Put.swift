import HTTPTransport
import Storage
import SystemPackage

extension S3Storage {
    /// One request for the whole object, and the proof that it arrived.
    func putWhole(_ request: PutRequest, _ content: FileDigest) async throws(StorageError) {
        var put = S3Request(
            method: .put,
            key: request.key.description,
            headers: objectHeaders(of: request) + [(name: "Content-MD5", value: content.md5.base64)],
            body: .file(FileSlice(path: request.source.string, length: request.size), sha256: request.sha256),
            expectsNoError: true
        )
        if sendsChecksums, let digest = Self.bytes(ofHexadecimal: request.sha256) {
            put.headers.append((name: "x-amz-checksum-sha256", value: digest.base64))
        }
        // Twice at most: what is corrupted on the way once may be whole the next time.
        for isLast in [false, true] {
            let answer = try await client.send(put)
            if try await isStored(request, md5: content.md5, answer.headers) { return }
            if isLast { break }
        }
        throw StorageError(
            .unavailable,
            "\(url.appending(request.key)) is not what was sent, by the ETag or the length that "
                + "\(client.location.endpoint.origin) tells: it is sent again",
            isRetryable: true
        )
    }

    /// What goes with an object however it is sent.
    func objectHeaders(of request: PutRequest) -> [(name: String, value: String)] {
        var metadata = request.metadata
        metadata["sha256"] = request.sha256
        return [(name: "Content-Type", value: request.mediaType)]
            + metadata.sorted { $0.key < $1.key }.map { (name: "x-amz-meta-\($0.key.lowercased())", value: $0.value) }
    }

    private var sendsChecksums: Bool {
        switch options.checksums {
        case .automatic: client.location.isAmazon
        case .always: true
        case .never: false
        }
    }

    /// Compares what the store says of the object with what was sent.
    private func isStored(
        _ request: PutRequest,
        md5: [UInt8],
        _ headers: HTTPFields
    ) async throws(StorageError) -> Bool {
        // An ETag is the MD5 only of what was sent whole and is not encrypted with a key of somebody's own.
        let encryption = headers["x-amz-server-side-encryption"]
        let isPlain =
            (encryption == nil || encryption == "AES256")
            && headers["x-amz-server-side-encryption-customer-algorithm"] == nil
        if isPlain, let tag = headers["ETag"].map({ $0.filter { $0 != "\"" } }), tag.utf8.count == 32,
            tag.allSatisfy(\.isHexDigit)
        {
            return tag.lowercased() == md5.hexadecimal
        }
        return try await isPresent(request)
    }

    /// Whether the store has the object with the right length, and our own digest with it.
    func isPresent(_ request: PutRequest) async throws(StorageError) -> Bool {
        guard case .present(let found) = try await head(request.key) else { return false }
        return found.size == request.size && found.metadata["sha256"] == request.sha256
    }

    private static func bytes(ofHexadecimal text: String) -> [UInt8]? {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
