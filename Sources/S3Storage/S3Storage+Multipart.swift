import HTTPTransport
import Storage
import SystemPackage

/// Files too large for one request. The object is not seen before the last request succeeds.
extension S3Storage {
    func putInParts(_ request: PutRequest) async throws(StorageError) {
        let key = request.key.description
        let begin = S3Request(
            method: .post,
            key: key,
            query: [(name: "uploads", value: "")],
            headers: objectHeaders(of: request)
        )
        let answer = try await client.send(begin)
        guard let id = XMLElement.parse(answer.body)?.text(of: "UploadId") else {
            throw StorageError(
                .unavailable,
                "the store began no upload of \(url.appending(request.key))",
                isRetryable: true
            )
        }
        do throws(StorageError) {
            let tags = try await sendParts(of: request, upload: id)
            try await complete(request, upload: id, tags)
        } catch {
            let abort = S3Request(method: .delete, key: key, query: [(name: "uploadId", value: id)])
            // What was sent is paid by the month until somebody drops it. In a task of its own, which is awaited: the
            // cancellation of this one must not reach it.
            await Task { [client] in
                let patience = S3Client.Patience(attempts: 2, attemptTimeout: .seconds(5))
                _ = try? await client.send(abort, patience: patience, accepts: { $0 == 404 })
            }.value
            throw error
        }
    }

    private func sendParts(of request: PutRequest, upload: String) async throws(StorageError) -> [String] {
        var tags: [String] = []
        var offset: Int64 = 0
        while offset < request.size {
            let slice = FileSlice(
                path: request.source.string,
                offset: offset,
                length: min(options.partLength, request.size - offset)
            )
            let digest = try await digest(slice, of: request)
            let part = S3Request(
                method: .put,
                key: request.key.description,
                query: [
                    (name: "partNumber", value: "\(tags.count + 1)"), (name: "uploadId", value: upload),
                ],
                headers: [(name: "Content-MD5", value: digest.md5.base64)],
                body: .file(slice, sha256: digest.sha256),
                expectsNoError: true
            )
            let answer = try await client.send(part)
            guard let tag = answer.headers["ETag"] else {
                throw StorageError(.unavailable, "the store gave a part of \(request.key) no ETag", isRetryable: true)
            }
            tags.append(tag)
            offset += slice.length
        }
        return tags
    }

    private func complete(_ request: PutRequest, upload: String, _ tags: [String]) async throws(StorageError) {
        let parts = tags.enumerated().map { index, tag in
            "<Part><PartNumber>\(index + 1)</PartNumber><ETag>\(Self.escaped(tag))</ETag></Part>"
        }
        let complete = S3Request(
            method: .post,
            key: request.key.description,
            query: [(name: "uploadId", value: upload)],
            headers: [(name: "Content-Type", value: "application/xml")],
            body: .bytes(
                Array(
                    "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\(parts.joined())</CompleteMultipartUpload>"
                        .utf8
                )
            ),
            expectsNoError: true
        )
        // 404 after an answer that was lost: the upload is complete, and so it is no more.
        _ = try await client.send(complete, accepts: { $0 == 404 })
        guard try await isPresent(request) else {
            throw StorageError(.unavailable, "\(url.appending(request.key)) was not completed", isRetryable: true)
        }
    }

    private static func escaped(_ text: String) -> String {
        text.map { character in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&quot;"
            default: String(character)
            }
        }.joined()
    }
}
