import Foundation
import JSON
import Testing

@testable import KlingAPI

@Suite("An image to go by")
struct ImageInputTests {
    private func request(
        _ image: String,
        _ profile: LimitsProfile = .classic
    ) throws(RequestError) -> ImageGenerationRequest {
        var members = JSONMembers(["prompt": "p", "image": .string(image)])
        return try ImageGenerationRequest.decode(&members, profile: profile)
    }

    private func refusal(_ image: String, _ profile: LimitsProfile = .classic) throws -> RequestError {
        let error = try #require(throws: RequestError.self) { _ = try request(image, profile) }
        #expect(error.pointer?.description == "/image")
        return error
    }

    private func sent(_ request: ImageGenerationRequest) throws -> String? {
        try JSONValue.parse(request.body(externalTaskID: nil))["image"]?.stringValue
    }

    @Test("is sent as raw Base64, however it was given; shown by its measures only")
    func inline() throws {
        let base64 = Base64.encode(Pictures.png(300, 400))
        for given in [base64, "data:image/png;base64,\(base64)", "DATA:;BASE64,\(base64)", base64 + "\n"] {
            let request = try request(given)
            #expect(try sent(request) == base64)
            #expect(request.parameters["image"] == "base64 image/png, 64 bytes, 300x400")
        }
    }

    @Test("may be a JPEG in Base64, which begins like a path")
    func jpeg() throws {
        let base64 = Base64.encode(Pictures.jpeg(640, 480))
        #expect(base64.hasPrefix("/9j/"))
        let request = try request(base64)
        #expect(try sent(request) == base64)
        #expect(request.parameters["image"] == "base64 image/jpeg, 39 bytes, 640x480")
    }

    @Test("may be a file, by its path or its URL; what is sent is the same")
    func file() throws {
        try withTemporaryFolder { folder in
            let picture = Pictures.png(1024, 768)
            let file = folder.appending(path: "a lighthouse.png")
            try Data(picture).write(to: file)
            let url = "file://" + file.path.replacing(" ", with: "%20")
            for given in [file.path, url, url.replacing("file://", with: "file://localhost")] {
                #expect(try sent(request(given)) == Base64.encode(picture))
            }
        }
    }

    @Test("is a URL only when the provider could fetch it")
    func url() throws {
        let url = "HTTPS://example.com/a.png?sig=a%2Fb&x=1"
        #expect(try sent(request(url)) == url)
        for bad in ["https://", "http://u:p@example.com/a.png", "https://example.com/a b.png", "https://exämple.com/"] {
            #expect(try refusal(bad).message.contains("URL"))
        }
    }

    @Test("of an unknown kind is refused")
    func schemes() throws {
        #expect(try refusal("ftp://example.com/a.png").message.contains("'ftp:'"))
        #expect(try refusal("data:image/png,abc").message.contains("base64"))
        #expect(try refusal("file://elsewhere/a.png").message.contains("file:///"))
        #expect(try refusal("file:a.png").message.contains("file:///"))
        #expect(try refusal("picture.png").message.contains("valid Base64"))
    }

    @Test("that is no picture, or a broken one, is refused")
    func content() throws {
        #expect(try refusal(Base64.encode(Array("GIF89a, no doubt".utf8))).message.contains("neither PNG nor JPEG"))
        #expect(try refusal(Base64.encode(Array(Pictures.png(300, 300).prefix(20)))).message.contains("cut short"))
        #expect(try refusal("data:image/png;base64,").message.contains("'image' is"))
    }

    @Test("has at least 300 pixels on each side")
    func sides() throws {
        _ = try request(Base64.encode(Pictures.png(300, 300)))
        #expect(try refusal(Base64.encode(Pictures.png(299, 900))).message.contains("not 299x900"))
        #expect(try refusal(Base64.encode(Pictures.jpeg(900, 299))).message.contains("300 pixels"))
    }

    @Test("has sides within 1:2.5 under current; classic says nothing of it")
    func ratio() throws {
        _ = try request(Base64.encode(Pictures.png(1000, 400)), .current)
        _ = try request(Base64.encode(Pictures.png(400, 1000)), .current)
        _ = try request(Base64.encode(Pictures.png(1001, 400)), .classic)
        #expect(try refusal(Base64.encode(Pictures.png(1001, 400)), .current).message.contains("2.5"))
    }

    @Test("is at most 10 MB, inline and as a file")
    func size() throws {
        let largest = 10 << 20
        try withTemporaryFolder { folder in
            let file = folder.appending(path: "large.png")
            try Data(Pictures.png(300, 300, byteCount: largest)).write(to: file)
            let whole = try #require(try sent(request(file.path)))
            #expect(whole.utf8.count == (largest + 2) / 3 * 4)
            try Data(Pictures.png(300, 300, byteCount: largest + 1)).write(to: file)
            #expect(try refusal(file.path).kind == .tooLarge)
            #expect(try refusal("AAAA" + whole).kind == .tooLarge)
        }
    }

    @Test("in a file that is missing, a folder or a device is unavailable, at once")
    func unavailable() throws {
        try withTemporaryFolder { folder in
            for path in [folder.appending(path: "none.png").path, folder.path, "/dev/zero", "/dev/tty"] {
                let error = try refusal(path)
                #expect(error.kind == .imageUnavailable)
                #expect(error.message.contains(path))
            }
        }
        #expect(try refusal("/a\0b").kind == .invalidParams)
    }

    private func withTemporaryFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "klingd-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }
}
