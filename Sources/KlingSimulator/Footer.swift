/// The caption on the left and the image's number on the right, at the foot of the picture.
struct Footer {
    private let lines: [[(range: Range<Int>, rows: [UInt8])]]
    private let top: Int
    private let scale: Int

    init(caption: String, index: Int, size: PixelSize) {
        let scale = max(2, min(size.width, size.height) / 240)
        let margin = size.width / 32
        top = size.height - margin - BitmapFont.height * scale
        let advance = BitmapFont.advance * scale
        let number = Array("#\(index)")
        let room = (size.width - 2 * margin) / advance - number.count - 1
        self.scale = scale
        func place(_ text: [Character], from left: Int) -> [(range: Range<Int>, rows: [UInt8])] {
            text.enumerated().map { position, character in
                let start = left + position * advance
                return (start..<start + BitmapFont.width * scale, BitmapFont.rows(of: character))
            }
        }
        let words = Self.firstWords(of: caption, room: room)
        lines = [
            place(Array(words), from: margin),
            place(number, from: size.width - margin - number.count * advance + scale),
        ]
    }

    /// Paints what of the letters lies in row `y` over `pixels`.
    func draw(row y: Int, into pixels: UnsafeMutableBufferPointer<UInt32>) {
        let line = (y - top) / scale
        guard y >= top, line < BitmapFont.height else { return }
        for glyph in lines.joined() {
            for column in 0..<BitmapFont.width where glyph.rows[line] >> (BitmapFont.width - 1 - column) & 1 == 1 {
                let left = glyph.range.lowerBound + column * scale
                let dot = (left..<left + scale).clamped(to: 0..<pixels.count)
                for x in dot { pixels[x] = Colour(rgb: pixels[x]).mixed(with: 0xFFFFFF, 0.86).rgb }
            }
        }
    }

    /// As many whole words as fit, or the beginning of a first word that is too long.
    private static func firstWords(of text: String, room: Int) -> String {
        var line = ""
        for word in text.split(whereSeparator: \.isWhitespace) {
            let longer = line.isEmpty ? String(word) : line + " " + word
            guard longer.count <= room else { break }
            line = longer
        }
        return line.isEmpty ? String(text.prefix(max(room, 0))) : line
    }
}
