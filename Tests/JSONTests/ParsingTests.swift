import JSON
import Testing

@Suite struct ParsingTests {
    @Test(arguments: [
        ("0", 0), ("-1", -1),
        ("9007199254740993", 9_007_199_254_740_993),
        ("867283741759111202", 867_283_741_759_111_202),
        ("9223372036854775807", Int64.max),
        ("-9223372036854775808", Int64.min),
    ])
    func integersAreExactUpToTheLimitsOfInt64(text: String, value: Int64) throws {
        #expect(try JSONValue.parse(text) == .integer(value))
    }

    @Test(arguments: ["9223372036854775808", "-9223372036854775809", "1e309", "-1e999", "[1e400]"])
    func numbersOutOfRangeAreALimitAndNotRounded(text: String) {
        #expect(failure(text)?.cause == .numberRange)
    }

    @Test func integersAndRealsAreKeptApart() throws {
        #expect(try JSONValue.parse("1") == .integer(1))
        #expect(try JSONValue.parse("1.0") == .real(1))
        #expect(try JSONValue.parse("1e2") == .real(100))
        #expect(try JSONValue.parse("1") != JSONValue.parse("1.0"))
        #expect(try JSONValue.parse("1.0").integerValue == nil)
        #expect(try JSONValue.parse("1").numberValue == 1)
    }

    @Test func realsAreTheNearestDouble() throws {
        #expect(try JSONValue.parse("0.1") == .real(0.1))
        #expect(try JSONValue.parse("1.7976931348623157e308") == .real(.greatestFiniteMagnitude))
        #expect(try JSONValue.parse("5e-324") == .real(.leastNonzeroMagnitude))
        #expect(try JSONValue.parse("1e-400") == .real(0), "too small for a double is nothing, not an error")
        #expect(try JSONValue.parse("-0.0").numberValue?.sign == .minus)
    }

    @Test func membersKeepTheirOrder() throws {
        let names = ["zeta", "alpha", "", "10", "9", "é", "mu", "beta", "x", "y", "a", "b", "c"]
        let text = "{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        #expect(try JSONValue.parse(text).objectValue?.members.map(\.name) == names)
        #expect(try JSONValue.parse(text).description == text)
    }

    @Test func objectsAreEqualInWhateverOrder() throws {
        #expect(try JSONValue.parse(#"{"a":1,"b":[2]}"#) == JSONValue.parse(#"{"b":[2],"a":1}"#))
        #expect(try JSONValue.parse(#"{"a":1,"b":2}"#) != JSONValue.parse(#"{"a":1,"c":2}"#))
        #expect(try JSONValue.parse(#"{"a":1,"b":2}"#) != JSONValue.parse(#"{"a":1}"#))
        #expect(try JSONValue.parse("[1,2]") != JSONValue.parse("[2,1]"))
    }

    @Test(arguments: [
        #"{"a":1,"a":1}"#, #"[{"x":{"b":1,"c":2,"b":3}}]"#, #"{"id":1,"\u0069d":2}"#, #"{"":1,"":2}"#,
    ])
    func duplicateMembersAreRefused(text: String) {
        #expect(failure(text)?.cause == .duplicateMember)
    }

