import Storage

private let section = "Methods, get"

extension StorageBehaviour {
    static let readCases: [BehaviourCase] = [
        BehaviourCase(
            "read_full",
            "An object is read back byte for byte.",
            need: .get,
            advice: "write the whole content to the file at path before you answer",
            section: section
        ) { trial throws(CaseEnd) in
            for (name, size) in [("small", 1), ("larger", 300_000)] {
                let key = try trial.key(name)
                let content = trial.content(size)
                try await trial.put(key, content)
                try await trial.expectRead(key, content)
            }
        },
        BehaviourCase(
            "read_empty_content",
            "An object of no bytes is read back as a file of no bytes.",
            need: .get,
            advice: "make the file at path also when there is nothing to write to it",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("empty.txt")
            let content = trial.content(0)
            try await trial.put(key, content)
            try await trial.expectRead(key, content)
        },
        BehaviourCase(
            "read_not_exist",
            "Reading what is not there answers absent and leaves no file.",
            need: .get,
            advice: "find the object before you make the file at path, or remove the file",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("never.png")
            let path = trial.newPath()
            defer { WorkFolder.remove(path) }
            if case .present = try await trial.get(key, to: path) {
                throw .failed("get says that an object is there that was never put")
            }
            guard !WorkFolder.exists(path) else { throw .failed("get of what is absent left a file") }
        },
        BehaviourCase(
            "read_with_special_chars",
            "A read finds exactly the key that was put, whatever characters it holds.",
            need: .get,
            advice: "encode keys in get as you do in put",
            section: "Methods, Keys"
        ) { trial throws(CaseEnd) in
            let key = try trial.key(specialName)
            let content = trial.content()
            try await trial.put(key, content)
            try await trial.expectRead(key, content)
        },
        BehaviourCase(
            "presign_read",
            "A presigned URL reads the object without further credentials.",
            need: .presign,
            advice: "sign for GET and for the key as it is stored, or do not declare the capability presign",
            section: "Methods, presign"
        ) { trial throws(CaseEnd) in
            let key = try trial.key(specialName)
            let content = trial.content(10_000)
            try await trial.put(key, content)
            let url: String?
            do {
                url = try await trial.backend.presign(key, for: .seconds(300))
            } catch {
                throw .failed("presign of \(key) failed: \(error)")
            }
            guard let url, let fetch = trial.options.fetch else { throw .failed("presign answered no URL") }
            let bytes: [UInt8]
            do { bytes = try await fetch(url) } catch { throw .failed("the presigned URL can't be read: \(error)") }
            guard Content.sha256(of: bytes) == content.sha256 else {
                throw .failed("the presigned URL gives \(bytes.count) bytes that are not the object's \(content.size)")
            }
        },
    ]
}

extension Trial {
    fileprivate func expectRead(_ key: ObjectKey, _ content: Content) async throws(CaseEnd) {
        let path = newPath()
        defer { WorkFolder.remove(path) }
        guard case .present(let object) = try await get(key, to: path) else {
            throw .failed("get says that \(key) is absent, which was put")
        }
        guard object.size == content.size else {
            throw .failed("get tells \(object.size) bytes instead of \(content.size)")
        }
        let read = try measure(path, of: key)
        guard read.size == content.size else {
            throw .failed("\(read.size) bytes were read instead of \(content.size)")
        }
        guard read.sha256 == content.sha256 else {
            throw .failed("the bytes that were read are not those that were put")
        }
    }
}
