/// A poster of a landscape, wholly determined by its members; it is drawn row by row when it is asked for, never kept.
struct Picture: Equatable, Sendable {
    let size: PixelSize
    let seed: UInt64
    /// Set at the foot of the picture, as far as it fits.
    let caption: String
    let index: Int

    /// The picture as a PNG file, filled up to `length` bytes where it is shorter.
    func png(filledTo length: Int = 0) -> [UInt8] {
        let landscape = Landscape(size: size, seed: seed)
        let footer = Footer(caption: caption, index: index, size: size)
        var encoder = PNGEncoder(size: size)
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: size.width) { row in
            row.initialize(repeating: 0)
            for y in 0..<size.height {
                landscape.draw(row: y, into: row)
                footer.draw(row: y, into: row)
                encoder.appendRow(UnsafeBufferPointer(row))
            }
        }
        return encoder.finish(filledTo: length)
    }
}
