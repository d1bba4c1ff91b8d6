import Foundation
import Testing

@testable import KlingSimulator

@Suite struct ReferenceImageTests {
    @Test(arguments: ["https://example.com/a.png", "HTTP://example.com/a"])
    func anAddressIsTakenUnseen(image: String) throws {
        try ReferenceImage.check(image, limits: .classic)
    }

    @Test func aPNGInBase64IsTaken() throws {
        try ReferenceImage.check(base64(png(300, 300)), limits: .classic)
    }

    @Test func aJPEGIsMeasuredByItsFrameBehindOtherSegments() {
        let comment: [UInt8] = [0xFF, 0xFE, 0, 4, 1, 2]
        let table: [UInt8] = [0xFF, 0xC4, 0, 4, 1, 2]
        let frame: [UInt8] = [0xFF, 0xC2, 0, 17, 8, 0x01, 0x40, 0x02, 0x80, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let size = ReferenceImage.size(of: [0xFF, 0xD8] + comment + table + frame)
        #expect(size == PixelSize(width: 640, height: 320))
    }

    @Test func aTruncatedJPEGIsNoPicture() {
        let head: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0]
        #expect(ReferenceImage.size(of: head) == nil)
    }

    @Test func aDataAddressIsNoBase64() {
        #expect(throws: Refusal.parameter("File is not in a valid base64 format")) {
            try ReferenceImage.check("data:image/png;base64," + base64(png(300, 300)), limits: .classic)
        }
    }

    @Test func smallLongLargeOrForeignPicturesAreRefused() throws {
        #expect(throws: Refusal.self) { try ReferenceImage.check(base64(png(299, 900)), limits: .classic) }
        #expect(throws: Refusal.self) { try ReferenceImage.check(base64(png(751, 300)), limits: .current) }
        try ReferenceImage.check(base64(png(750, 300)), limits: .current)
        #expect(throws: Refusal.self) { try ReferenceImage.check(base64(Array("GIF89a".utf8)), limits: .classic) }
        let large = png(300, 300) + [UInt8](repeating: 0, count: 10 << 20)
        #expect(throws: Refusal.self) { try ReferenceImage.check(base64(large), limits: .classic) }
    }

    @Test(arguments: ["", "A", "AB", "ABC", "AB=C", "A===", "AB C", "AB-_"])
    func whatIsNotExactlyBase64IsRefused(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test(arguments: 1..<8)
    func base64DecodesWhatFoundationEncodes(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + 200) }
        #expect(Base64.decode(base64(bytes)) == bytes)
    }

    private func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

    private func png(_ width: Int, _ height: Int) -> [UInt8] {
        let sides = [width, height].flatMap { side in [24, 16, 8, 0].map { UInt8(side >> $0 & 0xFF) } }
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8) + sides
    }
}
