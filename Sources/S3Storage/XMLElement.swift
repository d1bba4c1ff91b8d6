import CExpat

/// An element of an XML document as S3 answers them: children or text, no attributes that matter.
struct XMLElement: Equatable {
    /// Without a namespace prefix.
    var name: String
    /// What stands in the element itself, all pieces of it joined.
    var text = ""
    var children: [XMLElement] = []

    /// The first child of that name.
    subscript(name: String) -> XMLElement? { children.first { $0.name == name } }

    /// The text of the first child of that name; `nil` without one, or when it is empty.
    func text(of name: String) -> String? {
        guard let text = self[name]?.text, !text.isEmpty else { return nil }
        return text
    }

    /// `nil` when `bytes` are no complete, well-formed document, or one that no store sends: with a document type (whose
    /// entities could grow without bound) or nested deeper than 32 elements.
    static func parse(_ bytes: [UInt8]) -> XMLElement? {
        guard !bytes.isEmpty, bytes.count <= Int(Int32.max), let parser = XML_ParserCreate("UTF-8") else { return nil }
        defer { XML_ParserFree(parser) }
        let builder = XMLTreeBuilder(parser)
        // Lives until after the last callback, which comes from XML_Parse below.
        return withExtendedLifetime(builder) {
            XML_SetUserData(parser, Unmanaged.passUnretained(builder).toOpaque())
            XML_SetElementHandler(
                parser,
                { builder, name, _ in XMLTreeBuilder.of(builder)?.begin(name) },
                { builder, _ in XMLTreeBuilder.of(builder)?.end() }
            )
            XML_SetCharacterDataHandler(parser) { XMLTreeBuilder.of($0)?.characters($1, Int($2)) }
            XML_SetStartDoctypeDeclHandler(parser) { builder, _, _, _, _ in XMLTreeBuilder.of(builder)?.refuse() }
            let status = bytes.withUnsafeBytes { buffer in
                XML_Parse(parser, buffer.bindMemory(to: CChar.self).baseAddress, Int32(buffer.count), 1)
            }
            return status == XML_STATUS_OK ? builder.root : nil
        }
    }
}

private final class XMLTreeBuilder {
    private static let deepest = 32

    private let parser: XML_Parser
    private var open: [XMLElement] = []
    private(set) var root: XMLElement?

    init(_ parser: XML_Parser) {
        self.parser = parser
    }

    static func of(_ pointer: UnsafeMutableRawPointer?) -> XMLTreeBuilder? {
        pointer.map { Unmanaged<XMLTreeBuilder>.fromOpaque($0).takeUnretainedValue() }
    }

    func begin(_ name: UnsafePointer<CChar>?) {
        guard let name, open.count < Self.deepest else { return refuse() }
        let qualified = String(cString: name)
        open.append(XMLElement(name: qualified.split(separator: ":").last.map(String.init) ?? qualified))
    }

    func characters(_ text: UnsafePointer<CChar>?, _ count: Int) {
        guard let text, !open.isEmpty else { return }
        let bytes = UnsafeRawBufferPointer(start: text, count: count)
        // Expat gives whole characters of valid UTF-8.
        open[open.count - 1].text += String(decoding: bytes, as: UTF8.self)
    }

    func end() {
        guard let element = open.popLast() else { return }
        if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
    }

    func refuse() { XML_StopParser(parser, XML_Bool(XML_FALSE)) }
}
