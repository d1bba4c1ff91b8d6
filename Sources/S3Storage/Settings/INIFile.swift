import Storage

/// A file in the INI dialect of AWS's tools, read as botocore reads it (Python's `configparser`). What other SDKs of AWS
/// allow is allowed too: a comment behind a value and white space, and white space inside the brackets of a section. A
/// byte order mark is skipped, and a section `[DEFAULT]` is one like any other.
///
/// Lines that are indented deeper than the setting above them belong to it. When nothing follows its `=` they are
/// settings inside it. Names of settings have no case, names of nested ones and of sections do.
struct INIFile: Sendable {
    struct Value: Sendable, Hashable {
        /// Of several lines when it goes on in indented ones; empty when it has nested settings.
        var text: String
        /// From 1.
        var line: Int
        var nested: [String: Value] = [:]
    }

    struct Section: Sendable {
        var name: String
        /// By name in lower case.
        var values: [String: Value] = [:]
    }

    /// In their order of appearance.
    private(set) var sections: [Section] = []

    /// Throws ``StorageErrorKind/configuration`` with `path` and the line that can't be read, and no part of the line: it
    /// may be a secret.
    init(_ text: String, path: String) throws(StorageError) {
        func unreadable(_ line: Int, _ why: String) -> StorageError {
            StorageError(.configuration, "\(path) line \(line): \(why)")
        }
        var parsed: [Section] = []
        // Where the last line that was no continuation begins.
        var indentation = 0
        var setting: (name: String, lines: [Value])?
        func finishSetting() throws(StorageError) {
            guard let finished = setting else { return }
            parsed[parsed.count - 1].values[finished.name] = try Value(finished.lines, unreadable: unreadable)
            setting = nil
        }
        let lines = text.drop { $0 == "\u{FEFF}" }.split(omittingEmptySubsequences: false) {
            $0 == "\n" || $0 == "\r\n" || $0 == "\r"
        }
        for (line, number) in zip(lines, 1...) {
            let content = line.trimmed
            if content.hasPrefix("#") || content.hasPrefix(";") { continue }
            if content.isEmpty {
                setting?.lines.append(Value(text: "", line: number))
                continue
            }
            let column = line.prefix(while: \.isWhitespace).count
            if setting != nil, column > indentation {
                setting?.lines.append(Value(text: String(line.withoutComment.trimmed), line: number))
                continue
            }
            try finishSetting()
            indentation = column
            if content.hasPrefix("["), let name = content.withoutComment.sectionName {
                guard !parsed.contains(where: { $0.name == name }) else {
                    throw unreadable(number, "a section of this name was there before: join the two")
                }
                parsed.append(Section(name: name))
                continue
            }
            guard let last = parsed.last else { throw unreadable(number, "a [section] must come first") }
            guard let delimiter = content.firstIndex(where: { $0 == "=" || $0 == ":" }),
                case let name = content[..<delimiter].trimmed.lowercased(), !name.isEmpty
            else { throw unreadable(number, "it must be 'name = value', a [section], or a comment that begins with #") }
            guard last.values[name] == nil else {
                throw unreadable(number, "its section has a setting of this name already: remove one")
            }
            let value = content[content.index(after: delimiter)...].withoutComment.trimmed
            setting = (name, [Value(text: String(value), line: number)])
        }
        try finishSetting()
        sections = parsed
    }

    /// The section of exactly this name.
    subscript(name: String) -> Section? { sections.first { $0.name == name } }
}

extension INIFile.Value {
    /// What the lines of a setting come to: the one behind its `=`, and those that were indented below it.
    fileprivate init(_ lines: [Self], unreadable: (Int, String) -> StorageError) throws(StorageError) {
        guard let first = lines.first else {
            self.init(text: "", line: 0)
            return
        }
        let hasNested = first.text.isEmpty && lines.contains { !$0.text.isEmpty }
        self.init(text: "", line: first.line)
        guard hasNested else {
            let end = (lines.lastIndex { !$0.text.isEmpty } ?? -1) + 1
            text = lines[..<end].map(\.text).joined(separator: "\n")
            return
        }
        for line in lines where !line.text.isEmpty {
            guard let delimiter = line.text.firstIndex(of: "=") else {
                throw unreadable(line.line, "an indented line below a setting without a value must be 'name = value'")
            }
            let value = line.text[line.text.index(after: delimiter)...].trimmed
            nested[String(line.text[..<delimiter].trimmed)] = Self(text: String(value), line: line.line)
        }
    }
}

extension INIFile: CustomStringConvertible, CustomReflectable {
    /// Names of sections only: values can be secrets.
    var description: String { sections.map(\.name).joined(separator: ", ") }

    var customMirror: Mirror { Mirror(self, children: ["sections": description]) }
}

extension StringProtocol where SubSequence == Substring {
    /// Without white space around.
    var trimmed: Substring {
        let start = drop(while: \.isWhitespace)
        let end = start.lastIndex { !$0.isWhitespace }.map { start.index(after: $0) } ?? start.startIndex
        return start[..<end]
    }

    /// Up to a comment behind white space.
    fileprivate var withoutComment: Substring {
        var isBehindSpace = false
        for index in indices {
            if isBehindSpace, self[index] == "#" || self[index] == ";" { return self[..<index] }
            isBehindSpace = self[index].isWhitespace
        }
        return self[...]
    }

    /// What stands in the brackets of a line that begins with one; `nil` when there is no such thing.
    fileprivate var sectionName: String? {
        guard let close = lastIndex(of: "]") else { return nil }
        let name = self[..<close].dropFirst().trimmed
        return name.isEmpty ? nil : String(name)
    }
}
