import Storage
import SystemPackage

extension StorageBehaviour {
    /// How many puts are cancelled, each at a moment of its own.
    private static let rounds = 6
    /// More than a pipe or a socket takes at once, in bytes.
    private static let size = 100_000

    static let interruptionCases: [BehaviourCase] = [
        BehaviourCase(
            "complete_or_absent_while_writing",
            "While a put is under way its key shows nothing or all of it.",
            advice: "write under a hidden name and rename, or upload and complete in one step",
            section: "Methods, put"
        ) { trial throws(CaseEnd) in
            for round in 0..<3 {
                let key = try trial.key("\(round).png")
                let content = trial.content(size)
                let request = try trial.request(key, content)
                try await trial.expectWholeOrAbsent(key, content, "before a put")
                let outcome = await trial.put(request) { () throws(CaseEnd) in
                    try await trial.expectWholeOrAbsent(key, content, "while a put is under way")
                }
                WorkFolder.remove(request.source)
                try outcome.get()
                try await trial.expectWholeOrAbsent(key, content, "after a put")
                try await trial.expectPresent(key, content, "after a put")
            }
        },
        BehaviourCase(
            "complete_or_absent_under_cancel",
            "A put that is cancelled at any moment leaves nothing or all of the object.",
            advice: "tidy up what is half-written when you are cancelled, and never where readers look",
            section: "Methods, put, and Notifications"
        ) { trial throws(CaseEnd) in
            let usual = try await trial.usualTime(of: size)
            for round in 0..<rounds {
                let key = try trial.key("\(round).png")
                let content = trial.content(size)
                let when = try await trial.cancelledPut(key, content, usual: usual)
                try await trial.expectWholeOrAbsent(key, content, "after a put was cancelled \(when)")
                // Nothing that is left behind may stand in the way.
                try await trial.put(key, content)
                try await trial.expectPresent(key, content, "after a put was cancelled \(when) and made again")
            }
        },
        BehaviourCase(
            "kept_under_cancel",
            "A put that is cancelled keeps the same content that the key held before.",
            advice: "never remove an object because a later put of it was cancelled",
            section: "Methods, put, and Notifications"
        ) { trial throws(CaseEnd) in
            let usual = try await trial.usualTime(of: size)
            let key = try trial.key("a.png")
            let content = trial.content(size)
            try await trial.put(key, content)
            for _ in 0..<rounds {
                let when = try await trial.cancelledPut(key, content, usual: usual)
                try await trial.expectPresent(key, content, "after a second put of it was cancelled \(when)")
            }
        },
    ]
}

extension Trial {
    /// How long a put of so many bytes takes.
    fileprivate func usualTime(of size: Int) async throws(CaseEnd) -> Duration {
        let clock = ContinuousClock()
        let key = try key("usual.png")
        let request = try request(key, content(size))
        defer { WorkFolder.remove(request.source) }
        let start = clock.now
        try await put(request)
        return clock.now - start
    }

    /// Makes a put and cancels it at a moment within the time that it usually takes, or a little later.
    ///
    /// - Returns: the moment, for people.
    fileprivate func cancelledPut(
        _ key: ObjectKey,
        _ content: Content,
        usual: Duration
    ) async throws(CaseEnd) -> String {
        let moment = usual * withRandom { Double.random(in: 0..<1.2, using: &$0) }
        let request = try request(key, content)
        defer { WorkFolder.remove(request.source) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [backend] in _ = try? await backend.put(request) }
            try? await Task.sleep(for: moment)
            group.cancelAll()
        }
        return "after \(moment.components.attoseconds / 1_000_000_000_000) µs"
    }

    /// Makes a put, and looks again and again until it has ended.
    fileprivate func put(
        _ request: PutRequest,
        while look: @escaping @Sendable () async throws(CaseEnd) -> Void
    ) async -> Result<Void, CaseEnd> {
        await withTaskGroup(of: Result<Void, CaseEnd>?.self) { group in
            group.addTask {
                do throws(CaseEnd) {
                    try await self.put(request)
                    return nil
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                while !Task.isCancelled {
                    do throws(CaseEnd) {
                        try await look()
                    } catch {
                        // The look itself was cut off when the put ended.
                        return Task.isCancelled ? nil : .failure(error)
                    }
                    // A short pause, so that looking does not keep the put from its work.
                    try? await Task.sleep(for: .milliseconds(1))
                }
                return nil
            }
            var outcome = Result<Void, CaseEnd>.success(())
            for await end in group {
                if let end, case .success = outcome { outcome = end }
                if end == nil { group.cancelAll() }
            }
            return outcome
        }
    }
}
