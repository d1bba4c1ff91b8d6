import Storage

private let section = "Methods, delete"

extension StorageBehaviour {
    static let deleteCases: [BehaviourCase] = [
        BehaviourCase(
            "delete_file",
            "A deleted object is gone from look-ups and listings.",
            advice: "remove the object, and its entry wherever you keep one",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            try await trial.put(key, trial.content())
            try await trial.delete(key)
            try await trial.expectAbsent(key, "after a delete")
            let listed = try await trial.listed(trial.prefix)
            guard listed.isEmpty else { throw .failed("after a delete, \(listed[0].key) is still listed") }
        },
        BehaviourCase(
            "delete_not_existing",
            "Deleting what was never there is success.",
            advice: "answer success when there is nothing to delete",
            section: section
        ) { trial throws(CaseEnd) in
            try await trial.delete(try trial.key("never.png"))
            try await trial.delete(try trial.key("no/folder/never.png"))
        },
        BehaviourCase(
            "delete_twice",
            "Deleting an object a second time is success.",
            advice: "answer success when there is nothing left to delete: klingd repeats what it has no answer to",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            try await trial.put(key, trial.content())
            try await trial.delete(key)
            try await trial.delete(key)
            try await trial.expectAbsent(key, "after two deletes")
        },
        BehaviourCase(
            "delete_with_special_chars",
            "A delete finds exactly the key that was put, whatever characters it holds.",
            advice: "encode keys in delete as you do in put",
            section: "Methods, Keys"
        ) { trial throws(CaseEnd) in
            let key = try trial.key(specialName)
            try await trial.put(key, trial.content())
            try await trial.delete(key)
            try await trial.expectAbsent(key, "after a delete")
        },
        BehaviourCase(
            "remove_one_file",
            "A delete leaves every other object as it is.",
            advice: "delete exactly one key, not what begins with it",
            section: section
        ) { trial throws(CaseEnd) in
            let gone = try trial.key("a/b")
            let content = trial.content()
            let neighbours = [
                try trial.key("a/b.png"), try trial.key("a/bc"), try trial.key("a-b"), try trial.key("b"),
            ]
            for key in neighbours + [gone] { try await trial.put(key, content) }
            try await trial.delete(gone)
            for key in neighbours { try await trial.expectPresent(key, content, "after \(gone) was deleted") }
        },
    ]
}
