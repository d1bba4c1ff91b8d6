import HTTPTransport
package import Storage

extension S3Storage {
    package func list(prefix: String, after cursor: String?, limit: Int) async throws(StorageError) -> ObjectPage {
        var objects: [ObjectSummary] = []
        var last = cursor
        // A bucket full of names that are no keys is gone through in bounded steps.
        for _ in 0..<Self.mostPages {
            let page = try await page(prefix: prefix, after: last, limit: limit - objects.count)
            // What others keep in the bucket under names of their own is left out.
            objects += page.entries.compactMap { entry in
                (try? ObjectKey(entry.name)).map { ObjectSummary(key: $0, size: entry.size) }
            }
            guard page.isTruncated else { return ObjectPage(objects: objects) }
            guard let entry = page.entries.last, entry.name != last else {
                throw StorageError(.unavailable, "the list of \(url) does not go on where it should", isRetryable: true)
            }
            last = entry.name
            if objects.count >= limit { break }
        }
        return ObjectPage(objects: objects, next: last)
    }

    /// A page as the store has it.
    private struct Page {
        /// Names below the root, whatever they are.
        var entries: [(name: String, size: Int64)]
        var isTruncated: Bool
    }

    private static let mostPages = 20
    /// The most that stores give at once.
    private static let longestPage = 1000

    private func page(prefix: String, after: String?, limit: Int) async throws(StorageError) -> Page {
        let root = client.location.keyPrefix
        var query = [
            (name: "list-type", value: "2"), (name: "encoding-type", value: "url"),
            (name: "max-keys", value: "\(min(limit, Self.longestPage))"), (name: "prefix", value: root + prefix),
        ]
        // A name is good for as long as anybody wants to go on, which a token of the store's may not be.
        if let after { query.append((name: "start-after", value: root + after)) }
        let answer = try await client.send(S3Request(method: .get, query: query))
        guard let result = XMLElement.parse(answer.body), result.name == "ListBucketResult" else {
            throw StorageError(.unavailable, "the list of \(url) can't be read", isRetryable: true)
        }
        let isEncoded = result.text(of: "EncodingType") == "url"
        let entries = result.children.filter { $0.name == "Contents" }.compactMap { entry -> (String, Int64)? in
            guard let text = entry.text(of: "Key"), let size = entry.text(of: "Size").flatMap({ Int64($0) }) else {
                return nil
            }
            let name = isEncoded ? Self.decoded(text) : text
            return name.hasPrefix(root) ? (String(name.dropFirst(root.count)), size) : nil
        }
        return Page(entries: entries, isTruncated: result.text(of: "IsTruncated") == "true")
    }

    /// The text that `encoding-type=url` encoded; as it is when that is broken.
    private static func decoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return text }
                bytes.append(value)
                rest = rest.dropFirst(2)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self) ?? text
    }
}
