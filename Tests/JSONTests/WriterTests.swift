import JSON
import Testing

/// What a writer holds after `write`.
private func written(_ write: (inout JSONWriter) -> Void) -> String {
    var writer = JSONWriter(capacity: 1)
    write(&writer)
    return String(decoding: writer.bytes, as: UTF8.self)
}

@Suite struct WriterTests {
    @Test func onlyWhatMustBeEscapedIs() {
        #expect(written { $0.string("\"\\/") } == #""\"\\/""#)
        #expect(written { $0.string("\u{8}\u{C}\n\r\t") } == #""\b\f\n\r\t""#)
        #expect(written { $0.string("\0\u{1}\u{B}\u{1F}") } == #""\u0000\u0001\u000b\u001f""#)
        #expect(written { $0.string("é汉😀\u{7F}\u{2028}\u{FEFF}") } == "\"é汉😀\u{7F}\u{2028}\u{FEFF}\"")
        #expect(written { $0.string("") } == #""""#)
    }

    @Test(
        arguments: [
            (0.1, "0.1"), (1, "1.0"), (-0.0, "-0.0"), (1.0 / 3, "0.3333333333333333"),
            (0.1 + 0.2, "0.30000000000000004"),
            (.leastNonzeroMagnitude, "5e-324"), (.greatestFiniteMagnitude, "1.7976931348623157e+308"), (1e22, "1e+22"),
            (1e15, "1000000000000000.0"),
            (123456.789, "123456.789"),
        ] as [(Double, String)]
    )
    func doublesHaveTheFewestDigitsThatReadBack(value: Double, text: String) throws {
        #expect(written { $0.real(value) } == text)
        #expect(try JSONValue.parse(text) == .real(value), "what was a real stays one")
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, .signalingNaN])
    func whatIsNoNumberInJSONIsNull(value: Double) {
        #expect(written { $0.real(value) } == "null")
    }

    @Test(arguments: [0, 7, -7, 10, 1_000_000, Int64.max, Int64.min, 9_007_199_254_740_993])
    func integersAreWrittenInFull(value: Int64) {
        #expect(written { $0.integer(value) } == "\(value)")
    }

    @Test func commasStandBetweenWhatIsWrittenPieceByPiece() {
        let text = written { writer in
            writer.beginObject()
            writer.name("a")
            writer.beginArray()
            writer.null()
            writer.bool(true)
            writer.bool(false)
            writer.integer(1)
            writer.real(2.5)
            writer.string("x")
            writer.beginObject()
            writer.endObject()
            writer.beginArray()
            writer.endArray()
            writer.value(["k": nil])
            Array("[0]".utf8).withUnsafeBytes { writer.raw($0) }
            writer.endArray()
            writer.name("né\n" as String)
            writer.null()
            writer.endObject()
        }
        #expect(text == #"{"a":[null,true,false,1,2.5,"x",{},[],{"k":null},[0]],"né\n":null}"#)
    }

    @Test func whatWasWrittenAfterAMarkCanBeTakenBack() {
        var writer = JSONWriter(capacity: 1)
        writer.beginArray()
        writer.integer(1)
        let mark = writer.mark
        writer.string(String(repeating: "x", count: 10_000))
        writer.goBack(to: mark)
        writer.integer(2)
        writer.endArray()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "[1,2]")
    }

    @Test func theBeginningCanBeForgotten() {
        var writer = JSONWriter()
        let long = String(repeating: "y", count: 3 << 20)
        writer.string(long)
        writer.newline()
        writer.string("rest")
        writer.removeFirst(long.utf8.count + 3)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #""rest""#)
        writer.removeFirst(writer.count)
        #expect(writer.count == 0)
        writer.newline()
        writer.string(long)
        #expect(writer.count == long.utf8.count + 3)
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func whateverIsWrittenReadsBackAndKeepsToOneLine(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<1000 {
            let value = JSONValue.random(depth: 5, using: &generator)
            let bytes = value.serialized
            let read = try JSONValue.parse(bytes)
            #expect(read == value)
            #expect(read.serialized == bytes, "order and spelling survive")
            #expect(!bytes.contains { $0 < 0x20 })
        }
    }

    @Test func everyScalarReadsBack() throws {
        for plane in 0..<UInt32(0x11) {
            let codes = (plane << 16)..<((plane + 1) << 16)
            let text = String(String.UnicodeScalarView(codes.compactMap { Unicode.Scalar($0) }))
            let read = try JSONValue.parse(JSONValue.string(text).serialized).stringValue
            #expect(read?.utf8.elementsEqual(text.utf8) == true)
        }
    }

    @Test func aValueDescribesItselfAsJSON() {
        #expect("\(["a": [1, 2.5, nil, true]] as JSONValue)" == #"{"a":[1,2.5,null,true]}"#)
    }
}
