import Crypto
import GenerationTasks
import HTTPTransport
import ImageHeader

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An image that lies complete and verified in the spool.
struct FetchedImage: Sendable {
    var path: String
    var bytes: Int64
    /// Lower-case hex.
    var sha256: String
    var header: ImageHeader
}

/// Why an image was not fetched.
enum FetchFailure: Error, Sendable {
    /// The URL no longer gives it: the task has to be asked for a fresh one.
    case expired(TaskError)
    /// What came is not the image: worth another fetch at once.
    case broken(TaskError)
    /// The image host or the network is not able to, now.
    case unavailable(TaskError)
    /// The spool cannot take it.
    case spool(TaskError)
}

/// Brings one image from its URL into the spool: streamed, hashed on the way, verified before anybody may rely on it.
struct ImageFetch: Sendable {
    /// Bytes; Kling's largest pictures stay well below.
    static let sizeLimit = 64 << 20
    /// A JPEG keeps its size behind whatever metadata comes first.
    private static let prefixLimit = 512 << 10
    private static let suffixLength = 64

    let transport: HTTPTransport
    let allowsPrivateAddresses: Bool

    func fetch(_ url: String, into path: String) async throws(FetchFailure) -> FetchedImage {
        guard let file = SpoolFile(path: path) else { throw .spool(Self.spoolError(path)) }
        var isKept = false
        defer { if !isKept { unlink(path) } }
        let content = Content(file)
        let head: DownloadHead
        do throws(HTTPTransportError) {
            head = try await transport.download(
                url,
                limit: Self.sizeLimit,
                allowsPrivateAddresses: allowsPrivateAddresses
            ) { chunk in
                guard content.take(chunk) else { throw SpoolTrouble() }
            }
        } catch {
            if content.spoolFailed { throw .spool(Self.spoolError(path)) }
            let message = "the image could not be fetched: \(error.message)"
            let failure = TaskError(.imageUnavailable, message, charged: .yes, retryable: true)
            switch error.kind {
            case .shortBody, .bodyTooLarge: throw .broken(failure)
            default: throw .unavailable(failure)
            }
        }
        switch head.status {
        case 200: break
        case 403, 404, 410:
            let message = "the image's URL has expired (HTTP \(head.status))"
            throw .expired(TaskError(.imageUnavailable, message, charged: .yes, retryable: true))
        default:
            let message = "the image host answered HTTP \(head.status)"
            throw .unavailable(TaskError(.imageUnavailable, message, charged: .yes, retryable: true))
        }
        guard file.close() else { throw .spool(Self.spoolError(path)) }
        let header: ImageHeader
        do {
            header = try ImageHeader(content.prefix)
        } catch {
            throw .broken(Self.notAnImage("it begins like neither a PNG nor a JPEG"))
        }
        guard header.mediaType.endsCompletely(content.suffix) else {
            throw .broken(Self.notAnImage("its end is missing"))
        }
        isKept = true
        return FetchedImage(path: path, bytes: content.count, sha256: content.digest(), header: header)
    }

    private static func notAnImage(_ reason: String) -> TaskError {
        TaskError(
            .imageUnavailable,
            "what the image's URL gave is no complete image: \(reason)",
            charged: .yes,
            retryable: true
        )
    }

    private static func spoolError(_ path: String) -> TaskError {
        let code = errno
        let kind: ErrorKind = code == ENOSPC || code == EDQUOT ? .storageFull : .storageUnavailable
        let message = "the image could not be written to \(path): \(String(cString: strerror(code)))"
        return TaskError(kind, message, charged: .yes, retryable: true)
    }

    private struct SpoolTrouble: Error {}

    /// What has come so far. Chunks come one after the other, so it is used by one task at a time.
    private final class Content {
        private let file: SpoolFile
        private var hash = SHA256()
        private(set) var count: Int64 = 0
        private(set) var prefix: [UInt8] = []
        private(set) var suffix: [UInt8] = []
        private(set) var spoolFailed = false

        init(_ file: SpoolFile) { self.file = file }

        func take(_ chunk: [UInt8]) -> Bool {
            guard file.write(chunk) else {
                spoolFailed = true
                return false
            }
            hash.update(data: chunk)
            count += Int64(chunk.count)
            if prefix.count < ImageFetch.prefixLimit { prefix += chunk.prefix(ImageFetch.prefixLimit - prefix.count) }
            suffix = Array((suffix + chunk.suffix(ImageFetch.suffixLength)).suffix(ImageFetch.suffixLength))
            return true
        }

        func digest() -> String { hash.finalize().hex }
    }
}

extension Sequence<UInt8> {
    /// Two lower-case digits a byte.
    var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xF)]] }, as: UTF8.self)
    }
}
