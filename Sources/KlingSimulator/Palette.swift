/// The colours of one mood of landscape.
struct Palette: Sendable {
    /// From the top of the sky, through its middle, to the horizon.
    var sky: (top: Colour, middle: Colour, horizon: Colour)
    /// The sun or the moon, and its glow.
    var light: Colour
    /// The hills from the farthest to the nearest.
    var hills: (far: Colour, near: Colour)
    var hasStars = false

    static let all: [Palette] = [
        // Dusk
        Palette(sky: (0x2B2D5B, 0xB0557A, 0xF8B27C), light: 0xFFE8B8, hills: (0x9C5C82, 0x1B1433)),
        // Morning mist
        Palette(sky: (0x6FA3C8, 0xB9D6DE, 0xFBE9D0), light: 0xFFFBEA, hills: (0xA6C0C4, 0x1F3D4A)),
        // Night
        Palette(sky: (0x070B22, 0x14224A, 0x3E5C86), light: 0xF2F0DC, hills: (0x33507A, 0x060A1A), hasStars: true),
        // Desert
        Palette(sky: (0x3F8FA8, 0xF1D6A6, 0xF7B267), light: 0xFFF4D6, hills: (0xE08E5B, 0x5A1F24)),
        // Northern spring
        Palette(sky: (0x2F6F9F, 0x8CC7C9, 0xE9F2C9), light: 0xFFFCE0, hills: (0x7FB39A, 0x12372F)),
        // Aurora
        Palette(sky: (0x05131F, 0x0E4A4F, 0x4FBF95), light: 0xE6FFF2, hills: (0x1F6E6A, 0x031418), hasStars: true),
        // Rose
        Palette(sky: (0x5B4B8A, 0xE58FA5, 0xFFD6C9), light: 0xFFF3EC, hills: (0xC77B9B, 0x35204A)),
        // Ember
        Palette(sky: (0x1E1016, 0x8C2F2B, 0xF08A3C), light: 0xFFD98A, hills: (0x8A3A33, 0x14090D)),
    ]
}
