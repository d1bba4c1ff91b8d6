/// What an image says of itself in its first bytes: its type and size, without decoding a pixel.
package struct ImageHeader: Sendable, Equatable {
    package var mediaType: ImageMediaType
    /// In pixels, at least 1.
    package var width: Int
    /// In pixels, at least 1.
    package var height: Int

    package init(mediaType: ImageMediaType, width: Int, height: Int) {
        self.mediaType = mediaType
        self.width = width
        self.height = height
    }

    /// Reads the header from the first bytes of an image; the rest may be missing.
    ///
    /// 24 bytes do for a PNG. A JPEG has its size behind whatever metadata a camera or editor put in front.
    package init(_ prefix: [UInt8]) throws(ImageHeaderError) {
        let bytes = Bytes(prefix)
        if try bytes.begin(with: PNG.signature) {
            self = try PNG.header(bytes)
        } else if try bytes.begin(with: JPEG.signature) {
            self = try JPEG.header(bytes)
        } else {
            throw .notAnImage
        }
    }
}

/// Why no header could be read.
package enum ImageHeaderError: Error, Equatable {
    /// Neither PNG nor JPEG.
    case notAnImage
    /// Right so far: a longer prefix may have it.
    case needsMoreBytes
    /// Begins like an image and then breaks the rules of its format.
    case damaged
}

/// The image formats that Kling takes and gives.
package enum ImageMediaType: String, Sendable {
    case png = "image/png"
    case jpeg = "image/jpeg"

    /// Without the dot.
    package var fileExtension: String {
        switch self {
        case .png: "png"
        case .jpeg: "jpg"
        }
    }

    /// Whether an image that ends in `tail` is whole, as far as its last bytes tell; 64 of them do.
    ///
    /// What some tools append behind the end is let pass.
    package func endsCompletely(_ tail: [UInt8]) -> Bool {
        let end =
            switch self {
            case .png: PNG.end
            case .jpeg: JPEG.end
            }
        guard tail.count >= end.count else { return false }
        return (0...(tail.count - end.count)).contains { tail[$0..<($0 + end.count)].elementsEqual(end) }
    }
}

/// Portable Network Graphics, Third Edition (W3C), sections 5.2 and 11.2.1.
private enum PNG {
    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    /// The chunk IEND with its length and its check sum.
    static let end: [UInt8] = [0, 0, 0, 0, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82]
    private static let lengthOfIHDR = 13
    private static let nameOfIHDR = 0x4948_4452

    static func header(_ bytes: Bytes) throws(ImageHeaderError) -> ImageHeader {
        guard try bytes.integer(at: 8, bytes: 4) == lengthOfIHDR, try bytes.integer(at: 12, bytes: 4) == nameOfIHDR
        else { throw .damaged }
        let width = try bytes.integer(at: 16, bytes: 4)
        let height = try bytes.integer(at: 20, bytes: 4)
        let sides = 1...0x7FFF_FFFF
        guard sides.contains(width), sides.contains(height) else { throw .damaged }
        return ImageHeader(mediaType: .png, width: width, height: height)
    }
}

/// ITU-T T.81, annex B.
private enum JPEG {
    static let signature: [UInt8] = [0xFF, 0xD8, 0xFF]
    static let end: [UInt8] = [0xFF, 0xD9]

    static func header(_ bytes: Bytes) throws(ImageHeaderError) -> ImageHeader {
        var position = 2
        while true {
            guard try bytes.integer(at: position, bytes: 1) == 0xFF else { throw .damaged }
            position += 1
            // Any number of fill bytes may stand before a marker.
            while try bytes.integer(at: position, bytes: 1) == 0xFF { position += 1 }
            let marker = try bytes.integer(at: position, bytes: 1)
            position += 1
            switch marker {
            case 0x01: continue
            // The frame must come before the first scan: stuffing, restart, start, end and scan are out of place.
            case 0x00, 0xD0...0xDA: throw .damaged
            default: break
            }
            let length = try bytes.integer(at: position, bytes: 2)
            guard length >= 2 else { throw .damaged }
            if isFrame(marker) {
                guard length >= 8 else { throw .damaged }
                let height = try bytes.integer(at: position + 3, bytes: 2)
                let width = try bytes.integer(at: position + 5, bytes: 2)
                guard width > 0, height > 0 else { throw .damaged }
                return ImageHeader(mediaType: .jpeg, width: width, height: height)
            }
            position += length
        }
    }

    /// SOF0 to SOF15; three codes in their middle mean something else (table B.1).
    private static func isFrame(_ marker: Int) -> Bool {
        (0xC0...0xCF).contains(marker) && ![0xC4, 0xC8, 0xCC].contains(marker)
    }
}

/// Bytes of which only the first part may be there.
private struct Bytes {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    func begin(with signature: [UInt8]) throws(ImageHeaderError) -> Bool {
        guard zip(bytes, signature).allSatisfy({ $0 == $1 }) else { return false }
        guard bytes.count >= signature.count else { throw .needsMoreBytes }
        return true
    }

    /// Big-endian, as both formats have it.
    func integer(at position: Int, bytes length: Int) throws(ImageHeaderError) -> Int {
        guard position + length <= bytes.count else { throw .needsMoreBytes }
        return bytes[position..<(position + length)].reduce(0) { $0 << 8 | Int($1) }
    }
}