    /// RFC 8259 section 8.3 compares code by code; to Swift's strings the two names are one.
    @Test func namesThatOnlyLookAlikeAreDifferentMembers() throws {
        let value = try JSONValue.parse(#"{"\u00e9":1,"e\u0301":2}"#)
        #expect(value["\u{E9}"] == 1)
        #expect(value["e\u{301}"] == 2)
        #expect(try JSONValue.parse(value.serialized) == value)
        #expect(try JSONValue.parse(#"{"\u00e9":1}"#)["e\u{301}"] == nil)
    }

    @Test func the128thLevelIsTakenAndThe129thIsNot() throws {
        #expect(try JSONValue.parse(nested(128)).description == nested(128))
        #expect(failure(nested(129))?.cause == .depth)
        let objects = String(repeating: #"{"a":"#, count: 128) + "0" + String(repeating: "}", count: 128)
        #expect(try JSONValue.parse(objects).description == objects)
        #expect(failure("[" + objects + "]")?.cause == .depth)
    }

    @Test func aTextNestedBeyondTheParserIsTooDeepToo() {
        #expect(failure(nested(3000))?.cause == .depth)
        #expect(failure(nested(200_000))?.cause == .depth)
    }

    @Test func bracketsInStringsAreNoDepth() throws {
        let text = #"["\#(String(repeating: "[{", count: 200))\""]"#
        #expect(try JSONValue.parse(text).description == text)
    }

    @Test func theDepthLimitIsTheCallersChoice() {
        #expect(failure("[]", limits: JSONLimits(depth: 1)) == nil)
        #expect(failure("[[]]", limits: JSONLimits(depth: 1))?.cause == .depth)
        #expect(failure("[]", limits: JSONLimits(depth: 0))?.cause == .depth)
        #expect(failure("1", limits: JSONLimits(depth: 0)) == nil)
    }

    @Test func aTextOfExactlyTheSizeLimitIsTaken() {
        #expect(failure("12345678", limits: JSONLimits(bytes: 8)) == nil)
        #expect(failure("123456789", limits: JSONLimits(bytes: 8))?.cause == .size)
    }

    @Test(arguments: ["123\0", "\0", "{\"a\":\0}", "\"a\0b\"", "[1]\0\0", "\0[1]"])
    func aRawNULByteIsNeverPartOfAText(text: String) {
        #expect(failure(text)?.cause == .syntax)
        #expect(failure(text)?.message == "NUL byte")
    }

    @Test func anEscapedNULIsAnOrdinaryCharacterOfAValue() throws {
        let value = try JSONValue.parse(#"["a\u0000b","\u0000"]"#)
        #expect(value == ["a\0b", "\0"])
        #expect(value[0]?.stringValue?.utf8.count == 3)
        #expect(value.description == #"["a\u0000b","\u0000"]"#)
    }

    @Test func anEscapedNULInANameIsALimit() {
        #expect(failure(#"{"a\u0000b":1}"#)?.cause == .nulInName)
    }

    @Test func aByteOrderMarkIsNotPartOfAText() {
        #expect(failure("\u{FEFF}{}")?.cause == .syntax)
        #expect(failure("\"\u{FEFF}\"") == nil)
    }

    @Test(arguments: UInt8(0x01)...0x1F)
    func rawControlCharactersInStringsAreRefused(byte: UInt8) {
        #expect(failure([0x22, byte, 0x22])?.cause == .syntax)
        #expect(failure(#""\u00\#(byte < 0x10 ? "0" : "")\#(String(byte, radix: 16))""#) == nil)
    }

    @Test(arguments: [
        #""\ud800""#, #""\udc00""#, #""\ud800\u0041""#, #""\ud800\ud800""#, #""\udc00\ud800""#, #""\ud83dx""#,
    ])
    func loneSurrogatesAreRefused(text: String) {
        #expect(failure(text)?.cause == .syntax)
    }

    @Test func surrogatePairsAreOneScalar() throws {
        #expect(try JSONValue.parse(#""\ud83d\ude00\uDBFF\uDFFF""#) == "\u{1F600}\u{10FFFF}")
    }

    @Test(
        arguments: [
            [0x80], [0xFF], [0xC3], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0xF0, 0x80, 0x80, 0x80], [0xE2, 0x82], [0xFE],
        ] as [[UInt8]]
    )
    func invalidUTF8IsRefusedInValuesAndNames(bytes: [UInt8]) {
        #expect(failure([0x22] + bytes + [0x22])?.cause == .syntax)
        #expect(failure([0x7B, 0x22] + bytes + [0x22, 0x3A, 0x31, 0x7D])?.cause == .syntax)
        #expect(failure(bytes)?.cause == .syntax)
    }

    @Test(arguments: ["{} {}", "1 2", "[1]]", "nullnull", "{}x", "\"a\"\"b\"", "1,", "[1]\u{FEFF}", "[1]\u{A0}"])
    func whatFollowsTheValueIsRefused(text: String) {
        #expect(failure(text)?.cause == .syntax)
    }

    @Test func surroundingWhiteSpaceIsAllowed() throws {
        #expect(try JSONValue.parse(" \t\r\n1\n\r\t ") == 1)
    }

    @Test func aTextCanBeOneScalar() throws {
        #expect(try JSONValue.parse("42") == 42)
        #expect(try JSONValue.parse("null") == nil)
        #expect(try JSONValue.parse("true") == true)
        #expect(try JSONValue.parse(#""""#) == "")
    }

    @Test func manyThreadsParseAtOnce() async throws {
        let text = #"{"a":[1,2.5,"x\u00e9"],"b":{"c":null}}"#
        let expected = try JSONValue.parse(text)
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<200).allSatisfy { _ in (try? JSONValue.parse(text)) == expected } }
            }
            for await wasRight in group { #expect(wasRight) }
        }
    }
}
