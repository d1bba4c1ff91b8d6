/// Makes and checks the addresses of images: they expire, and their query is signed (kling-api-facts.md 8.3).
struct ImageAddress: Sendable {
    private static let root = "/bs2/upload-kling-api/"
    private static let suffix = "_raw_image_0.png"
    private static let pid = "112372"

    private let secret: UInt64
    private let folder: String

    init(seed: UInt64) {
        var random = StableRandom(seed: seed ^ 0x1A6E_ADD2_E550)
        secret = random.next()
        folder = String(1_000_000_000 + random.integer(below: 9_000_000_000))
    }

    /// Path and query of image `index`, good until `expires` in Unix milliseconds.
    func make(task: UInt64, index: Int, expires: Int64) -> String {
        let signature = signature(task: task, index: index, expires: expires)
        return "\(Self.root)\(folder)/image/\(task)-\(index)\(Self.suffix)"
            + "?x-kcdn-pid=\(Self.pid)&expires=\(expires)&sig=\(signature)"
    }

    /// Whether `path` is the address of an image, be it good or not.
    static func isImage(_ path: String) -> Bool { path.hasPrefix(root) }

    /// The image that path and query lead to at `now`; `nil` when anything about them is wrong, or late.
    func resolve(path: String, query: String, at now: Int64) -> (task: UInt64, index: Int)? {
        let prefix = "\(Self.root)\(folder)/image/"
        guard path.hasPrefix(prefix), path.hasSuffix(Self.suffix) else { return nil }
        let name = path.dropFirst(prefix.count).dropLast(Self.suffix.count).split(separator: "-")
        guard name.count == 2, let task = UInt64(name[0]), let index = Int(name[1]) else { return nil }
        var parameters: [Substring: Substring] = [:]
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { parameters[parts[0]] = parts[1] }
        }
        guard parameters["x-kcdn-pid"].map(String.init) == Self.pid,
            let expires = parameters["expires"].flatMap({ Int64($0) }), now < expires,
            parameters["sig"].map(String.init) == signature(task: task, index: index, expires: expires)
        else { return nil }
        return (task, index)
    }

    private func signature(task: UInt64, index: Int, expires: Int64) -> String {
        StableHash(secret, task, UInt64(bitPattern: Int64(index)), UInt64(bitPattern: expires)).value.hexadecimal
    }
}
