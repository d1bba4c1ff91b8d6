import Testing

@testable import KlingAPI

@Suite("Base64")
struct Base64Tests {
    /// RFC 4648 section 10.
    static let vectors = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]

    @Test("reads and writes the vectors of RFC 4648", arguments: vectors)
    func vector(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded[...]) == Array(plain.utf8))
    }

    @Test("reads back every byte in every place")
    func roundTrip() {
        for length in 0...6 {
            for byte in UInt8.min...UInt8.max {
                let bytes = [UInt8](repeating: byte, count: length)
                #expect(Base64.decode(Base64.encode(bytes)[...]) == bytes)
            }
        }
    }

    @Test(
        "takes what tools print: line breaks, blanks, no padding",
        arguments: ["Zm9v\nYmE=\n", "Zm9v\r\nYmE", " Zm9 vYm E= "]
    )
    func lenient(text: String) {
        #expect(Base64.decode(text[...]) == Array("fooba".utf8))
    }

    @Test(
        "refuses what is not Base64",
        arguments: [
            "Z", "Zm9vY", "Zm9v====", "Zm9=v", "Zg=", "Zm8==", "=", "Zh==", "Zm9=", "Zm9_", "Zm9v-A", "Zm9v.", "Zé==",
        ]
    )
    func broken(text: String) {
        #expect(Base64.decode(text[...]) == nil)
    }
}
