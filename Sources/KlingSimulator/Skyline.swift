/// The upper edge of a range of hills: a height for every column, in pixels from the top of the picture.
struct Skyline: Sendable {
    let tops: [Double]
    let highest: Double
    let lowest: Double

    /// Layered value noise: the broadest hills are `wavelength` wide and rise above and fall below `base` by about
    /// `amplitude`, all in pixels; crests are sharp as of mountains, or round as of dunes.
    init(
        width: Int,
        base: Double,
        amplitude: Double,
        wavelength: Double,
        isJagged: Bool,
        random: inout StableRandom
    ) {
        var tops = [Double](repeating: base, count: width)
        var strength = amplitude
        var length = wavelength
        for _ in 0..<(isJagged ? 6 : 4) where length > 4 {
            let offset = random.real(in: 0...1)
            let lattice = (0..<Int(Double(width) / length) + 3).map { _ in random.real(in: -1...1) }
            for x in 0..<width {
                let place = Double(x) / length + offset
                let cell = Int(place)
                let part = place - Double(cell)
                let eased = isJagged ? part : part * part * (3 - 2 * part)
                tops[x] -= strength * (lattice[cell] + (lattice[cell + 1] - lattice[cell]) * eased)
            }
            strength *= isJagged ? 0.48 : 0.3
            length *= 0.5
        }
        self.tops = tops
        highest = tops.min() ?? base
        lowest = tops.max() ?? base
    }
}
