import Storage
import SystemPackage

private let section = "Methods, put"

extension StorageBehaviour {
    static let sourceCases: [BehaviourCase] = [
        BehaviourCase(
            "complete_or_absent_when_the_source_is_short",
            "A file that is shorter than announced is refused as image_unavailable, and nothing is stored.",
            advice: "count the bytes as you read, and publish the object only after you know that all are there",
            section: section
        ) { trial throws(CaseEnd) in
            let content = trial.content(50_000)
            let request = try trial.request(try trial.key("a.png"), content, count: 30_000)
            try await trial.expectSourceRefused(request, "shorter than announced")
        },
        BehaviourCase(
            "complete_or_absent_when_the_source_is_long",
            "A file that is longer than announced is refused as image_unavailable, and nothing is stored.",
            advice: "read on to the end of the file, and publish the object only when it ends where it should",
            section: section
        ) { trial throws(CaseEnd) in
            let content = trial.content(50_000)
            let request = try trial.request(try trial.key("a.png"), content, count: 70_000)
            try await trial.expectSourceRefused(request, "longer than announced")
        },
        BehaviourCase(
            "complete_or_absent_when_the_source_differs",
            "A file of another digest than announced is refused as image_unavailable, and nothing is stored.",
            advice: "compute the SHA-256 as you read, and publish the object only when it is the announced one",
            section: section
        ) { trial throws(CaseEnd) in
            var request = try trial.request(try trial.key("a.png"), trial.content(50_000))
            request.sha256 = trial.content(50_000).sha256
            try await trial.expectSourceRefused(request, "other than announced")
        },
        BehaviourCase(
            "complete_or_absent_when_the_source_is_missing",
            "A file that does not exist is image_unavailable, and nothing is stored.",
            advice: "open the file before you touch the storage, and answer image_unavailable when that fails",
            section: section
        ) { trial throws(CaseEnd) in
            let request = try trial.request(try trial.key("a.png"), trial.content(50_000))
            WorkFolder.remove(request.source)
            try await trial.expectSourceRefused(request, "missing")
        },
        BehaviourCase(
            "kept_when_the_source_is_short",
            "A put that fails keeps what the key held before.",
            advice: "replace an object in one step, after all of the new one is safe",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            let old = trial.content(40_000)
            try await trial.put(key, old)
            let request = try trial.request(key, trial.content(50_000), count: 30_000)
            // Which error is not of interest here: a storage may refuse any other content first.
            if (try? await trial.backend.put(request)) != nil {
                throw .failed("a put whose file is shorter than announced succeeded over other content")
            }
            try await trial.expectPresent(key, old, "after a put over it failed")
        },
    ]
}

extension Trial {
    /// The put fails because of its source, and nothing is to be seen.
    fileprivate func expectSourceRefused(_ request: PutRequest, _ what: String) async throws(CaseEnd) {
        do throws(StorageError) {
            try await backend.put(request)
        } catch {
            try await expectAbsent(request.key, "after a put failed whose file is \(what)")
            let listed = try await listed(request.key.description)
            if let object = listed.first {
                throw CaseEnd.failed("after a put failed whose file is \(what), \(object.key) is listed")
            }
            guard error.kind == .source else {
                throw CaseEnd.failed("a file that is \(what) was refused with '\(error)' and not as image_unavailable")
            }
            return
        }
        throw .failed("a put succeeded whose file is \(what)")
    }
}
