/// A zlib stream (RFC 1950) of one fixed-code block (RFC 1951, 3.2.6) whose only references go back by one pixel.
struct PixelRunDeflater {
    /// The longest reference deflate has, 86 pixels: length code 285 and distance code 2.
    private static let longestMatch = 258

    private var output: [UInt8] = [0x78, 0x01]
    private var pending: UInt64 = 0
    private var pendingBits: UInt64 = 0
    private var checksum = Adler32()

    init() {
        // The last block, with fixed codes.
        write(0b011, bits: 3)
    }

    mutating func append(byte: UInt8) {
        write(literal: byte)
        checksum.append(byte)
    }

    mutating func append(pixel: UInt32, count: Int) {
        let samples = (
            UInt8(truncatingIfNeeded: pixel >> 16), UInt8(truncatingIfNeeded: pixel >> 8),
            UInt8(truncatingIfNeeded: pixel)
        )
        write(literal: samples.0)
        write(literal: samples.1)
        write(literal: samples.2)
        checksum.append(samples, count: UInt64(count))
        var left = (count - 1) * 3
        while left > 0 {
            let length = min(left, Self.longestMatch)
            write(matchOf: length)
            left -= length
        }
    }

    consuming func finish() -> [UInt8] {
        write(code: FixedCode(symbol: 256))
        while pendingBits > 0 {
            output.append(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            pendingBits -= min(pendingBits, 8)
        }
        return output + checksum.value.bigEndianBytes
    }

    private mutating func write(literal: UInt8) {
        write(code: FixedCode.table[Int(literal)])
    }

    /// Repeats the last pixel: `length` bytes, 3 to 258, from 3 bytes back.
    private mutating func write(matchOf length: Int) {
        let (symbol, extra, extraBits) = Self.lengthCode(length)
        write(code: FixedCode.table[symbol])
        write(UInt64(extra), bits: UInt64(extraBits))
        // Distance code 2 stands for 3 bytes; its five bits come most significant first.
        write(0b01000, bits: 5)
    }

    /// RFC 1951, 3.2.5: four codes for each number of extra bits, from length 11 on.
    private static func lengthCode(_ length: Int) -> (symbol: Int, extra: Int, extraBits: Int) {
        if length == longestMatch { return (285, 0, 0) }
        let rest = length - 3
        guard rest >= 8 else { return (257 + rest, 0, 0) }
        let extraBits = Int.bitWidth - 3 - rest.leadingZeroBitCount
        let group = (rest >> extraBits) & 3
        return (257 + 4 * (extraBits + 1) + group, rest & ((1 << extraBits) - 1), extraBits)
    }

    private mutating func write(code: FixedCode) {
        write(code.bits, bits: code.count)
    }

    private mutating func write(_ value: UInt64, bits: UInt64) {
        pending |= value << pendingBits
        pendingBits += bits
        while pendingBits >= 8 {
            output.append(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            pendingBits -= 8
        }
    }
}

/// A fixed Huffman code of RFC 1951, 3.2.6, turned round so that it can be written least significant bit first.
private struct FixedCode {
    let bits: UInt64
    let count: UInt64

    static let table = (0...285).map(FixedCode.init(symbol:))

    init(symbol: Int) {
        let code: Int
        switch symbol {
        case ..<144: (code, count) = (0x30 + symbol, 8)
        case ..<256: (code, count) = (0x190 + symbol - 144, 9)
        case ..<280: (code, count) = (symbol - 256, 7)
        default: (code, count) = (0xC0 + symbol - 280, 8)
        }
        let length = Int(count)
        bits = (0..<length).reduce(0) { $0 | UInt64(code >> $1 & 1) << UInt64(length - 1 - $1) }
    }
}

/// The checksum at the end of a zlib stream (RFC 1950 section 8), with a shortcut for runs.
private struct Adler32 {
    private static let modulus: UInt64 = 65521
    private var low: UInt64 = 1
    private var high: UInt64 = 0

    var value: UInt32 { UInt32(high << 16 | low) }

    mutating func append(_ byte: UInt8) {
        low = (low + UInt64(byte)) % Self.modulus
        high = (high + low) % Self.modulus
    }

    /// Adds three bytes `count` times over, by the sums of the arithmetic series that they make of both halves.
    mutating func append(_ bytes: (UInt8, UInt8, UInt8), count: UInt64) {
        let (first, second, third) = (UInt64(bytes.0), UInt64(bytes.1), UInt64(bytes.2))
        let sum = first + second + third
        let once = 3 * first + 2 * second + third
        high = (high + count * (3 * low + once) + 3 * sum * (count * (count - 1) / 2)) % Self.modulus
        low = (low + count * sum) % Self.modulus
    }
}
