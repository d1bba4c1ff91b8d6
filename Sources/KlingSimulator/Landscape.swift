/// What is to be seen: sky, sun or moon with its rings of glow, stars, perhaps a lake, and hills one behind another.
struct Landscape {
    private static let hillsBehindLake = 3

    private let size: PixelSize
    private let palette: Palette
    private let sun: Disc
    private let stars: [Int: [Int]]
    private let hills: [(skyline: Skyline, crest: Colour, foot: Colour)]
    private let lake: Lake?

    init(size: PixelSize, seed: UInt64) {
        var random = StableRandom(seed: seed)
        let (width, height) = (Double(size.width), Double(size.height))
        let side = min(width, height)
        self.size = size
        palette = Palette.all[random.integer(below: Palette.all.count)]
        sun = Disc(
            x: width * random.real(in: 0.18...0.82),
            y: height * random.real(in: 0.2...0.42),
            radius: side * random.real(in: 0.06...0.11)
        )
        var stars: [Int: [Int]] = [:]
        if palette.hasStars {
            for _ in 0..<120 {
                stars[random.integer(below: size.height / 2), default: []].append(random.integer(below: size.width - 2))
            }
        }
        self.stars = stars

        let isJagged = random.real(in: 0...1) < 0.65
        let count = 5
        var hills: [(skyline: Skyline, crest: Colour, foot: Colour)] = []
        for layer in 0..<count {
            let depth = Double(layer) / Double(count - 1)
            let crest = palette.hills.far.mixed(with: palette.hills.near, depth)
            let skyline = Skyline(
                width: size.width,
                base: height * (0.54 + 0.29 * depth),
                amplitude: side * (isJagged ? 0.115 : 0.07) * (1 - 0.55 * depth),
                wavelength: side * random.real(in: 0.34...0.62),
                isJagged: isJagged && layer < count - 1,
                random: &random
            )
            // Mist gathers at the foot of what is far away.
            hills.append((skyline, crest, crest.mixed(with: palette.sky.horizon, 0.55 * (1 - depth))))
        }
        self.hills = hills
        lake = random.real(in: 0...1) < 0.5 ? Lake(top: Int(height * 0.68), seed: random.next()) : nil
    }

    /// Paints row `y` over all of `row`.
    func draw(row y: Int, into row: UnsafeMutableBufferPointer<UInt32>) {
        // What a nearer hill hides altogether need not be painted.
        let cover = hills.lastIndex { $0.skyline.lowest <= Double(y) }
        let lakeIsHidden = cover.map { $0 >= Self.hillsBehindLake } ?? false
        if cover == nil { drawSky(row: y, into: row) }
        for layer in (cover ?? 0)..<hills.count {
            if layer == Self.hillsBehindLake, !lakeIsHidden { drawLake(row: y, into: row) }
            draw(hills[layer], row: y, into: row)
        }
    }

    private func drawSky(row y: Int, into row: UnsafeMutableBufferPointer<UInt32>) {
        let background = sky(at: Double(y) / (Double(size.height) * 0.7))
        row.update(repeating: background.rgb)
        for x in stars[y] ?? [] {
            let star = background.mixed(with: palette.light, x.isMultiple(of: 3) ? 0.9 : 0.5)
            row[x] = star.rgb
            if x.isMultiple(of: 3) { row[x + 1] = star.rgb }
        }
        var colour = background
        for (scale, share) in [(3.4, 0.10), (2.4, 0.14), (1.6, 0.22)] {
            let inner = colour.mixed(with: palette.light, share)
            sun.scaled(by: scale).draw(inner, over: colour, row: y, into: row)
            colour = inner
        }
        sun.draw(palette.light, over: colour, row: y, into: row)
    }

    /// The sky's colour from its top, 0, to the horizon, 1.
    private func sky(at place: Double) -> Colour {
        place < 0.5
            ? palette.sky.top.mixed(with: palette.sky.middle, place * 2)
            : palette.sky.middle.mixed(with: palette.sky.horizon, place * 2 - 1)
    }

    private func drawLake(row y: Int, into row: UnsafeMutableBufferPointer<UInt32>) {
        guard let lake, y >= lake.top else { return }
        let place = Double(y - lake.top) / Double(size.height - lake.top)
        // Water shows the sky upside down, darker towards the viewer.
        let water = sky(at: 0.95 - 0.8 * place).mixed(with: palette.hills.near, 0.18 + 0.25 * place)
        row.update(repeating: water.rgb)
        for streak in lake.streaks(row: y, around: sun, unit: max(2, size.height / 208)) {
            let clamped = streak.range.clamped(to: 0..<size.width)
            let colour = water.mixed(with: palette.light, streak.share)
            UnsafeMutableBufferPointer(rebasing: row[clamped]).update(repeating: colour.rgb)
        }
    }

    private func draw(
        _ hill: (skyline: Skyline, crest: Colour, foot: Colour),
        row y: Int,
        into row: UnsafeMutableBufferPointer<UInt32>
    ) {
        let top = Double(y)
        guard hill.skyline.highest < top + 1 else { return }
        let descent = (top - hill.skyline.highest) / (Double(size.height) * 0.3)
        let colour = hill.crest.mixed(with: hill.foot, descent)
        guard hill.skyline.lowest > top else { return row.update(repeating: colour.rgb) }
        hill.skyline.tops.withUnsafeBufferPointer { tops in
            for x in 0..<row.count {
                let covered = top + 1 - tops[x]
                if covered >= 1 {
                    row[x] = colour.rgb
                } else if covered > 0 {
                    row[x] = Colour(rgb: row[x]).mixed(with: colour, covered).rgb
                }
            }
        }
    }
}

/// A filled circle with a soft edge.
private struct Disc {
    let x: Double
    let y: Double
    let radius: Double

    func scaled(by factor: Double) -> Disc { Disc(x: x, y: y, radius: radius * factor) }

    func draw(_ colour: Colour, over background: Colour, row: Int, into pixels: UnsafeMutableBufferPointer<UInt32>) {
        let distance = Double(row) + 0.5 - y
        let square = radius * radius - distance * distance
        guard square > 0 else { return }
        let half = square.squareRoot()
        let (left, right) = (x - half, x + half)
        let first = max(Int(left.rounded(.down)), 0)
        let last = min(Int(right.rounded(.down)), pixels.count - 1)
        guard first <= last else { return }
        UnsafeMutableBufferPointer(rebasing: pixels[first...last]).update(repeating: colour.rgb)
        if Double(first) <= left {
            pixels[first] = background.mixed(with: colour, Double(first) + 1 - left).rgb
        }
        if right < Double(last) + 1 {
            pixels[last] = background.mixed(with: colour, right - Double(last)).rgb
        }
    }
}

/// Still water with the light's path upon it.
private struct Lake {
    let top: Int
    let seed: UInt64

    /// The glints of one row; `unit` rows share theirs, so that they look like small waves.
    func streaks(row y: Int, around sun: Disc, unit: Int) -> [(range: Range<Int>, share: Double)] {
        let wave = (y - top) / unit
        guard wave.isMultiple(of: 2) || wave % 5 == 1 else { return [] }
        var random = StableRandom(seed: StableHash(seed, UInt64(wave)).value)
        return (0..<3).map { glint in
            let half = sun.radius * random.real(in: 0.15...0.75) / Double(glint + 1)
            let centre = sun.x + sun.radius * random.real(in: -0.8...0.8) * Double(glint)
            return (Int(centre - half)..<Int(centre + half) + 1, random.real(in: 0.35...0.8) / Double(glint + 1))
        }
    }
}
