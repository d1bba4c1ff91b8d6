import Storage

private let section = "Methods, put, and capabilities"

extension StorageBehaviour {
    private static let writers = 8

    static let concurrencyCases: [BehaviourCase] = [
        BehaviourCase(
            "concurrent_writers_same_bytes",
            "Several puts of the same content under one key at once all succeed.",
            advice: "when another writer was first, compare its content with yours before you answer conflict",
            section: section
        ) { trial throws(CaseEnd) in
            let key = try trial.key("a.png")
            let content = trial.content(40_000)
            var requests: [PutRequest] = []
            for _ in 0..<writers { requests.append(try trial.request(key, content)) }
            for case .failure(let error) in await trial.putAtOnce(requests) {
                throw .failed("of \(writers) puts of the same content one failed: \(error)")
            }
            try await trial.expectPresent(key, content, "after \(writers) puts of the same content at once")
        },
        BehaviourCase(
            "concurrent_writers_different_bytes",
            "Of several puts of different content under one key at once, the object is that of one that succeeded.",
            advice:
                "give each put a temporary name of its own, publish in one step, and answer an error to who did not "
                + "store",
            section: section
        ) { trial throws(CaseEnd) in
            let (contents, outcomes, key) = try await trial.race()
            let winners = zip(contents, outcomes).compactMap { (try? $1.get()) == nil ? nil : $0 }
            guard !winners.isEmpty else {
                let error = outcomes.compactMap(\.storageError).first.map(String.init(describing:)) ?? ""
                throw .failed("of \(writers) puts at once none succeeded: \(error)")
            }
            try await trial.expectPresent(key, oneOf: winners, "after \(writers) puts of different content at once")
        },
        BehaviourCase(
            "concurrent_writers_exclusive_create",
            "Of several puts of different content under one new key at once exactly one succeeds, and the others are told "
                + "of the conflict.",
            need: .exclusiveCreate,
            advice: "create with a condition that the storage itself checks (link, O_EXCL, If-None-Match), or do not "
                + "declare the capability exclusive_create",
            section: section
        ) { trial throws(CaseEnd) in
            let (contents, outcomes, key) = try await trial.race()
            let winners = zip(contents, outcomes).compactMap { (try? $1.get()) == nil ? nil : $0 }
            guard winners.count == 1 else {
                throw .failed("of \(writers) puts of different content at once \(winners.count) succeeded")
            }
            for error in outcomes.compactMap(\.storageError) where error.kind != .conflict {
                throw .failed("a put that came second was answered '\(error)' instead of a conflict")
            }
            try await trial.expectPresent(key, winners[0], "after \(writers) puts of different content at once")
        },
        BehaviourCase(
            "concurrent_writers_different_keys",
            "Several puts under different keys at once don't disturb each other.",
            advice: "keep the state of each put apart, and let two puts make the same folder at once",
            section: section
        ) { trial throws(CaseEnd) in
            var requests: [PutRequest] = []
            var expected: [(key: ObjectKey, content: Content)] = []
            for number in 0..<writers {
                let content = trial.content(10_000 + number)
                let key = try trial.key("new/folder/\(number).png")
                expected.append((key, content))
                requests.append(try trial.request(key, content))
            }
            for case .failure(let error) in await trial.putAtOnce(requests) {
                throw .failed("of \(writers) puts under different keys one failed: \(error)")
            }
            for (key, content) in expected {
                try await trial.expectPresent(key, content, "after \(writers) puts under different keys at once")
            }
        },
    ]
}

extension Trial {
    /// Puts of different content under one new key, some of equal length.
    fileprivate func race() async throws(CaseEnd) -> (
        contents: [Content], outcomes: [Result<StoredObject, StorageError>], key: ObjectKey
    ) {
        let key = try key("a.png")
        let contents = (0..<8).map { content(40_000 + $0 / 2) }
        var requests: [PutRequest] = []
        for content in contents { requests.append(try request(key, content)) }
        return (contents, await putAtOnce(requests), key)
    }

    /// Makes all puts at once; the outcomes are in the order of the requests.
    fileprivate func putAtOnce(_ requests: [PutRequest]) async -> [Result<StoredObject, StorageError>] {
        await withTaskGroup(of: (Int, Result<StoredObject, StorageError>).self) { group in
            for (index, request) in requests.enumerated() {
                group.addTask { [backend] in
                    do throws(StorageError) {
                        return (index, .success(try await backend.put(request)))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            var outcomes: [(Int, Result<StoredObject, StorageError>)] = []
            for await outcome in group { outcomes.append(outcome) }
            return outcomes.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}

extension Result where Failure == StorageError {
    fileprivate var storageError: StorageError? {
        if case .failure(let error) = self { error } else { nil }
    }
}
