import Testing

@testable import KlingSimulator

@Suite struct PictureTests {
    @Test func everyRunLengthSurvivesTheEncoder() throws {
        var encoder = PNGEncoder(size: PixelSize(width: 400, height: 400))
        var expected: [UInt8] = []
        for row in 0..<400 {
            let pixels = (0..<400).map { $0 <= row ? 0xFF8000 + UInt32(row) : UInt32($0) * 0x010307 }
            pixels.withUnsafeBufferPointer { encoder.appendRow($0) }
            expected += pixels.flatMap { pixel in [16, 8, 0].map { UInt8(pixel >> $0 & 0xFF) } }
        }
        let image = try PNGDecoder(encoder.finish())
        #expect(image.width == 400 && image.height == 400)
        #expect(image.pixels == expected)
    }

    @Test(arguments: [AspectRatio.photo, .tallPhone])
    func aPictureIsAValidPNGOfItsSizeWithManyColours(ratio: AspectRatio) throws {
        let file = picture(size: ratio.size).png()
        let image = try PNGDecoder(file)
        #expect(PixelSize(width: image.width, height: image.height) == ratio.size)
        #expect((20_000...200_000).contains(file.count))
        var colours: Set<UInt32> = []
        for pixel in stride(from: 0, to: image.pixels.count, by: 3) {
            colours.insert(image.pixels[pixel..<pixel + 3].reduce(0) { $0 << 8 | UInt32($1) })
        }
        #expect(colours.count > 100)
    }

    @Test func aPictureIsFilledUpToTheLengthAskedFor() throws {
        let plain = picture()
        let file = plain.png(filledTo: 300_000)
        #expect(file.count == 300_000)
        #expect(try PNGDecoder(file).pixels == PNGDecoder(plain.png()).pixels)
        #expect(plain.png(filledTo: 10) == plain.png(), "never shortened")
    }

    @Test func theSamePictureIsDrawnAlikeAndEachOfATaskDiffersFromTheOthers() {
        #expect(picture().png() == picture().png())
        #expect(picture(seed: 1).png() != picture(seed: 2).png())
        #expect(picture(index: 0).png() != picture(index: 1).png())
    }

    @Test(arguments: ["", "   ", "日本語 ünïcödé 👩‍👩‍👧‍👦", String(repeating: "unbroken", count: 40), "\u{0}\t\u{7F}"])
    func anyCaptionCanBeDrawnOnAnySize(caption: String) throws {
        for ratio in AspectRatio.allCases where ratio != .square {
            _ = try PNGDecoder(
                picture(size: PixelSize(width: ratio.size.width / 8, height: ratio.size.height / 8), caption: caption)
                    .png()
            )
        }
    }

    @Test func theCaptionIsSeen() {
        #expect(picture(caption: "a cat").png() != picture(caption: "a dog").png())
        #expect(picture(caption: "A CAT").png() == picture(caption: "a cat").png())
    }

    @Test func lettersAreToldApart() {
        let letters = (0x21..<0x60).compactMap { Unicode.Scalar($0) }.map { BitmapFont.rows(of: Character($0)) }
        // A zero and the letter O look alike on purpose.
        #expect(Set(letters).count == letters.count - 1)
        #expect(BitmapFont.rows(of: "q") == BitmapFont.rows(of: "Q"))
        #expect(BitmapFont.rows(of: "L") == [16, 16, 16, 16, 16, 16, 31])
    }

    private func picture(
        size: PixelSize = PixelSize(width: 416, height: 277),
        seed: UInt64 = 1,
        caption: String = "a lighthouse",
        index: Int = 0
    ) -> Picture {
        Picture(size: size, seed: seed, caption: caption, index: index)
    }
}
