/// A hash that stays the same between runs, unlike `Hasher` (FNV-1a, stirred once by SplitMix64 at the end).
struct StableHash {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    init(_ parts: UInt64...) {
        for part in parts { combine(part) }
    }

    mutating func combine(_ number: UInt64) {
        for shift in stride(from: 0, to: UInt64.bitWidth, by: 8) {
            combine(byte: UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    mutating func combine(_ text: String) {
        for byte in text.utf8 { combine(byte: byte) }
    }

    var value: UInt64 {
        var stirred = StableRandom(seed: state)
        return stirred.next()
    }

    private mutating func combine(byte: UInt8) {
        state = (state ^ UInt64(byte)) &* 0x100_0000_01B3
    }
}
