/// Writes an 8-bit RGB picture as PNG (PNG 3rd edition), one row at a time.
///
/// Made for flat pictures: every run of equal pixels becomes one pixel and back references to it, so the work and the
/// size of the file follow the number of runs and hardly the number of pixels.
struct PNGEncoder {
    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    private var file: [UInt8]
    private var stream: PixelRunDeflater

    init(size: PixelSize) {
        file = Self.signature
        stream = PixelRunDeflater()
        var header = [UInt32(size.width), UInt32(size.height)].flatMap(\.bigEndianBytes)
        // Eight bits a sample, RGB, deflate, the standard filters, not interlaced.
        header += [8, 2, 0, 0, 0]
        Self.appendChunk("IHDR", header, to: &file)
    }

    /// Adds the next row, pixels as 0xRRGGBB.
    mutating func appendRow(_ pixels: UnsafeBufferPointer<UInt32>) {
        // Filter 0: where pixels repeat, predicting them gains nothing.
        stream.append(byte: 0)
        var index = 0
        while index < pixels.count {
            let pixel = pixels[index]
            var end = index + 1
            while end < pixels.count, pixels[end] == pixel { end += 1 }
            stream.append(pixel: pixel, count: end - index)
            index = end
        }
    }

    /// The whole file, filled up to `length` bytes where it is shorter; to be asked for once, after the last row.
    consuming func finish(filledTo length: Int = 0) -> [UInt8] {
        Self.appendChunk("IDAT", stream.finish(), to: &file)
        // A chunk's frame and the end take 12 bytes each.
        let missing = length - file.count - 24
        // Private and of no matter to the picture, as the case of its letters says (PNG 3rd edition, 5.4).
        if missing > 0 { Self.appendChunk("klPd", Array(repeating: 0, count: missing), to: &file) }
        Self.appendChunk("IEND", [], to: &file)
        return file
    }

    private static func appendChunk(_ type: String, _ data: [UInt8], to file: inout [UInt8]) {
        file += UInt32(data.count).bigEndianBytes
        let start = file.count
        file += Array(type.utf8)
        file += data
        file += CRC32.checksum(file[start...]).bigEndianBytes
    }
}

/// The checksum of a PNG chunk (PNG 3rd edition, 5.5).
private enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }

    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { table[Int(($0 ^ UInt32($1)) & 0xFF)] ^ ($0 >> 8) }
    }
}

extension UInt32 {
    /// Network byte order, as PNG and zlib have it.
    var bigEndianBytes: [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: self >> $0) }
    }
}
