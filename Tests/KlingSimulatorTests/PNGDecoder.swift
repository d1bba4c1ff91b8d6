/// Reads the PNG files that simulated pictures are, checking every length and checksum the slow and plain way.
struct PNGDecoder {
    struct Broken: Error {
        var reason: String
    }

    private(set) var width = 0
    private(set) var height = 0
    /// Three bytes a pixel, row by row.
    private(set) var pixels: [UInt8] = []

    init(_ file: [UInt8]) throws {
        guard file.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) else {
            throw Broken(reason: "signature")
        }
        var rest = file.dropFirst(8)
        var stream: [UInt8] = []
        var types: [String] = []
        while !rest.isEmpty {
            guard rest.count >= 12 else { throw Broken(reason: "chunk") }
            let length = Self.number(rest.prefix(4))
            let body = rest.dropFirst(4).prefix(4 + length)
            guard body.count == 4 + length, rest.count >= 12 + length else { throw Broken(reason: "chunk length") }
            let checksum = Self.number(rest.dropFirst(8 + length).prefix(4))
            guard checksum == Self.crc(body) else { throw Broken(reason: "CRC") }
            let type = String(decoding: body.prefix(4), as: UTF8.self)
            types.append(type)
            let data = Array(body.dropFirst(4))
            if type == "IHDR" {
                width = Self.number(data[0..<4])
                height = Self.number(data[4..<8])
                guard data[8...] == [8, 2, 0, 0, 0] else { throw Broken(reason: "format") }
            }
            if type == "IDAT" { stream += data }
            rest = rest.dropFirst(12 + length)
        }
        guard types.filter({ $0 != "klPd" }) == ["IHDR", "IDAT", "IEND"] else {
            throw Broken(reason: "chunks \(types)")
        }
        let rows = try Self.inflate(stream)
        guard rows.count == height * (1 + width * 3) else { throw Broken(reason: "size") }
        for row in 0..<height {
            let start = row * (1 + width * 3)
            guard rows[start] == 0 else { throw Broken(reason: "filter") }
            pixels += rows[start + 1..<start + 1 + width * 3]
        }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

    private static func crc(_ bytes: ArraySlice<UInt8>) -> Int {
        var value: UInt32 = ~0
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
        }
        return Int(~value)
    }

    /// RFC 1950 around RFC 1951, fixed codes only.
    private static func inflate(_ stream: [UInt8]) throws -> [UInt8] {
        guard stream.count > 6, stream[0] & 0x0F == 8, (Int(stream[0]) << 8 | Int(stream[1])).isMultiple(of: 31) else {
            throw Broken(reason: "zlib header")
        }
        var position = 16
        func bit() throws -> Int {
            guard position < (stream.count - 4) * 8 else { throw Broken(reason: "stream ends early") }
            defer { position += 1 }
            return Int(stream[position / 8] >> (position % 8) & 1)
        }
        func bits(_ count: Int) throws -> Int { try (0..<count).reduce(0) { $0 | (try bit() << $1) } }
        func code(_ count: Int) throws -> Int { try (0..<count).reduce(0) { value, _ in value << 1 | (try bit()) } }
        func symbol() throws -> Int {
            var value = try code(7)
            if value < 0b001_1000 { return value + 256 }
            value = value << 1 | (try bit())
            if value < 0b1100_0000 { return value - 0x30 }
            if value < 0b1100_1000 { return value - 0xC0 + 280 }
            value = value << 1 | (try bit())
            return value - 0x190 + 144
        }
        let lengths = [
            3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
            227, 258,
        ]
        guard try bits(3) == 0b011 else { throw Broken(reason: "block type") }
        var output: [UInt8] = []
        while true {
            let next = try symbol()
            if next == 256 { break }
            if next < 256 {
                output.append(UInt8(next))
                continue
            }
            let index = next - 257
            let length = lengths[index] + (try bits((8..<28).contains(index) ? index / 4 - 1 : 0))
            guard try code(5) == 2, output.count >= 3 else { throw Broken(reason: "distance") }
            for _ in 0..<length { output.append(output[output.count - 3]) }
        }
        var (low, high) = (1, 0)
        for byte in output {
            low = (low + Int(byte)) % 65521
            high = (high + low) % 65521
        }
        guard (position + 7) / 8 + 4 == stream.count, number(stream.suffix(4)) == high << 16 | low else {
            throw Broken(reason: "Adler-32")
        }
        return output
    }
}
