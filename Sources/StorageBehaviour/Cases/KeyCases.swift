import Storage

private let section = "Methods, Keys"

/// Keys at the edges of what ``ObjectKey`` allows. A key that is another's folder (`a` beside `a/b`) is not among them: on
/// a file system it can't be stored, and klingd makes none.
extension StorageBehaviour {
    static let keyCases: [BehaviourCase] = [
        BehaviourCase(
            "hostile_keys_longest",
            "Keys with segments of 255 bytes, and of 1,024 bytes in all, are stored like any other.",
            advice: "leave room for the longest keys in what you add to them, such as the names of temporary files",
            section: section
        ) { trial throws(CaseEnd) in
            // What stands before the key in a bucket counts there too.
            let root = trial.backend.url
            let rest =
                ObjectKey.maximumLength - trial.prefix.utf8.count - (root.scheme == "file" ? 0 : root.path.utf8.count)
            let longest = ObjectKey.maximumSegmentLength
            var path = ""
            while rest - path.utf8.count > longest + 2 { path += String(repeating: "s", count: longest) + "/" }
            path += String(repeating: "e", count: min(longest, rest - path.utf8.count))
            for name in [String(repeating: "n", count: longest), path] {
                let key = try trial.key(name)
                let content = trial.content()
                try await trial.put(key, content)
                try await trial.expectPresent(
                    key,
                    content,
                    "after a put under a key of \(key.description.utf8.count) bytes"
                )
                let twin = try trial.key(String(name.dropLast()) + "x")
                try await trial.expectAbsent(twin, "with only a key stored that differs in its last byte")
            }
        },
        BehaviourCase(
            "hostile_keys_deep",
            "A key of a hundred segments is stored like any other.",
            advice: "make folders as deep as the key is",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key(String(repeating: "d/", count: 99) + "a.png")
            let content = trial.content()
            try await trial.put(key, content)
            try await trial.expectPresent(key, content, "after a put")
            let listed = try await trial.listed(trial.prefix).map(\.key)
            guard listed == [key] else { throw .failed("the list shows \(listed.count) objects instead of the one") }
        },
        BehaviourCase(
            "hostile_keys_case_pairs",
            "Keys that differ only in the case of a letter are different keys.",
            advice: "keep the case of keys; where the storage below can't, refuse to be set up on it",
            section: section
        ) { trial throws(CaseEnd) in
            let contents = ["a.png": trial.content(100), "A.png": trial.content(200), "a.PNG": trial.content(300)]
            for (name, content) in contents { try await trial.put(try trial.key(name), content) }
            for (name, content) in contents {
                try await trial.expectPresent(try trial.key(name), content, "beside keys in another case")
            }
        },
        BehaviourCase(
            "hostile_keys_part_names",
            "Keys that look like temporary files are keys like any other.",
            advice: "begin the names of your temporary files with a dot, which no key does",
            section: section
        ) { trial throws(CaseEnd) in
            let names = [
                "a.part", "a.png.0123456789abcdef.part", "a.tmp", "a.png~", "a.lock", "CON", "nul.png", "--", "-rf",
            ]
            .filter { (try? ObjectKey($0)) != nil }
            let content = trial.content()
            for name in names { try await trial.put(try trial.key(name), content) }
            for name in names {
                try await trial.expectPresent(try trial.key(name), content, "beside other odd names")
            }
            let listed = try await trial.listed(trial.prefix)
            guard listed.count == names.count else {
                throw .failed("of \(names.count) objects with odd names \(listed.count) are listed")
            }
        },
        BehaviourCase(
            "hostile_keys_prefixes",
            "A key that is the beginning of another is a key of its own.",
            advice: "compare whole keys in head, put and delete",
            section: section
        ) { trial throws(CaseEnd) in
            let names = ["a/b", "a/bc", "a/b-c", "a/bcd/e", "ab"]
            for (number, name) in names.enumerated().reversed() {
                try await trial.expectAbsent(try trial.key(name), "with only longer keys stored")
                try await trial.put(try trial.key(name), trial.content(100 + number))
            }
            for (number, name) in names.enumerated() {
                guard case .present(let object) = try await trial.head(try trial.key(name)) else {
                    throw .failed("\(name) is absent beside longer keys")
                }
                guard object.size == Int64(100 + number) else {
                    throw .failed("\(name) has \(object.size) bytes instead of \(100 + number): another key's object")
                }
            }
        },
    ]
}
