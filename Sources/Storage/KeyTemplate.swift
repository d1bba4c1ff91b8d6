/// The pattern by which stored files are named, such as `{date}/{id}-{index}.{ext}`.
///
/// The name is a function of the task alone, so storing again meets the same object; and it holds the task's id, so
/// two tasks never meet.
package struct KeyTemplate: Sendable, Hashable, CustomStringConvertible {
    /// What a template may hold in braces.
    package enum Field: String, Sendable, CaseIterable {
        /// The task's id.
        case id
        /// The image's place in the task's answer, from 0.
        case index
        /// The file name extension that fits the image's type, without the dot.
        case ext
        /// The day on which the task was made, `yyyy-mm-dd` in UTC.
        case date
        /// The beginning of the prompt, made fit for a file name.
        case slug
    }

    /// The values for one file.
    package struct Values: Sendable, Hashable {
        package var id: String
        /// The day on which the task was made, `yyyy-mm-dd` in UTC.
        package var day: String
        package var prompt: String
        /// Not used by a sidecar's template.
        package var index: Int
        /// Not used by a sidecar's template.
        package var ext: String

        package init(id: String, day: String, prompt: String = "", index: Int = 0, ext: String = "") {
            self.id = id
            self.day = day
            self.prompt = prompt
            self.index = index
            self.ext = ext
        }
    }

    private enum Part: Sendable, Hashable {
        case literal(String)
        case field(Field)
    }

    private let parts: [Part]

    /// `{date}/{id}-{index}.{ext}`
    package static let defaultForImages = KeyTemplate(
        parts: [
            .field(.date), .literal("/"), .field(.id), .literal("-"), .field(.index), .literal("."), .field(.ext),
        ]
    )
    /// `{date}/{id}.json`
    package static let defaultForSidecars = KeyTemplate(
        parts: [.field(.date), .literal("/"), .field(.id), .literal(".json")]
    )

    /// A template for images; throws ``StorageErrorKind/configuration`` when it can't be read, could make a name
    /// that is no ``ObjectKey``, or lacks `{id}` or `{index}`, without which one image could meet another.
    package static func forImages(_ text: String) throws(StorageError) -> KeyTemplate {
        try KeyTemplate(text, required: [.id, .index], excluded: [])
    }

    /// A template for the JSON file beside a task's images; throws as ``forImages(_:)`` does, and for `{index}` and
    /// `{ext}`, which belong to one image.
    package static func forSidecars(_ text: String) throws(StorageError) -> KeyTemplate {
        try KeyTemplate(text, required: [.id], excluded: [.index, .ext])
    }

    private init(parts: [Part]) {
        self.parts = parts
    }

    private init(_ text: String, required: [Field], excluded: [Field]) throws(StorageError) {
        parts = try Self.parse(text)
        for field in required where !parts.contains(.field(field)) {
            throw Self.refusal(text, "it must hold {\(field.rawValue)}, or two files could get one name")
        }
        for field in excluded where parts.contains(.field(field)) {
            throw Self.refusal(text, "{\(field.rawValue)} can't be in the name of a file that belongs to all images")
        }
        let longest = Values(
            id: String(repeating: "0", count: 36),
            day: "2000-01-01",
            prompt: String(repeating: "a", count: Self.maximumSlugLength),
            index: 999,
            ext: "jpeg"
        )
        do {
            _ = try key(for: longest)
        } catch {
            throw Self.refusal(text, error.message)
        }
    }

    /// The name of one file. Throws ``StorageErrorKind/configuration`` when a value can't be in a name.
    package func key(for values: Values) throws(StorageError) -> ObjectKey {
        var text = ""
        for part in parts {
            switch part {
            case .literal(let literal): text += literal
            case .field(let field):
                let value = Self.value(of: field, in: values)
                // A slash in a value would move the file to another folder without making the key invalid.
                guard !value.isEmpty, !value.contains("/") else {
                    throw StorageError(
                        .configuration,
                        "a {\(field.rawValue)} that is empty or holds '/' can't be in a name"
                    )
                }
                text += value
            }
        }
        return try ObjectKey(text)
    }

    package var description: String {
        parts.map { part in
            switch part {
            case .literal(let literal): literal
            case .field(let field): "{\(field.rawValue)}"
            }
        }.joined()
    }

    private static let maximumSlugLength = 48

    private static func value(of field: Field, in values: Values) -> String {
        switch field {
        case .id: values.id
        case .index: String(values.index)
        case .ext: values.ext
        case .date: values.day
        case .slug: slug(of: values.prompt)
        }
    }

    // Letters beyond ASCII are left out rather than transcribed: the slug helps a reader, the id identifies.
    private static func slug(of prompt: String) -> String {
        var slug = ""
        for scalar in prompt.unicodeScalars where slug.utf8.count < maximumSlugLength {
            if scalar.isASCII, scalar.properties.isAlphabetic || scalar.properties.numericType != nil {
                slug += scalar.properties.lowercaseMapping
            } else if !slug.isEmpty, !slug.hasSuffix("-") {
                slug += "-"
            }
        }
        if slug.hasSuffix("-") { slug.removeLast() }
        return slug.isEmpty ? "untitled" : slug
    }

    private static func parse(_ text: String) throws(StorageError) -> [Part] {
        var parts: [Part] = []
        var rest = text[...]
        while let brace = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
            if brace != rest.startIndex { parts.append(.literal(String(rest[..<brace]))) }
            guard rest[brace] == "{", let end = rest[brace...].firstIndex(of: "}") else {
                throw refusal(text, "its braces don't match")
            }
            let name = String(rest[rest.index(after: brace)..<end])
            guard let field = Field(rawValue: name) else {
                let known = Field.allCases.map { "{\($0.rawValue)}" }.joined(separator: ", ")
                throw refusal(text, "{\(name)} is unknown; there are \(known)")
            }
            parts.append(.field(field))
            rest = rest[rest.index(after: end)...]
        }
        if !rest.isEmpty { parts.append(.literal(String(rest))) }
        return parts
    }

    private static func refusal(_ text: String, _ reason: String) -> StorageError {
        StorageError(.configuration, "'\(text)' can't be a pattern for file names: \(reason)")
    }
}
