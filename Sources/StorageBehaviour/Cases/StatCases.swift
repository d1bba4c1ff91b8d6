import Storage

private let section = "Methods, head"

extension StorageBehaviour {
    static let statCases: [BehaviourCase] = [
        BehaviourCase(
            "stat_file",
            "A look-up tells the key and the size of an object.",
            advice: "answer the size of what is stored, not of what was announced",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            try await trial.put(key, trial.content(4_321))
            guard case .present(let object) = try await trial.head(key) else {
                throw .failed("head says that an object is absent that was put")
            }
            guard object.key == key else { throw .failed("head of \(key) tells the key \(object.key)") }
            guard object.size == 4_321 else { throw .failed("head tells \(object.size) bytes instead of 4321") }
        },
        BehaviourCase(
            "stat_not_exist",
            "What was never stored is absent.",
            advice: "answer absent, not an error, when it is known that the key is not there",
            section: section
        ) { trial throws(CaseEnd) in
            try await trial.expectAbsent(try trial.key("never.png"), "without any put")
            try await trial.expectAbsent(try trial.key("no/folder/never.png"), "without any put")
        },
        BehaviourCase(
            "stat_nested_parent_dir",
            "The folder of an object is no object.",
            advice: "answer absent for a key that only leads to other keys",
            section: section
        ) { trial throws(CaseEnd) in
            try await trial.put(try trial.key("day/sub/a.png"), trial.content())
            try await trial.expectAbsent(try trial.key("day/sub"), "with an object below it")
            try await trial.expectAbsent(try trial.key("day"), "with an object below it")
        },
        BehaviourCase(
            "stat_with_special_chars",
            "A look-up finds exactly the key that was put, whatever characters it holds.",
            advice: "encode keys in one way only, so that two keys never become one",
            section: "Methods, Keys"
        ) { trial throws(CaseEnd) in
            let content = trial.content()
            let key = try trial.key(specialName)
            try await trial.put(key, content)
            try await trial.expectPresent(key, content, "after a put")
            for name in ["a-b_c.d_e_f_g--__________x", "a-b_c.d-e-f-g--__------..x", "a-b_c.defg--__..x"] {
                try await trial.expectAbsent(try trial.key(name), "with only \(key) stored")
            }
        },
        BehaviourCase(
            "stat_sha256",
            "A look-up tells the SHA-256 of what is stored.",
            need: .sha256,
            advice:
                "answer sha256 in 64 lowercase hexadecimal digits, from the stored bytes or from a checksum that the "
                + "storage itself has verified; or do not declare the capability sha256",
            section: section
        ) { trial throws(CaseEnd) in
            for (name, size) in [("empty", 0), ("small", 1_000), ("larger", 300_000)] {
                let key = try trial.key(name)
                let content = trial.content(size)
                try await trial.put(key, content)
                guard case .present(let object) = try await trial.head(key) else { throw .failed("head says absent") }
                guard object.sha256 == content.sha256 else {
                    throw .failed("head tells the SHA-256 \(object.sha256 ?? "(none)") instead of \(content.sha256)")
                }
            }
        },
        BehaviourCase(
            "stat_after_delete",
            "What was deleted is absent.",
            advice: "return from delete when the object is gone for every reader",
            section: "Methods, delete"
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            try await trial.put(key, trial.content())
            try await trial.delete(key)
            try await trial.expectAbsent(key, "after a delete")
        },
    ]
}
