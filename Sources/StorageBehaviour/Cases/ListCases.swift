import Storage

private let section = "Methods, list"

extension StorageBehaviour {
    static let listCases: [BehaviourCase] = [
        BehaviourCase(
            "list_prefix",
            "A listing shows the keys that begin with the prefix, with their sizes, and no others.",
            advice: "compare keys from their first byte, and tell the size of each object",
            section: section
        ) { trial throws(CaseEnd) in
            let sizes: [String: Int] = ["day/a.png": 10, "day/b.png": 2_000, "other/a.png": 30]
            for (name, size) in sizes.sorted(by: { $0.key < $1.key }) {
                try await trial.put(try trial.key(name), trial.content(size))
            }
            let listed = try await trial.listed(trial.prefix + "day/")
            try trial.expect(listed, toShow: ["day/a.png", "day/b.png"])
            for object in listed {
                let size = sizes[String(object.key.description.dropFirst(trial.prefix.count))]
                guard size.map(Int64.init) == object.size else {
                    throw .failed("\(object.key) is listed with \(object.size) bytes instead of \(size ?? 0)")
                }
            }
        },
        BehaviourCase(
            "list_prefix_within_a_segment",
            "A prefix is any beginning of a key, not only whole segments.",
            advice: "find the folder in which the prefix ends, and filter the names in it",
            section: section
        ) { trial throws(CaseEnd) in
            try await trial.putAll(["day-1/a.png", "day-2/a.png", "da.png", "night/a.png"])
            try trial.expect(await trial.listed(trial.prefix + "day-"), toShow: ["day-1/a.png", "day-2/a.png"])
            try trial.expect(await trial.listed(trial.prefix + "day-1/a.p"), toShow: ["day-1/a.png"])
        },
        BehaviourCase(
            "list_non_exist_dir",
            "Where nothing lies a listing is empty, and no error.",
            advice: "answer an empty list for a folder that does not exist",
            section: section
        ) { trial throws(CaseEnd) in
            try trial.expect(await trial.listed(trial.prefix + "no/folder/"), toShow: [])
            try await trial.putAll(["a.png"])
            try trial.expect(await trial.listed(trial.prefix + "a.png/"), toShow: [])
        },
        BehaviourCase(
            "list_nested_dir",
            "A listing shows objects at every depth, and no folders.",
            advice: "go down into every folder, and leave folders themselves out",
            section: section
        ) { trial throws(CaseEnd) in
            let names = ["1.png", "x/2.png", "x/y/3.png", "x/y/z/4.png"]
            try await trial.putAll(names)
            try trial.expect(await trial.listed(trial.prefix), toShow: names)
        },
        BehaviourCase(
            "list_file",
            "A prefix that is a whole key shows that object, with what else begins so.",
            advice: "treat a prefix as a beginning of keys, also when it is a key itself",
            section: section
        ) { trial throws(CaseEnd) in
            try await trial.putAll(["a.png", "a.png.json", "b.png"])
            try trial.expect(await trial.listed(trial.prefix + "a.png"), toShow: ["a.png", "a.png.json"])
        },
        BehaviourCase(
            "list_rich_dir",
            "A listing shows each object once, however close the names of objects and folders are.",
            advice: "look into every folder, and show what is an object, not the folder itself",
            section: section
        ) { trial throws(CaseEnd) in
            let names = [
                "Z.png", "a!/1.png", "a-/1.png", "a.png", "a/1.png", "a/2/1.png", "a0.png", "b/1.png", "b0.png",
            ]
            try await trial.putAll(names.reversed())
            try trial.expect(await trial.listed(trial.prefix), toShow: names)
        },
        BehaviourCase(
            "list_with_limit",
            "A page holds at most as many objects as asked for, and all pages together hold each object once.",
            advice: "stop at limit, and answer next as long as objects follow",
            section: section
        ) { trial throws(CaseEnd) in
            let names = ["1.png", "2.png", "3/4.png", "3/5.png", "6.png"]
            try await trial.putAll(names)
            for limit in [1, 2, 5] {
                // Twice as many as needed, as pages may hold fewer than the limit.
                let pages = try await trial.pages(trial.prefix, limit: limit, atMost: 12)
                if let page = pages.first(where: { $0.objects.count > limit }) {
                    throw .failed("a page has \(page.objects.count) objects where at most \(limit) were asked for")
                }
                try trial.expect(pages.flatMap(\.objects), toShow: names)
            }
        },
        BehaviourCase(
            "list_with_start_after",
            "A page begins after the last object of the page before it.",
            advice: "leave out everything up to and including the object at which the page before it ended",
            section: section
        ) { trial throws(CaseEnd) in
            try await trial.putAll(["1.png", "2.png", "3.png"])
            let first = try await trial.page(trial.prefix, limit: 2)
            guard let cursor = first.next else {
                throw .failed("a page of 2 that left objects out has no next")
            }
            let second = try await trial.page(trial.prefix, after: cursor, limit: 2)
            let rest = ["1.png", "2.png", "3.png"].filter { !first.objects.map { trial.name(of: $0) }.contains($0) }
            try trial.expect(second.objects, toShow: rest)
        },
        BehaviourCase(
            "list_root_with_recursive",
            "With an empty prefix a listing goes through the whole storage.",
            advice: "let an empty prefix match every key",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("deep/down/a.png")
            try await trial.put(key, trial.content())
            var cursor: String?
            // The storage may hold any number of other objects; a look at 20,000 is enough.
            for _ in 0..<20 {
                let page = try await trial.page("", after: cursor, limit: 1_000)
                if page.objects.contains(where: { $0.key == key }) { return }
                guard let next = page.next else {
                    throw .failed("\(key) is not listed with an empty prefix")
                }
                cursor = next
            }
            throw .skipped("the storage holds more than 20000 other objects")
        },
        BehaviourCase(
            "list_after_delete",
            "A listing does not show what was deleted, and goes on past it.",
            advice: "take cursors as a position, not as an object that must still exist",
            section: section
        ) { trial throws(CaseEnd) in
            try await trial.putAll(["1.png", "2.png", "3.png"])
            let first = try await trial.page(trial.prefix, limit: 1)
            guard let cursor = first.next, let object = first.objects.first else {
                throw .failed("a page of 1 that left objects out has no object or no next")
            }
            try await trial.delete(object.key)
            let rest = ["1.png", "2.png", "3.png"].filter { $0 != trial.name(of: object) }
            let second = try await trial.page(trial.prefix, after: cursor, limit: 10)
            try trial.expect(second.objects, toShow: rest)
            try trial.expect(await trial.listed(trial.prefix), toShow: rest)
        },
    ]
}

extension Trial {
    /// Puts small objects of these names.
    fileprivate func putAll(_ names: [String]) async throws(CaseEnd) {
        for name in names { try await put(try key(name), content(100)) }
    }

    /// The key without the prefix of the case, or the whole key when it is another's.
    fileprivate func name(of object: ObjectSummary) -> String {
        let key = object.key.description
        return key.hasPrefix(prefix) ? String(key.dropFirst(prefix.count)) : key
    }

    /// The objects are exactly those of these names, in any order.
    fileprivate func expect(_ objects: [ObjectSummary], toShow names: [String]) throws(CaseEnd) {
        let shown = objects.map { name(of: $0) }.sorted()
        guard shown != names.sorted() else { return }
        throw .failed(
            "the list shows [\(shown.joined(separator: " "))] instead of [\(names.sorted().joined(separator: " "))]"
        )
    }
}
