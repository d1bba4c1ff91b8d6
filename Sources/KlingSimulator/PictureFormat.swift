/// The ratios of `aspect_ratio`, with the true size of the pictures, which is only about the ratio
/// (kling-api-facts.md 8.2).
enum AspectRatio: String, Sendable, CaseIterable {
    case wide = "16:9"
    case tallPhone = "9:16"
    case square = "1:1"
    case landscape = "4:3"
    case portrait = "3:4"
    case photo = "3:2"
    case tallPhoto = "2:3"
    case ultrawide = "21:9"

    /// In pixels, at `resolution` 1k.
    var size: PixelSize {
        switch self {
        case .wide: PixelSize(width: 1360, height: 768)
        case .tallPhone: PixelSize(width: 768, height: 1360)
        case .square: PixelSize(width: 1024, height: 1024)
        case .landscape: PixelSize(width: 1168, height: 880)
        case .portrait: PixelSize(width: 880, height: 1168)
        case .photo: PixelSize(width: 1248, height: 832)
        case .tallPhoto: PixelSize(width: 832, height: 1248)
        case .ultrawide: PixelSize(width: 1552, height: 656)
        }
    }
}

/// The `resolution` of a request: the long word for how many times 1k a side is.
enum Resolution: String, Sendable, CaseIterable {
    case one = "1k"
    case two = "2k"

    var factor: Int { self == .one ? 1 : 2 }
}

/// Width and height of a picture in pixels.
struct PixelSize: Equatable, Sendable {
    var width: Int
    var height: Int

    static func * (size: PixelSize, factor: Int) -> PixelSize {
        PixelSize(width: size.width * factor, height: size.height * factor)
    }
}
