import HTTPTransport
import ImageHeader
import JSON

/// The picture that a request gives to go by.
package enum ImageInput: Sendable, Equatable {
    /// A public http or https URL, fetched by the provider.
    case url(String)
    /// The picture itself, checked.
    case inline(InlineImage)
}

/// A picture that is sent inside the request.
package struct InlineImage: Sendable, Equatable {
    /// The picture's bytes in Base64 without a `data:` prefix, which is what the provider takes.
    package let base64: String
    /// Before Base64.
    package let byteCount: Int
    /// `image/png` or `image/jpeg`, as its bytes say.
    package let mediaType: String
    /// In pixels.
    package let width: Int
    /// In pixels.
    package let height: Int
}

extension ImageInput {
    /// Takes an image in any of the forms in which it may be given: a URL, Base64 with or without a `data:` prefix, a
    /// `file:` URL or an absolute path.
    ///
    /// Every JPEG in Base64 begins with `/9j/`: such a text is never a path. A `file:` URL is never mistaken.
    init(_ text: String, profile: LimitsProfile, at pointer: JSONPointer) throws(RequestError) {
        guard let scheme = text.scheme else {
            let isPath = text.hasPrefix("/") && !text.hasPrefix("/9j/")
            let bytes = isPath ? try LocalImageFile.read(text, at: pointer) : try Self.decode(text[...], at: pointer)
            self = .inline(try InlineImage(bytes, profile: profile, at: pointer))
            return
        }
        switch scheme {
        case "http", "https":
            try RequestError.checkURL(text, "image", at: pointer)
            self = .url(text)
        case "data":
            let base64 = try Self.base64(ofDataURL: text, at: pointer)
            self = .inline(try InlineImage(Self.decode(base64, at: pointer), profile: profile, at: pointer))
        case "file":
            guard let path = LocalImageFile.path(ofFileURL: text) else {
                throw RequestError(
                    .invalidParams,
                    "'image' must name a file of this machine by its absolute path: file:///…",
                    at: pointer
                )
            }
            self = .inline(
                try InlineImage(LocalImageFile.read(path, at: pointer), profile: profile, at: pointer)
            )
        default:
            throw RequestError(
                .invalidParams,
                "'image' must be an http, https, file or data URL, an absolute path, or Base64; not '\(scheme):'",
                at: pointer
            )
        }
    }

    /// What stands for the image where the request is shown: an inline image by its measures.
    var shown: String {
        switch self {
        case .url(let url): url
        case .inline(let image):
            "base64 \(image.mediaType), \(image.byteCount) bytes, \(image.width)x\(image.height)"
        }
    }

    /// The part after `;base64,` (RFC 2397). The media type is not looked at: the bytes themselves say it.
    private static func base64(ofDataURL text: String, at pointer: JSONPointer) throws(RequestError) -> Substring {
        guard let comma = text.firstIndex(of: ","), text[..<comma].lowercased().hasSuffix(";base64") else {
            throw RequestError(
                .invalidParams,
                "'image' must be a data URL in Base64: data:image/png;base64,…",
                at: pointer
            )
        }
        return text[text.index(after: comma)...]
    }

    private static func decode(_ base64: Substring, at pointer: JSONPointer) throws(RequestError) -> [UInt8] {
        // Three bytes in four digits, and room for line breaks; what is longer need not be decoded to be refused.
        guard base64.utf8.count <= LimitsProfile.imageBytes / 2 * 3 else { throw .imageTooLarge(at: pointer) }
        guard let bytes = Base64.decode(base64) else {
            throw RequestError(
                .invalidParams,
                "'image' is neither a URL, an absolute path nor valid Base64",
                at: pointer
            )
        }
        return bytes
    }
}

extension InlineImage {
    /// Checks a picture as far as the provider's rules can be checked from its header.
    fileprivate init(_ bytes: [UInt8], profile: LimitsProfile, at pointer: JSONPointer) throws(RequestError) {
        guard bytes.count <= LimitsProfile.imageBytes else { throw .imageTooLarge(at: pointer) }
        let header: ImageHeader
        do {
            header = try ImageHeader(bytes)
        } catch {
            let reason = error == .notAnImage ? "neither PNG nor JPEG" : "cut short or damaged"
            throw RequestError(.invalidParams, "'image' is \(reason)", at: pointer)
        }
        let size = "\(header.width)x\(header.height)"
        let shorter = min(header.width, header.height)
        let longer = max(header.width, header.height)
        guard shorter >= LimitsProfile.imageSide else {
            throw RequestError(
                .invalidParams,
                "'image' must be at least \(LimitsProfile.imageSide) pixels on each side, not \(size)",
                at: pointer
            )
        }
        guard !profile.limitsImageRatio || Double(longer) <= Double(shorter) * LimitsProfile.imageRatio else {
            throw RequestError(
                .invalidParams,
                "'image' must have sides within 1:\(LimitsProfile.imageRatio) to \(LimitsProfile.imageRatio):1, not \(size)",
                at: pointer
            )
        }
        self.init(
            base64: Base64.encode(bytes),
            byteCount: bytes.count,
            mediaType: header.mediaType.rawValue,
            width: header.width,
            height: header.height
        )
    }
}

extension RequestError {
    /// Refuses a web address that the provider could not use, or that would give it a password.
    static func checkURL(_ text: String, _ name: String, at pointer: JSONPointer) throws(RequestError) {
        guard let url = try? HTTPURL(text), url.userInfo == nil else {
            throw RequestError(
                .invalidParams,
                "'\(name)' must be an http or https URL without user name, percent-encoded where needed",
                at: pointer
            )
        }
    }

    static func imageTooLarge(at pointer: JSONPointer) -> RequestError {
        let limit = LimitsProfile.imageBytes >> 20
        return RequestError(.tooLarge, "'image' is larger than \(limit) MB, which is the provider's limit", at: pointer)
    }
}

extension String {
    /// The scheme in lower case when the text begins like a URL (RFC 3986 section 3.1).
    ///
    /// Base64 has no colon, so that nothing inline is mistaken. Only the beginning is looked at: the text may be long.
    fileprivate var scheme: String? {
        let start = utf8.prefix(16)
        guard let colon = start.firstIndex(of: UInt8(ascii: ":")), colon > start.startIndex else { return nil }
        let scheme = self[..<colon].lowercased()
        let isScheme = scheme.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
        return isScheme ? scheme : nil
    }
}
