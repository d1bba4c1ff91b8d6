import ImageHeader
import Testing

@Suite struct ImageHeaderTests {
    @Test func aPNGTellsItsSize() throws {
        let header = try ImageHeader(Sample.png(width: 1248, height: 832))
        #expect(header == ImageHeader(mediaType: .png, width: 1248, height: 832))
        #expect(header.mediaType.rawValue == "image/png")
        #expect(header.mediaType.fileExtension == "png")
    }

    @Test(arguments: [0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCF] as [UInt8])
    func aJPEGOfAnyProcessTellsItsSize(frame: UInt8) throws {
        let header = try ImageHeader(Sample.jpeg(frame: frame, width: 640, height: 480))
        #expect(header == ImageHeader(mediaType: .jpeg, width: 640, height: 480))
        #expect(header.mediaType.fileExtension == "jpg")
    }

    @Test func metadataBeforeTheFrameOfAJPEGIsSkippedEvenWhenItLooksLikeOne() throws {
        let thumbnail = Sample.jpeg(frame: 0xC0, width: 16, height: 16)
        let metadata =
            Sample.segment(0xE1, thumbnail) + [0xFF, 0xFF] + Sample.segment(0xC4, [UInt8](repeating: 0xC0, count: 400))
        let header = try ImageHeader(Sample.jpeg(frame: 0xC2, width: 3000, height: 2000, before: metadata))
        #expect((header.width, header.height) == (3000, 2000))
    }

    @Test(arguments: [Sample.png(width: 5, height: 7), Sample.jpeg(frame: 0xC0, width: 5, height: 7)])
    func everyTruncationAsksForMoreAndNeverGuesses(image: [UInt8]) throws {
        let complete = try ImageHeader(image)
        var needed = 0
        while (try? ImageHeader(Array(image.prefix(needed)))) == nil {
            #expect(throws: ImageHeaderError.needsMoreBytes) { try ImageHeader(Array(image.prefix(needed))) }
            needed += 1
        }
        for length in needed...image.count { #expect(try ImageHeader(Array(image.prefix(length))) == complete) }
    }

    @Test(arguments: ["GIF89a", "RIFF....WEBP", "<html>", "{\"code\":0}", "\u{0}", "JFIF"])
    func anythingElseIsNoImage(text: String) {
        #expect(throws: ImageHeaderError.notAnImage) { try ImageHeader(Array(text.utf8)) }
    }

    @Test(arguments: [(0, 5), (5, 0), (0x8000_0000, 5), (5, 0xFFFF_FFFF)])
    func aPNGOfImpossibleSizeIsDamaged(width: Int, height: Int) {
        #expect(throws: ImageHeaderError.damaged) { try ImageHeader(Sample.png(width: width, height: height)) }
    }

    @Test func aPNGWithoutIHDRInFrontIsDamaged() {
        var image = Sample.png(width: 5, height: 5)
        image[12] = UInt8(ascii: "J")
        #expect(throws: ImageHeaderError.damaged) { try ImageHeader(image) }
    }

    @Test(
        arguments: [
            ("zero length", [0xFF, 0xE0, 0x00, 0x00]),
            ("length of itself only in part", [0xFF, 0xE0, 0x00, 0x01]),
            ("frame too short to hold a size", [0xFF, 0xC0, 0x00, 0x07, 8, 0, 5, 0, 5]),
            ("frame without width", [0xFF, 0xC0, 0x00, 0x0B, 8, 0, 5, 0, 0, 1]),
            ("end before the frame", [0xFF, 0xD9]),
            ("scan before the frame", [0xFF, 0xDA, 0x00, 0x08]),
            ("no marker where one must be", [0xFF, 0xE0, 0x00, 0x02, 0x41]),
        ] as [(String, [UInt8])]
    )
    func aJPEGAgainstTheRulesIsDamaged(name: String, rest: [UInt8]) {
        #expect(throws: ImageHeaderError.damaged, "\(name)") { try ImageHeader([0xFF, 0xD8] + rest) }
    }

    @Test func aJPEGThatAnnouncesMoreThanThereIsAsksForMore() {
        #expect(throws: ImageHeaderError.needsMoreBytes) {
            try ImageHeader([0xFF, 0xD8, 0xFF, 0xE1, 0xFF, 0xFF] + [UInt8](repeating: 0xFF, count: 1000))
        }
    }

    @Test func onlyAWholeImageEndsCompletely() {
        let png = Sample.png(width: 5, height: 7)
        let jpeg = Sample.jpeg(frame: 0xC0, width: 5, height: 7)
        #expect(ImageMediaType.png.endsCompletely(png))
        #expect(ImageMediaType.jpeg.endsCompletely(jpeg))
        #expect(ImageMediaType.png.endsCompletely(png + [0x0A]), "what tools append does no harm")
        for cut in 1...4 { #expect(!ImageMediaType.png.endsCompletely(png.dropLast(cut))) }
        #expect(!ImageMediaType.jpeg.endsCompletely(jpeg.dropLast()))
        #expect(!ImageMediaType.png.endsCompletely([]))
        #expect(!ImageMediaType.jpeg.endsCompletely([0xD9]))
    }
}

private enum Sample {
    static func png(width: Int, height: Int) -> [UInt8] {
        let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        let header: [UInt8] = [0, 0, 0, 13] + Array("IHDR".utf8) + bigEndian(width, 4) + bigEndian(height, 4)
        let rest: [UInt8] = [8, 2, 0, 0, 0] + [1, 2, 3, 4]
        return signature + header + rest + [0, 0, 0, 0] + Array("IEND".utf8) + [0xAE, 0x42, 0x60, 0x82]
    }

    static func jpeg(frame: UInt8, width: Int, height: Int, before: [UInt8] = []) -> [UInt8] {
        let jfif = segment(0xE0, Array("JFIF".utf8) + [0, 1, 1])
        let size = segment(frame, [8] + bigEndian(height, 2) + bigEndian(width, 2) + [1, 1, 0x11, 0])
        return [0xFF, 0xD8] + jfif + before + size + segment(0xDA, [1, 1, 0, 0, 63, 0]) + [0x12, 0x34, 0xFF, 0xD9]
    }

    static func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
        [0xFF, marker] + bigEndian(content.count + 2, 2) + content
    }

    static func bigEndian(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
