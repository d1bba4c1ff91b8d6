/// A colour as 0xRRGGBB.
struct Colour: Equatable, Sendable, ExpressibleByIntegerLiteral {
    var rgb: UInt32

    init(integerLiteral value: UInt32) {
        rgb = value
    }

    init(rgb: UInt32) {
        self.rgb = rgb
    }

    /// This colour with `share` of another, 0 to 1, laid over it.
    func mixed(with other: Colour, _ share: Double) -> Colour {
        mixed(with: other, in256: UInt32(min(max(share, 0), 1) * 256))
    }

    /// The same in steps of 1/256.
    func mixed(with other: Colour, in256 share: UInt32) -> Colour {
        let rest = 256 - share
        // Red and blue lie far enough apart to be mixed in one multiplication.
        let redAndBlue = ((rgb & 0xFF00FF) * rest + (other.rgb & 0xFF00FF) * share) >> 8 & 0xFF00FF
        let green = ((rgb & 0x00FF00) * rest + (other.rgb & 0x00FF00) * share) >> 8 & 0x00FF00
        return Colour(rgb: redAndBlue | green)
    }
}
