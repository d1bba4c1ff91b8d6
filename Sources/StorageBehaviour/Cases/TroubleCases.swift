import Storage

extension StorageBehaviour {
    /// How much the memory in use may grow while a large object is put, in bytes.
    private static let mostGrowth: Int64 = 24 << 20

    static let troubleCases: [BehaviourCase] = [
        BehaviourCase(
            "unknown_is_not_absent",
            "When the storage can't be reached, a look-up is an error and never absent, and nothing is said to be stored.",
            need: .unreachable,
            advice: "answer absent only when the storage itself said so; everything else is storage_unavailable",
            section: "Methods, head, and Errors"
        ) { trial throws(CaseEnd) in
            guard let unreachable = trial.options.unreachable else { return }
            let key = try trial.key("a.png")
            if let state = try? await unreachable.head(key) {
                let answer = if case .absent = state { "absent" } else { "present" }
                throw .failed("head answered \(answer) although the storage can't be reached")
            }
            let request = try trial.request(key, trial.content())
            if (try? await unreachable.put(request)) != nil {
                throw .failed("a put succeeded although the storage can't be reached")
            }
            if (try? await unreachable.delete(key)) != nil {
                throw .failed("a delete succeeded although the storage can't be reached")
            }
            if (try? await unreachable.list(prefix: "", after: nil, limit: 1)) != nil {
                throw .failed("a list succeeded although the storage can't be reached")
            }
        },
        BehaviourCase(
            "large_object_flat_memory",
            "A large object is stored with little memory (that of a plugin's own process is not looked at).",
            need: .memoryFigures,
            advice: "pass the content on in parts of a megabyte or so, never as a whole",
            section: "Methods, put",
            patience: 5
        ) { trial throws(CaseEnd) in
            let key = try trial.key("large.bin")
            let content = trial.content(Int(trial.options.largeObjectBytes))
            let request = try trial.request(key, content)
            defer { WorkFolder.remove(request.source) }
            PeakMemory.reset()
            guard let before = PeakMemory.bytes else { return }
            try await trial.put(request)
            if let after = PeakMemory.bytes, after - before >= mostGrowth {
                throw .failed(
                    "the put of \(content.size) bytes took \((after - before) >> 20) MiB of memory, and may take "
                        + "\(mostGrowth >> 20) MiB"
                )
            }
            try await trial.expectPresent(key, content, "after the put of a large object")
        },
    ]
}
