import Testing

@testable import S3Storage

@Suite struct XMLElementTests {
    private func parse(_ text: String) -> XMLElement? { XMLElement.parse(Array(text.utf8)) }

    @Test func childrenAndTextAreFound() throws {
        let list = try #require(
            parse(
                """
                <?xml version="1.0" encoding="UTF-8"?>
                <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
                  <IsTruncated>false</IsTruncated><Empty/>
                  <Contents><Key>a&amp;b &#233;</Key><Size>5</Size></Contents>
                  <Contents><Key><![CDATA[<c>]]></Key><Size>6</Size></Contents>
                </ListBucketResult>
                """
            )
        )
        #expect(list.name == "ListBucketResult")
        #expect(list.text(of: "IsTruncated") == "false")
        #expect(list.text(of: "Empty") == nil)
        #expect(list.text(of: "Missing") == nil)
        let keys = list.children.filter { $0.name == "Contents" }.map { $0.text(of: "Key") }
        #expect(keys == ["a&b é", "<c>"])
    }

    @Test func aNamespacePrefixIsNotPartOfTheName() {
        #expect(
            parse(#"<s3:Error xmlns:s3="x"><s3:Code>SlowDown</s3:Code></s3:Error>"#)?.text(of: "Code") == "SlowDown"
        )
    }

    @Test(arguments: [
        "", "   ", "no xml", "<a>", "<a></b>", "<a/><b/>", "<a>\u{1}</a>", "<a attribute></a>", "<html><br></html>",
    ])
    func whatIsNotXMLIsNothing(text: String) {
        #expect(parse(text) == nil)
    }

    /// Entities of a document type can make a short text fill the memory.
    @Test func aDocumentTypeIsRefused() {
        #expect(parse(#"<!DOCTYPE a [<!ENTITY b "cccc">]><a>&b;</a>"#) == nil)
        #expect(parse(#"<!DOCTYPE html><a></a>"#) == nil)
    }

    @Test func depthIsBounded() {
        func nested(_ depth: Int) -> String {
            String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)
        }
        #expect(parse(nested(32)) != nil)
        #expect(parse(nested(33)) == nil)
        #expect(parse(nested(200_000)) == nil)
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(XMLElement.parse(Array("<a>".utf8) + [0xFF, 0xFE] + Array("</a>".utf8)) == nil)
    }
}
