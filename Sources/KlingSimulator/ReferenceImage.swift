/// The `image` of a create: an address, or the picture itself in Base64 (kling-api-facts.md 3.1).
enum ReferenceImage {
    private static let largest = 10 << 20
    private static let shortestSide = 300

    /// Refuses what the provider refuses; an address is taken unseen, since the simulator fetches nothing.
    static func check(_ image: String, limits: LimitsProfile) throws(Refusal) {
        if WebAddress.isPlausible(image) { return }
        guard let bytes = Base64.decode(image) else {
            throw .parameter("File is not in a valid base64 format")
        }
        guard bytes.count <= largest else { throw .parameter("image must not be larger than 10MB") }
        guard let size = size(of: bytes) else { throw .parameter("image must be a .jpg, .jpeg or .png file") }
        let sides = (short: min(size.width, size.height), long: max(size.width, size.height))
        guard sides.short >= shortestSide else {
            throw .parameter("image width and height must be at least \(shortestSide)px")
        }
        // Integers, for 2.5 to 1: sides of exactly that ratio are allowed.
        guard limits == .classic || sides.long * 2 <= sides.short * 5 else {
            throw .parameter("image aspect ratio must be between 1:2.5 and 2.5:1")
        }
    }

    /// What a PNG or JPEG says of itself; `nil` for anything else.
    static func size(of bytes: [UInt8]) -> PixelSize? {
        pngSize(bytes) ?? jpegSize(bytes)
    }

    /// Signature, then the IHDR chunk with both sides as 32-bit numbers (PNG 3rd edition, 5.2 and 11.2.1).
    private static func pngSize(_ bytes: [UInt8]) -> PixelSize? {
        guard bytes.count >= 24, bytes.starts(with: PNGEncoder.signature) else { return nil }
        func number(at offset: Int) -> Int { bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
        return PixelSize(width: number(at: 16), height: number(at: 20))
    }

    /// Walks the marker segments to the start of frame, which holds both sides (ITU-T T.81, B.2.2).
    private static func jpegSize(_ bytes: [UInt8]) -> PixelSize? {
        func number(at offset: Int) -> Int { Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) }
        guard bytes.starts(with: [0xFF, 0xD8, 0xFF]) else { return nil }
        var position = 2
        while position + 9 <= bytes.count, bytes[position] == 0xFF {
            let marker = bytes[position + 1]
            if marker == 0xFF {
                position += 1
                continue
            }
            // C4, C8 and CC lie among the start-of-frame markers but define tables.
            if (0xC0...0xCF).contains(marker), ![0xC4, 0xC8, 0xCC].contains(marker) {
                return PixelSize(width: number(at: position + 7), height: number(at: position + 5))
            }
            position += 2 + number(at: position + 2)
        }
        return nil
    }
}
