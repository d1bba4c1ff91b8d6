import Foundation
import SigV4
import Testing

/// One case of the suite that AWS publishes for Signature Version 4, read from its folder.
struct SuiteCase {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent(".build-python/aws4_testsuite")

    let request: SigV4Request
    /// Of the field `X-Amz-Security-Token`, when the request or what has to become of it carries one.
    let sessionToken: String?
    let canonicalRequest: String
    let stringToSign: String
    let authorization: String
    let signedRequest: RawRequest

    init(_ name: String) throws {
        let stem = Self.folder.appendingPathComponent(name).appendingPathComponent((name as NSString).lastPathComponent)
        func text(_ pathExtension: String) throws -> String {
            let file = stem.appendingPathExtension(pathExtension)
            guard let content = FileManager.default.contents(atPath: file.path) else {
                throw SuiteMissing(path: file.path)
            }
            return String(decoding: content, as: UTF8.self).replacingOccurrences(of: "\r", with: "")
        }
        let raw = try RawRequest(text("req"))
        canonicalRequest = try text("creq")
        stringToSign = try text("sts")
        authorization = try text("authz")
        signedRequest = try RawRequest(text("sreq"))
        sessionToken = raw["x-amz-security-token"] ?? signedRequest["x-amz-security-token"]
        request = SigV4Request(
            method: raw.method,
            host: try #require(raw["host"]),
            path: raw.path,
            query: raw.query,
            headers: raw.headers,
            payload: .bytes(Array(raw.body.utf8))
        )
    }

    /// The names of all cases that lie in the folder.
    static func names() throws -> Set<String> {
        guard let paths = FileManager.default.enumerator(atPath: folder.path)?.allObjects as? [String], !paths.isEmpty
        else {
            throw SuiteMissing(path: folder.path)
        }
        return Set(paths.filter { $0.hasSuffix(".req") }.map { ($0 as NSString).deletingLastPathComponent })
    }
}

struct SuiteMissing: Error, CustomStringConvertible {
    let path: String

    var description: String { "\(path) is missing: run 'make test', which fetches the suite" }
}

/// A request as text, with all that the suite does to it: folded fields, repeated names, spaces in the path.
struct RawRequest {
    let method: String
    let path: String
    let query: [(name: String, value: String)]
    private(set) var headers: [(name: String, value: String)] = []
    let body: String

    init(_ text: String) throws {
        let end = text.range(of: "\n\n")
        body = end.map { String(text[$0.upperBound...]) } ?? ""
        var lines = text[..<(end?.lowerBound ?? text.endIndex)].split(separator: "\n")
        let words = lines.removeFirst().split(separator: " ")
        try #require(words.count >= 3 && words.last == "HTTP/1.1")
        method = String(words[0])
        let target = words[1..<(words.count - 1)].joined(separator: " ")
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(parts[0])
        query =
            try parts.dropFirst().first?.split(separator: "&").map { item in
                let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (try Self.decoded(pair[0]), pair.count < 2 ? "" : try Self.decoded(pair[1]))
            } ?? []
        for line in lines {
            if line.hasPrefix(" "), let last = headers.popLast() {
                headers.append((last.name, last.value + "\n" + line))
            } else {
                let pair = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                headers.append((String(pair[0]), String(pair[1])))
            }
        }
    }

    subscript(name: String) -> String? {
        headers.first { $0.name.lowercased() == name }?.value.trimmingCharacters(in: .whitespaces)
    }

    private static func decoded(_ text: Substring) throws -> String { try #require(text.removingPercentEncoding) }
}
