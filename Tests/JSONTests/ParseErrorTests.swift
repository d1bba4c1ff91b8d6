import JSON
import Testing

@Suite struct ParseErrorTests {
    /// Texts with the line, column and byte to which reading came.
    @Test(arguments: [
        (#"{"a": x}"#, 1, 8, 7),
        (#"{"id":1,}"#, 1, 10, 9),
        ("[1,\n2,\n  oops]", 3, 7, 13),
        ("[1,\r\n x]", 2, 3, 7),
        ("[1", 1, 3, 2),
        ("[1,\n", 2, 1, 4),
        ("\"a\nb\"", 1, 3, 2),
        (#"{"a":1,"a":2}"#, 1, 11, 10),
        ("[1e999]", 1, 7, 6),
        ("{} x", 1, 5, 4),
        ("", 1, 1, 0),
        ("\n\n", 3, 1, 2),
        ("[\n\0]", 2, 1, 2),
    ])
    func anErrorTellsHowFarReadingCame(text: String, line: Int, column: Int, offset: Int) {
        #expect(failure(text)?.line == line)
        #expect(failure(text)?.column == column)
        #expect(failure(text)?.offset == offset)
    }

    /// Before the error stand é (2 bytes), 汉 (3) and 😀 (4): columns count scalars, offsets bytes.
    @Test func columnsCountScalarsAndOffsetsCountBytes() {
        let error = failure("{\"é汉😀\":\n\"é汉😀\", oops}")
        #expect(error?.line == 2)
        #expect(error?.column == 12)
        #expect(error?.offset == 14 + 11 + 6)
        #expect(failure([0x5B, 0x22, 0xC3, 0xA9, 0xFF, 0x22, 0x5D])?.column == 4)
        #expect(failure([0x5B, 0x22, 0xC3, 0xA9, 0xFF, 0x22, 0x5D])?.offset == 4)
    }

    @Test func aTextTooDeepPointsAtTheBracketThatIsTooMuch() {
        let text = "[\n" + nested(3)
        #expect(failure(text + "]", limits: JSONLimits(depth: 2))?.offset == 3)
        #expect(failure(text + "]", limits: JSONLimits(depth: 2))?.line == 2)
        #expect(failure(text + "]", limits: JSONLimits(depth: 2))?.column == 2)
        #expect(failure(nested(3000))?.offset == 128)
        #expect(failure(#"["[[[[[[",[[]]]"#, limits: JSONLimits(depth: 2))?.offset == 11)
    }

    @Test func aTextTooLongPointsAtTheLimit() {
        #expect(failure("[1,2,3]", limits: JSONLimits(bytes: 4))?.offset == 4)
    }

    @Test(arguments: [
        (#"{"a":1,"a":2}"#, JSONParseError.Cause.duplicateMember), (nested(129), .depth), (nested(3000), .depth),
        ("9223372036854775808", .numberRange), (#"{"\u0000":1}"#, .nulInName),
        (String(repeating: " ", count: 16 << 20) + "1", .size),
    ])
    func whatIsJSONButBeyondOurLimitsSaysSo(text: String, cause: JSONParseError.Cause) {
        #expect(failure(text)?.cause == cause)
        #expect(failure(text)?.cause.isLimit == true)
    }

    @Test(arguments: ["{", "[1,]", "nul", "\"", "\u{FEFF}1", "1 2", "{1:2}", "\0", "'a'"])
    func whatIsNotJSONIsNoMatterOfLimits(text: String) {
        #expect(failure(text)?.cause.isLimit == false)
    }

    @Test func theMessageNamesWhatWasMet() {
        #expect(failure(#"{"a": x}"#)?.message.contains("'x'") == true)
        #expect(failure("[1")?.message.contains("end of file") == true)
        #expect(failure(nested(129))?.message.contains("128") == true)
        #expect(failure("[1,2,3]", limits: JSONLimits(bytes: 4))?.message.contains("4") == true)
    }
}
