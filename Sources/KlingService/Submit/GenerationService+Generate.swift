package import GenerationTasks
package import JSON
import KlingAPI
import Storage

extension GenerationService {
    /// Makes a task, or finds the one that the idempotency key stands for. On return the ledger holds it. `announce` is
    /// told the id before the first version of the task is.
    ///
    /// Storage that cannot be stored to is refused here, where nothing is paid yet.
    package func generate(
        _ command: GenerateCommand,
        announce: @Sendable (TaskID) async -> Void = { _ in }
    ) async throws(TaskError) -> GenerationTask {
        if let missing = configuration.missingCredentials { throw TaskError(.noCredentials, missing) }
        let place = try place(named: command.storage)
        let task = makeTask(command, in: place)
        try await waitForLedger()
        if await !isRepeat(of: task) {
            do {
                try await archiver.prepare(place)
            } catch {
                var refusal = TaskError(error)
                refusal.charged = .no
                throw refusal
            }
        }
        await announce(task.id)
        let body = command.request.body(
            externalTaskID: configuration.dialect.sendsExternalTaskID ? task.externalTaskID : nil
        )
        let new = NewTask(task, body: body, imagesPerDay: configuration.maxImagesPerDay)
        let admission: Admission
        do {
            admission = try await table.admit(new)
        } catch {
            throw TaskError(error)
        }
        switch admission {
        case .inserted(let claimed):
            configuration.reached(.admitted)
            return claimed.task
        case .existing(let first): return await table.snapshot(first.id) ?? first
        case .conflict(let first):
            throw TaskError(
                .conflict,
                "idempotency_key '\(command.idempotencyKey ?? "")' already stands for task \(first.id), which was "
                    + "asked for with other parameters; use another key, or those to get that task",
                pointer: .root.member("idempotency_key")
            )
        case .externalIDTaken(let first):
            throw TaskError(
                .conflict,
                "external_task_id '\(first.externalTaskID)' already stands for task \(first.id), and the provider "
                    + "wants it unique; use another, or an idempotency_key to get the same task again",
                pointer: .root.member("external_task_id")
            )
        case .overDailyLimit(let asked):
            let limit = configuration.maxImagesPerDay.map { "\($0)" } ?? ""
            throw TaskError(
                .limit,
                "asked for today (UTC) so far: \(asked); with \(task.imageCount) more it would be beyond "
                    + "--max-images-per-day \(limit); raise it, or wait for tomorrow"
            )
        }
    }

    /// Whether the task was asked for before under its key: then nothing new is paid, and the answer is that task,
    /// whatever the storage is like today.
    private func isRepeat(of task: GenerationTask) async -> Bool {
        guard task.idempotencyKey != nil, let first = try? await ledger.task(externalTaskID: task.externalTaskID) else {
            return false
        }
        return first.state != .failed
    }

    /// At the start the ledger may be blocked by another process; then this ends as busy, and nothing is charged.
    private func waitForLedger() async throws(TaskError) {
        guard !ledgerIsReady else { return }
        let bell = Bell()
        whenReady.append(bell)
        // Whoever stops waiting for the task has still asked for it: end of input must not void what came before it.
        let (time, deadline) = (time, time.now + Self.patience)
        await Task { await bell.wait(until: deadline, time) }.value
        guard ledgerIsReady else {
            throw TaskError(.busy("another process holds the ledger; nothing was stored, try again"))
        }
    }

    private static let patience = Duration.seconds(10)

    /// Tells what ``generate(_:)`` would send and store, without doing either.
    package func rehearse(_ command: GenerateCommand) throws(TaskError) -> JSONObject {
        let place = try place(named: command.storage)
        let task = makeTask(command, in: place)
        var parameters = command.request.parameters
        if configuration.dialect.sendsExternalTaskID {
            // Without a key of the caller's it is the task's id, which a rehearsal does not make.
            let isKnown = command.request.externalTaskID != nil || command.idempotencyKey != nil
            parameters["external_task_id"] = isKnown ? .string(task.externalTaskID) : "(the task's id)"
        }
        return [
            "dry_run": true,
            "charged": "no",
            "would_send": [
                "provider": .string(configuration.provider),
                "path": .string(configuration.dialect.generationsPath),
                "parameters": .object(parameters),
                "images": .integer(Int64(task.imageCount)),
            ],
            "would_store": ["storage": .string(place.url.description)],
            "credentials": .string(configuration.missingCredentials ?? "present"),
        ]
    }

    func place(named storage: String?) throws(TaskError) -> StoragePlace {
        do {
            return try places.place(named: storage)
        } catch {
            throw TaskError(.storageConfig, error.message, pointer: .root.member("storage"))
        }
    }

    private func makeTask(_ command: GenerateCommand, in place: StoragePlace) -> GenerationTask {
        let now = time.date
        let id = makeID(now)
        let storage = place.url.description
        let fingerprint = TaskIdentity.fingerprint(of: command.request, storage: storage)
        return GenerationTask(
            id: id,
            externalTaskID: TaskIdentity.externalTaskID(
                given: command.request.externalTaskID,
                key: command.idempotencyKey,
                account: configuration.account,
                fingerprint: fingerprint,
                id: id
            ),
            idempotencyKey: command.idempotencyKey,
            fingerprint: fingerprint,
            provider: configuration.provider,
            account: configuration.account,
            request: command.request.parameters,
            imageCount: command.request.n,
            storage: storage,
            createdAt: now
        )
    }
}
