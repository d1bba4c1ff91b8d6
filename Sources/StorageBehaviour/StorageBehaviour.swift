public import Storage
import SystemPackage

/// Finds out whether a storage keeps the promises of ``StorageBackend``.
///
/// It works below a prefix of its own, deletes what it made, and touches nothing else. It needs no test framework: it is
/// run from command lines as well as from tests.
public struct StorageBehaviour: Sendable {
    /// A storage that gave no answer so many times in a row is not asked further.
    private static let mostSilences = 2

    private let backend: any StorageBackend
    private let options: BehaviourOptions

    /// - Parameters:
    ///   - backend: What is tested. ``StorageBackend/prepare()`` must have succeeded.
    ///   - options: What it is tested with.
    public init(backend: any StorageBackend, options: BehaviourOptions) {
        self.backend = backend
        self.options = options
    }

    /// Every case, in the order in which they are run.
    public static let cases: [BehaviourCase] =
        writeCases + statCases + deleteCases + listCases + readCases + sourceCases + interruptionCases
        + concurrencyCases
        + keyCases + troubleCases

    /// Runs the cases, one after the other.
    ///
    /// When the task is cancelled it tidies up, and returns the results so far.
    ///
    /// - Parameters:
    ///   - only: The names of the cases to run, all without; names that no case has mean nothing.
    ///   - onResult: Called after each case.
    /// - Returns: What came of each case, in the order of ``cases``.
    @discardableResult
    public func run(
        only: Set<String>? = nil,
        onResult: (BehaviourResult) -> Void = { _ in }
    ) async -> [BehaviourResult] {
        var results: [BehaviourResult] = []
        let folder: WorkFolder
        do {
            folder = try WorkFolder(in: options.workDirectory)
        } catch {
            for behaviourCase in Self.cases where only?.contains(behaviourCase.name) ?? true {
                let result = BehaviourResult(
                    behaviourCase,
                    .failed(
                        seen: "no folder can be made in \(options.workDirectory) (\(error))".printable,
                        advice: "give a folder on this machine that can be written"
                    ),
                    duration: .zero
                )
                results.append(result)
                onResult(result)
            }
            return results
        }
        defer { folder.remove() }
        var silences = 0
        for behaviourCase in Self.cases where only?.contains(behaviourCase.name) ?? true {
            if Task.isCancelled { break }
            guard let result = await run(behaviourCase, in: folder, silences: &silences) else { break }
            results.append(result)
            onResult(result)
        }
        await clearPrefix()
        return results
    }

    /// `nil` when the task was cancelled meanwhile.
    private func run(
        _ behaviourCase: BehaviourCase,
        in folder: WorkFolder,
        silences: inout Int
    ) async -> BehaviourResult? {
        if let reason = reasonToSkip(behaviourCase) {
            return BehaviourResult(behaviourCase, .skipped(reason: reason), duration: .zero)
        }
        guard silences < Self.mostSilences else {
            let reason = "not run: the storage gave no answer \(silences) times in a row"
            return BehaviourResult(behaviourCase, .skipped(reason: reason), duration: .zero)
        }
        let trial = Trial(behaviourCase, backend: backend, options: options, folder: folder)
        let limit = options.caseTimeout * behaviourCase.patience
        let clock = ContinuousClock()
        let start = clock.now
        let end: Result<Void, CaseEnd>? = await TimeLimit.run(limit, clock: options.clock) {
            do throws(CaseEnd) {
                try await behaviourCase.body(trial)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        let duration = clock.now - start
        let isCancelled = Task.isCancelled
        let leftBehind = await deleteAll(trial.keys)
        if isCancelled { return nil }
        let outcome: BehaviourOutcome
        switch end {
        case nil:
            silences += 1
            outcome = .failed(
                seen: "did not answer within \(limit.formattedSeconds)",
                advice: "bound every operation in time and answer with storage_unavailable when it is over"
            )
        case .success?:
            silences = 0
            outcome = .passed
        case .failure(.failed(let seen))?:
            silences = 0
            outcome = .failed(seen: seen.printable, advice: behaviourCase.advice)
        case .failure(.skipped(let reason))?:
            outcome = .skipped(reason: reason.printable)
        }
        return BehaviourResult(behaviourCase, outcome, duration: duration, leftBehind: leftBehind)
    }

    private func reasonToSkip(_ behaviourCase: BehaviourCase) -> String? {
        let capabilities = backend.capabilities
        switch behaviourCase.need {
        case .nothing: return nil
        case .exclusiveCreate:
            return capabilities.exclusiveCreate ? nil : "the storage does not declare exclusive_create"
        case .metadata: return capabilities.metadata ? nil : "the storage does not declare metadata"
        case .sha256: return capabilities.sha256 ? nil : "the storage does not declare sha256"
        case .get: return capabilities.get ? nil : "the storage does not declare get"
        case .presign:
            guard capabilities.presign else { return "the storage does not declare presign" }
            return options.fetch == nil ? "nothing was given that reads a URL" : nil
        case .spool: return backend.spoolDirectory == nil ? "the storage has no spool folder" : nil
        case .unreachable: return options.unreachable == nil ? "no storage was given that can't be reached" : nil
        case .memoryFigures: return PeakMemory.isKnown ? nil : "this system does not tell how much memory was used"
        }
    }

    /// Deletes, also when this task is cancelled, and returns what could not be deleted.
    private func deleteAll(_ keys: [ObjectKey]) async -> [ObjectKey] {
        let backend = backend
        let deleting = Deleting()
        // In a task of its own, which is awaited: the caller's cancellation must not reach it.
        await Task { [options] in
            await TimeLimit.run(options.caseTimeout, clock: options.clock) {
                for key in keys {
                    do throws(StorageError) { try await backend.delete(key) } catch { continue }
                    deleting.isDeleted(key)
                }
            }
        }.value
        return deleting.others(than: keys)
    }

    /// Deletes what lies below the prefix all the same, such as the object of a put that a server finished after the put
    /// had been cancelled.
    private func clearPrefix() async {
        let backend = backend
        let prefix = "\(options.prefix)/"
        await Task { [options] in
            await TimeLimit.run(options.caseTimeout, clock: options.clock) {
                var cursor: String?
                // More pages than the suite can fill; a listing may be one of the things that don't work.
                for _ in 0..<10 {
                    guard let page = try? await backend.list(prefix: prefix, after: cursor, limit: 1_000) else {
                        return
                    }
                    for object in page.objects where object.key.description.utf8.starts(with: prefix.utf8) {
                        try? await backend.delete(object.key)
                    }
                    guard let next = page.next else { return }
                    cursor = next
                }
            }
        }.value
    }
}

extension Duration {
    /// Such as `60 s` or `0.25 s`.
    fileprivate var formattedSeconds: String {
        let (seconds, attoseconds) = components
        let milliseconds = attoseconds / 1_000_000_000_000_000
        return milliseconds == 0 ? "\(seconds) s" : "\(Double(seconds) + Double(milliseconds) / 1_000) s"
    }
}
