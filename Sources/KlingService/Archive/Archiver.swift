import Crypto
import GenerationTasks
import HTTPTransport
import ImageHeader
import JSON
import Storage
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Brings the images of finished jobs home: from the provider's URLs through the spool into the user's storage.
actor Archiver {
    /// Tasks stored at once. Their images come one after the other, so memory does not grow with their number.
    static let inFlightLimit = 6

    private let executor: any SerialExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let table: TaskTable
    private let source: any TaskLookUp
    private let fetch: ImageFetch
    private let places: StoragePlaces
    private let spool: String
    private let reached: @Sendable (CrashPoint) -> Void
    private let time: any TimeSource
    private let jitter: @Sendable () -> Double
    private let bell = Bell()
    private var queue = DueQueue()
    private var inFlight: Set<TaskID> = []
    private var troubles: [TaskID: ArchiveTrouble] = [:]
    /// Storage that was found ready and has not failed since.
    private var ready: Set<StorageURL> = []

    /// What is to be done after an image could not be stored.
    private enum NextStep {
        case again
        case later(TaskError, Duration)
        case giveUp(TaskError)
    }

    init(
        executor: any SerialExecutor,
        table: TaskTable,
        source: any TaskLookUp,
        fetch: ImageFetch,
        places: StoragePlaces,
        spool: String,
        reached: @escaping @Sendable (CrashPoint) -> Void,
        time: any TimeSource,
        jitter: @escaping @Sendable () -> Double
    ) {
        self.executor = executor
        self.table = table
        self.source = source
        self.fetch = fetch
        self.places = places
        self.spool = spool
        self.reached = reached
        self.time = time
        self.jitter = jitter
    }

    /// Tasks whose images are on their way.
    var storing: Int { queue.count + inFlight.count }

    /// Takes note of a task as it is now.
    func consider(_ news: TaskNews) {
        let task = news.task
        guard task.state == .storing, news.isOurs else {
            troubles[task.id] = nil
            return queue.remove(task.id)
        }
        guard !inFlight.contains(task.id), !queue.contains(task.id) else { return }
        queue.add(task.id, at: time.now)
        bell.ring()
    }

    /// Stores until cancelled; what is under way is then left for another time.
    func run() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                while inFlight.count < Self.inFlightLimit, let id = queue.takeDue(at: time.now) {
                    inFlight.insert(id)
                    group.addTask { await self.archive(id) }
                }
                await bell.wait(until: inFlight.count < Self.inFlightLimit ? queue.next() : nil, time)
            }
        }
    }

    private func archive(_ id: TaskID) async {
        defer {
            inFlight.remove(id)
            bell.ring()
        }
        while !Task.isCancelled, let task = await table.snapshot(id), task.state == .storing, await table.isOurs(id) {
            switch await storeNext(of: task) {
            case .again: continue
            case .giveUp(let error): _ = try? await table.apply(.resultExpired(error), to: id)
            case .later(let error, let pause):
                guard !Task.isCancelled else { return }
                _ = try? await table.apply(.storingFailed(error), to: id)
                queue.add(id, at: time.now + pause)
                return
            }
        }
    }

    /// Makes sure that a place can be stored to, once.
    func prepare(_ place: StoragePlace) async throws(StorageError) {
        guard !ready.contains(place.backend.url) else { return }
        try await place.backend.prepare()
        ready.insert(place.backend.url)
        SpoolFile.sweep(place.backend.spoolDirectory?.string ?? spool, now: time.date)
    }

    /// Stores the first image that is missing; when none is, the sidecar, which ends the task.
    private func storeNext(of task: GenerationTask) async -> NextStep {
        do {
            let place = try places.place(named: task.storage)
            try await prepare(place)
            guard let image = task.images.first(where: { $0.stored == nil }) else {
                try await storeSidecar(of: task, in: place)
                reached(.sidecarStored)
                try await table.apply(.archived, to: task.id)
                reached(.archived)
                return .again
            }
            return await store(image, of: task, in: place)
        } catch {
            return failed(task.id, error)
        }
    }

    private func store(_ image: TaskImage, of task: GenerationTask, in place: StoragePlace) async -> NextStep {
        let directory = place.backend.spoolDirectory?.string ?? spool
        let unique = UInt64.random(in: 0 ... .max)
        let path = "\(directory)/\(task.id)-\(image.index).\(String(unique, radix: 16))\(SpoolFile.partSuffix)"
        // Gone already when the storage took the file.
        defer { unlink(path) }
        do {
            let fetched = try await fetch.fetch(image.url, into: path)
            reached(.imageFetched)
            let key = try Self.key(
                for: KeyTemplate.defaultForImages,
                task,
                index: image.index,
                ext: fetched.header.mediaType.fileExtension,
                in: place
            )
            let object = try await place.backend.put(
                PutRequest(
                    key: key,
                    source: FilePath(path),
                    size: fetched.bytes,
                    sha256: fetched.sha256,
                    mediaType: fetched.header.mediaType.rawValue,
                    metadata: ["task-id": task.taskID ?? "", "sha256": fetched.sha256],
                    mayTakeSource: place.backend.spoolDirectory != nil
                )
            )
            reached(.imageStored)
            let stored = TaskImage.Stored(
                uri: object.uri,
                path: object.path,
                bytes: fetched.bytes,
                sha256: fetched.sha256,
                mediaType: fetched.header.mediaType.rawValue,
                width: fetched.header.width,
                height: fetched.header.height
            )
            try await table.apply(.imageStored(index: image.index, stored), to: task.id)
            reached(.imageRecorded)
            troubles[task.id]?.stored()
            return .again
        } catch let failure as FetchFailure {
            return await nextStep(after: failure, task)
        } catch {
            return failed(task.id, error)
        }
    }

    private func failed(_ id: TaskID, _ error: any Error) -> NextStep {
        guard let error = error as? StorageError else { return step(id, Self.ledgerTrouble(error)) }
        ready = []
        return step(id, TaskError(error))
    }

    /// Asks the task's troubles what `error` calls for; without `decide`, another time.
    private func step(
        _ id: TaskID,
        _ error: TaskError,
        _ decide: ((inout ArchiveTrouble, Double) -> ArchiveTrouble.Step)? = nil
    ) -> NextStep {
        var trouble = troubles[id] ?? ArchiveTrouble()
        defer { troubles[id] = trouble }
        switch decide?(&trouble, jitter()) ?? trouble.failed(asked: error.retryAfter, jitter: jitter()) {
        case .again: return .again
        case .later(let pause): return .later(error, pause)
        case .giveUp: return .giveUp(Self.expired(error.message))
        }
    }

    private func nextStep(after failure: FetchFailure, _ task: GenerationTask) async -> NextStep {
        switch failure {
        case .unavailable(let error): return step(task.id, error)
        case .spool(let error):
            // The spool is the storage's own, where it has one.
            ready = []
            return step(task.id, error)
        case .broken(let error): return step(task.id, error) { $0.broken(jitter: $1) }
        case .expired(let error):
            let answer = await source.lookUp(task)
            let now = time.now
            switch answer {
            case .found(let report):
                _ = try? await table.apply(.reported(report, byLookUp: true), to: task.id)
                return step(task.id, error) { $0.expired(gotFreshURLs: true, at: now, jitter: $1) }
            case .noSuchTask(let reason), .rejected(let reason), .throttled(let reason), .unavailable(let reason):
                _ = try? await table.apply(.lookUpFailed(reason), to: task.id)
                return step(task.id, reason) { $0.expired(gotFreshURLs: false, at: now, jitter: $1) }
            }
        }
    }

    private static func expired(_ reason: String) -> TaskError {
        let message = "the images were made and paid, but their URLs are gone at the provider: \(reason)"
        return TaskError(.resultExpired, message, charged: .yes)
    }

    private static func ledgerTrouble(_ error: any Error) -> TaskError {
        TaskError(.ledger, "the ledger did not take what was stored: \(error)", charged: .yes, retryable: true)
    }

    private func storeSidecar(of task: GenerationTask, in place: StoragePlace) async throws(StorageError) {
        let content = Sidecar.content(of: task)
        let directory = place.backend.spoolDirectory?.string ?? spool
        let path = "\(directory)/\(task.id).\(UInt64.random(in: 0 ... .max))\(SpoolFile.partSuffix)"
        defer { unlink(path) }
        guard let file = SpoolFile(path: path), file.write(content), file.close() else {
            let isFull = errno == ENOSPC || errno == EDQUOT
            throw StorageError(
                isFull ? .full : .unavailable,
                "the sidecar could not be written to \(path): \(String(cString: strerror(errno)))",
                isRetryable: true
            )
        }
        _ = try await place.backend.put(
            PutRequest(
                key: try Self.key(for: KeyTemplate.defaultForSidecars, task, in: place),
                source: FilePath(path),
                size: Int64(content.count),
                sha256: SHA256.hash(data: content).hex,
                mediaType: "application/json",
                mayTakeSource: place.backend.spoolDirectory != nil
            )
        )
    }

    private static func key(
        for template: KeyTemplate,
        _ task: GenerationTask,
        index: Int = 0,
        ext: String = "",
        in place: StoragePlace
    ) throws(StorageError) -> ObjectKey {
        let values = KeyTemplate.Values(
            id: task.id.description,
            day: task.createdAt.day,
            prompt: task.request["prompt"]?.stringValue ?? "",
            index: index,
            ext: ext
        )
        return try template.key(for: values).placed(below: place.prefix)
    }
}

extension TaskError {
    /// Storage troubles come after payment.
    init(_ error: StorageError) {
        self.init(
            ErrorKind(rawValue: error.kind.rawValue) ?? .storageUnavailable,
            error.message,
            charged: .yes,
            retryable: error.isRetryable,
            retryAfter: error.retryAfter
        )
    }
}
