import Storage
import Testing

@Suite struct KeyTemplateTests {
    @Test("By default images and their sidecar lie in a folder for the day")
    func rendersDefaults() throws {
        let values = KeyTemplate.Values(id: "0199c0de", createdAt: 1_795_478_400, index: 2, ext: "png")
        #expect(try KeyTemplate.defaultForImages.key(for: values).description == "2026-11-24/0199c0de-2.png")
        #expect(try KeyTemplate.defaultForSidecars.key(for: values).description == "2026-11-24/0199c0de.json")
        #expect(KeyTemplate.defaultForImages.description == "{date}/{id}-{index}.{ext}")
        #expect(try KeyTemplate.forImages("{date}/{id}-{index}.{ext}") == .defaultForImages)
        #expect(try KeyTemplate.forSidecars("{date}/{id}.json") == .defaultForSidecars)
    }

    @Test(
        "The date is the day in UTC",
        arguments: [
            (0, "1970-01-01"), (86_399, "1970-01-01"), (86_400, "1970-01-02"), (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"), (951_868_800, "2000-03-01"), (1_709_164_800, "2024-02-29"),
            (1_709_251_199, "2024-02-29"), (1_709_251_200, "2024-03-01"), (1_735_689_599, "2024-12-31"),
            (1_735_689_600, "2025-01-01"), (4_107_542_400, "2100-03-01"), (4_107_542_399, "2100-02-28"),
            (253_402_300_799, "9999-12-31"), (-11_676_096_000, "1600-01-01"), (-62_135_596_800, "0001-01-01"),
        ]
    )
    func knowsTheCalendar(seconds: Int64, date: String) throws {
        let template = try KeyTemplate.forSidecars("{date}-{id}")
        #expect(try template.key(for: .init(id: "x", createdAt: seconds)).description == "\(date)-x")
    }

    @Test("Every day of 400 years follows the one before")
    func countsEveryDay() throws {
        let template = try KeyTemplate.forSidecars("{date}/{id}")
        var (year, month, day) = (1970, 1, 1)
        for number in 0..<146_097 {
            let expected = [year, month, day].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: "-")
            let key = try template.key(for: .init(id: "x", createdAt: Int64(number) * 86_400 + 43_200))
            try #require(key.description == "\(expected)/x")
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let length = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
            day += 1
            if day > length { (day, month) = (1, month + 1) }
            if month > 12 { (month, year) = (1, year + 1) }
        }
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
        #expect(try template.key(for: .init(id: "x", createdAt: 0, prompt: prompt)).description == "\(slug)/x/0")
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
            try KeyTemplate.defaultForImages.key(for: .init(id: id, createdAt: 0, ext: "png"))
        }
        #expect(throws: StorageError.self) {
            try KeyTemplate.defaultForImages.key(for: .init(id: "x", createdAt: 0, ext: id))
        }
    }
}
