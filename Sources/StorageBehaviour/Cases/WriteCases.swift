import Storage
import SystemPackage

private let section = "Methods, put"

extension StorageBehaviour {
    static let writeCases: [BehaviourCase] = [
        BehaviourCase(
            "check",
            "A storage that is ready can be made ready again.",
            advice: "let prepare (initialize) succeed on a storage that is set up already, and change nothing",
            section: "Life cycle"
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            let content = trial.content()
            try await trial.put(key, content)
            do { try await trial.backend.prepare() } catch { throw .failed("prepare failed: \(error)") }
            try await trial.expectPresent(key, content, "after the storage was made ready again")
        },
        BehaviourCase(
            "write_only",
            "What was put is there, with all of its bytes.",
            advice: "return from put when the object is complete under its key, and not before",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            let content = trial.content(100_000)
            try await trial.put(key, content)
            try await trial.expectPresent(key, content, "after a put")
        },
        BehaviourCase(
            "write_with_empty_content",
            "A file of no bytes is stored like any other.",
            advice: "store an object of size 0 without treating it as absent",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("empty.txt")
            let content = trial.content(0)
            try await trial.put(key, content)
            try await trial.expectPresent(key, content, "after a put of no bytes")
        },
        BehaviourCase(
            "write_with_special_chars",
            "Every character that a key may hold is kept as it is: a listing shows the key that was put.",
            advice: "encode keys where your storage needs it, and decode them when you list",
            section: "Methods, Keys"
        ) { trial throws(CaseEnd) in
            let key = try trial.key(specialName)
            let content = trial.content()
            try await trial.put(key, content)
            try await trial.expectPresent(key, content, "after a put")
            let listed = try await trial.listed(trial.prefix).map(\.key.description)
            guard listed == [key.description] else { throw .failed("instead of \(key), the list shows \(listed)") }
        },
        BehaviourCase(
            "write_returns_metadata",
            "A put answers the key, the size and the place of the object, and that it was not there before.",
            advice: "answer the size that is stored, a uri, and was_there only when the same content was there before",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            let stored = try await trial.put(key, trial.content(1_234))
            guard stored.key == key else { throw .failed("the answer names \(stored.key) instead of \(key)") }
            guard stored.size == 1_234 else { throw .failed("the answer says \(stored.size) bytes instead of 1234") }
            guard !stored.uri.isEmpty else { throw .failed("the answer has an empty uri") }
            guard !stored.wasThere else { throw .failed("the answer says that a new object was there before") }
        },
        BehaviourCase(
            "write_with_content_type",
            "The media type is kept with the object.",
            need: .metadata,
            advice: "keep media_type and answer it from head, or do not declare the capability metadata",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.webp")
            try await trial.put(try trial.request(key, trial.content(), mediaType: "image/webp"))
            guard case .present(let object) = try await trial.head(key) else { throw .failed("head says absent") }
            guard object.mediaType == "image/webp" else {
                throw .failed("head tells the media type \(object.mediaType ?? "(none)") instead of image/webp")
            }
        },
        BehaviourCase(
            "write_with_user_metadata",
            "Metadata is kept with the object.",
            need: .metadata,
            advice: "keep every member of metadata and answer it from head, names in lowercase, or do not declare the "
                + "capability metadata",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            let metadata = ["klingd-task": "0199c0de", "klingd-index": "0"]
            try await trial.put(try trial.request(key, trial.content(), metadata: metadata))
            guard case .present(let object) = try await trial.head(key) else { throw .failed("head says absent") }
            for (name, value) in metadata.sorted(by: { $0.key < $1.key }) where object.metadata[name] != value {
                throw .failed("head tells \(name): \(object.metadata[name] ?? "(nothing)") instead of \(value)")
            }
        },
        BehaviourCase(
            "write_with_if_not_exists",
            "Other content under a key is kept: a put of something else is refused as a conflict.",
            need: .exclusiveCreate,
            advice:
                "create the object only if it does not exist, and answer conflict when other content is there, or do "
                + "not declare the capability exclusive_create",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            let (first, second) = (trial.content(), trial.content())
            try await trial.put(key, first)
            let request = try trial.request(key, second)
            do throws(StorageError) {
                try await trial.backend.put(request)
            } catch {
                guard error.kind == .conflict else {
                    throw CaseEnd.failed("instead of a conflict, put answered \(error)")
                }
                try await trial.expectPresent(key, first, "after a put of other content was refused")
                return
            }
            throw .failed("a put of other content under the same key succeeded")
        },
        BehaviourCase(
            "write_after_delete",
            "A key can be used again after its object was deleted.",
            advice: "let nothing remain of a deleted object that hides or refuses a new one",
            section: "Methods, delete"
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            let (first, second) = (trial.content(1_000), trial.content(2_000))
            try await trial.put(key, first)
            try await trial.delete(key)
            try await trial.put(key, second)
            try await trial.expectPresent(key, second, "after a delete and another put")
        },
        BehaviourCase(
            "write_keeps_source",
            "The file that is put is klingd's: it is read and left as it is.",
            advice: "never move, remove or change the file at path",
            section: section
        ) { trial throws(CaseEnd) in
            let content = trial.content()
            let request = try trial.request(try trial.key("a.png"), content)
            try await trial.put(request)
            guard WorkFolder.exists(request.source) else { throw .failed("after a put, its source is gone") }
            let source = try trial.measure(request.source, of: request.key)
            guard source.sha256 == content.sha256 else { throw .failed("after a put, its source has changed") }
        },
        BehaviourCase(
            "write_takes_source_from_spool",
            "A file in the spool folder that may be taken is stored and no longer in the spool.",
            need: .spool,
            advice: "link or rename the file, or copy it and remove it; or answer no spool folder",
            section: section
        ) { trial throws(CaseEnd) in
            guard let spool = trial.backend.spoolDirectory else { return }
            let key = try trial.key("a.png")
            let content = trial.content(100_000)
            let name = "klingd-behaviour-\(String(trial.withRandom { $0.next() }, radix: 16))"
            let request = try trial.request(key, content, at: spool.appending(name), mayTakeSource: true)
            defer { WorkFolder.remove(request.source) }
            try await trial.put(request)
            try await trial.expectPresent(key, content, "after a put from the spool folder")
            guard !WorkFolder.exists(request.source) else {
                throw .failed("after a put, the file that could be taken is still in the spool folder")
            }
        },
        BehaviourCase(
            "overwrite_with_same_bytes",
            "The same content under the same key again is success.",
            advice: "look at what is there before you refuse: klingd puts again after a crash",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            let content = trial.content()
            try await trial.put(key, content)
            try await trial.put(key, content)
            try await trial.expectPresent(key, content, "after the same put twice")
        },
        BehaviourCase(
            "overwrite_with_other_bytes",
            "A put of other content either succeeds and replaces all of it, or fails and changes nothing.",
            advice: "replace objects in one step, or refuse with conflict",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            let (old, new) = (trial.content(2_000), trial.content(1_500))
            try await trial.put(key, old)
            let request = try trial.request(key, new)
            do throws(StorageError) {
                try await trial.backend.put(request)
            } catch {
                try await trial.expectPresent(key, old, "after a put of other content failed")
                return
            }
            try await trial.expectPresent(key, new, "after a put of other content succeeded")
        },
    ]
}

/// Every character of keys that is no letter and no digit.
let specialName = "a-b_c.d!e(f)g--__!!((..x"
