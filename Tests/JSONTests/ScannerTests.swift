import JSON
import Testing

/// The texts of the top-level members of `name` that the scanner sees.
private func members(_ name: String, in text: String) -> [String] {
    Array(text.utf8).withUnsafeBytes { bytes in
        JSONScanner.topLevelMembers(named: name, in: bytes).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// What cannot be parsed, for a limit, still has an id that an answer can be sent to.
@Suite struct ScannerTests {
    @Test(arguments: [
        (#"{"id":7,"params":1e999}"#, "7"),
        (#"{"params":{"id":1,"id":2},"id":"seven"}"#, #""seven""#),
        (#"{"a":"\"id\":1","id" : null ,"a":2}"#, "null"),
        (#"{"params":\#(nested(3000)),"id":-1.5}"#, "-1.5"),
        (#"{"params":["}",{"]":"{"}],"\u0069\u0064":3,"n":9223372036854775808}"#, "3"),
        ("\n{ \"id\"\t:\r\n 12\n, \"x\":1, \"x\":2 }", "12"),
        (#"{"x":1,"x":2,"id":{"id":[1]}}"#, #"{"id":[1]}"#),
        (#"{"id":"a\\","x":1,"x":1}"#, #""a\\""#),
        (#"{"x\u0000":1,"id":4}"#, "4"),
    ])
    func theOneIDIsFound(text: String, id: String) {
        #expect(failure(text)?.cause.isLimit == true)
        #expect(members("id", in: text) == [id])
    }

    @Test(arguments: [
        #"{"id":1,"id":2}"#, #"{"id":1,"i\u0064":2}"#, #"{"id":1,"params":[1],"id":1}"#,
    ])
    func twoIDsAreBothSeenSoThatNoneIsChosen(text: String) {
        #expect(members("id", in: text).count == 2)
    }

    @Test(arguments: [
        #"[{"id":1}]"#, #"{"params":{"id":1}}"#, #"{"ID":1}"#, #"{"x":"id"}"#, "{}", "", "1", #""id""#, "{", #"{"id""#,
        #"{"id":"#, #"{"id":"unfinished"#, #"{"id":[1"#, #"{"x" 1,"id":1}"#, #"{"x":1;"id":1}"#,
    ])
    func whereThereIsNoneNoneIsMadeUp(text: String) {
        #expect(members("id", in: text).isEmpty)
    }

    @Test(arguments: [
        (" [1 , \"a,]\",{\"b\":[2]}, [ ] ,null]", ["1", #""a,]""#, #"{"b":[2]}"#, "[ ]", "null"]), ("[]", []),
        ("{}", []),
        ("", []), ("[1", ["1"]), ("[1,", ["1"]), ("[1 2]", ["1"]), ("[{\"a\":", []),
    ])
    func theElementsOfAnArrayAreFound(text: String, elements: [String]) {
        let found = Array(text.utf8).withUnsafeBytes { bytes in
            JSONScanner.topLevelElements(in: bytes).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(found == elements)
    }

    @Test(arguments: ["0", "-0", "7", "120", "-1.50", "1E+2", "1e-400", "0e0", "0.0", "98765432109876543210"])
    func thisIsANumber(text: String) { #expect(isNumber(text)) }

    @Test(arguments: [
        "", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e2", "0x10", "1 ", " 1", "1-2", "1e400x", "NaN", "null",
        "1,",
        "\"1\"", "\u{FF11}",
    ])
    func thisIsNone(text: String) { #expect(!isNumber(text)) }

    private func isNumber(_ text: String) -> Bool {
        Array(text.utf8).withUnsafeBytes { JSONScanner.isNumber($0) }
    }

    @Test func anyBytesAreScannedWithinTheirBounds() {
        var generator = SeededGenerator(seed: 11)
        let alphabet = Array(#"{}[]":,\ iduU0069"#.utf8) + [0x00, 0xFF]
        for _ in 0..<5000 {
            let length = Int.random(in: 0...40, using: &generator)
            let bytes =
                Array(#"{"id":"#.utf8) + (0..<length).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
            let found = bytes.withUnsafeBytes { buffer in
                JSONScanner.topLevelMembers(named: "id", in: buffer).map { $0.startIndex..<$0.endIndex }
            }
            #expect(found.allSatisfy { $0.lowerBound >= 6 && $0.upperBound <= bytes.count && !$0.isEmpty })
        }
    }
}
