import Storage
import Testing

@Suite struct KeyTemplateTests {
    @Test("By default images and their sidecar lie in a folder for the day")
    func rendersDefaults() throws {
        let values = KeyTemplate.Values(id: "0199c0de", day: "2026-11-24", index: 2, ext: "png")
        #expect(try KeyTemplate.defaultForImages.key(for: values).description == "2026-11-24/0199c0de-2.png")
        #expect(try KeyTemplate.defaultForSidecars.key(for: values).description == "2026-11-24/0199c0de.json")
        #expect(KeyTemplate.defaultForImages.description == "{date}/{id}-{index}.{ext}")
        #expect(try KeyTemplate.forImages("{date}/{id}-{index}.{ext}") == .defaultForImages)
        #expect(try KeyTemplate.forSidecars("{date}/{id}.json") == .defaultForSidecars)
    }

    @Test(
        "The slug is the beginning of the prompt in letters that every storage takes",
        arguments: [
            ("A lighthouse at dusk!", "a-lighthouse-at-dusk"), ("  ../../etc/passwd", "etc-passwd"),
            ("日本の灯台", "untitled"),
            ("", "untitled"), ("Zwölf 12", "zw-lf-12"), ("---", "untitled"),
            (String(repeating: "a", count: 99), String(repeating: "a", count: 48)),
            (String(repeating: "a", count: 47) + " b", String(repeating: "a", count: 47)), ("K\u{212A}", "k"),
        ]
    )
    func makesSlugs(prompt: String, slug: String) throws {
        let template = try KeyTemplate.forImages("{slug}/{id}/{index}")
        #expect(try template.key(for: .init(id: "x", day: "2026-11-24", prompt: prompt)).description == "\(slug)/x/0")
    }

    @Test(
        "A template by which two images could meet, or that makes no portable name, is refused when it is configured",
        arguments: [
            "", "image.png", "{id}.png", "{index}.png", "{date}/{index}", "{id}-{index", "{id}}-{index}",
            "{id}-{index}-{x}",
            "{ID}-{index}", "/{id}-{index}", "../{id}-{index}", "{id}/../{index}", ".{id}-{index}", "{id} {index}",
            "{id}-{index}/",
            "{}{id}{index}", "{id}-{index}/" + String(repeating: "a", count: 256),
            String(repeating: "{id}", count: 8) + "{index}",
        ]
    )
    func refusesTemplates(text: String) throws {
        let error = try #require(throws: StorageError.self) { try KeyTemplate.forImages(text) }
        #expect(error.kind == .configuration)
    }

    @Test("A sidecar belongs to all images", arguments: ["{date}.json", "{id}-{index}.json", "{id}.{ext}"])
    func refusesSidecars(text: String) {
        #expect(throws: StorageError.self) { try KeyTemplate.forSidecars(text) }
    }

    @Test("No value can lead to another folder", arguments: ["a/b", "../a", "", "/", "a b"])
    func refusesValues(id: String) {
        #expect(throws: StorageError.self) {
            try KeyTemplate.defaultForImages.key(for: .init(id: id, day: "2026-11-24", ext: "png"))
        }
        #expect(throws: StorageError.self) {
            try KeyTemplate.defaultForImages.key(for: .init(id: "x", day: "2026-11-24", ext: id))
        }
    }
}
