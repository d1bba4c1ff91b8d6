import GenerationTasks
import JSON

extension TaskID {
    /// The `number`th id of a test.
    static func sample(_ number: Int) -> TaskID {
        var generator = SeededGenerator(seed: UInt64(number))
        return TaskID(at: TestClock.epoch.adding(.milliseconds(number)), random: &generator)
    }
}

extension GenerationTask {
    /// The `number`th task of a test, changed as it likes.
    static func sample(
        _ number: Int = 0,
        imageCount: Int = 1,
        account: String = "account",
        storage: String = "file:///pictures",
        _ change: (inout GenerationTask) -> Void = { _ in }
    ) -> GenerationTask {
        let id = TaskID.sample(number)
        var task = GenerationTask(
            id: id,
            externalTaskID: id.description,
            idempotencyKey: nil,
            fingerprint: "fingerprint",
            provider: "simulator",
            account: account,
            request: ["prompt": "a lighthouse at dusk", "model_name": "kling-v3"],
            imageCount: imageCount,
            storage: storage,
            createdAt: TestClock.epoch
        )
        change(&task)
        return task
    }

    /// The task as JSON text.
    func json(message: String? = nil) -> String {
        var writer = JSONWriter()
        write(to: &writer, message: message)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension TaskImage {
    static func sample(_ index: Int, url: String? = nil) -> TaskImage {
        TaskImage(index: index, url: url ?? "https://images.example/\(index).png")
    }
}

extension TaskImage.Stored {
    static func sample(_ index: Int) -> TaskImage.Stored {
        TaskImage.Stored(
            uri: "file:///pictures/\(index).png",
            path: "/pictures/\(index).png",
            bytes: 1_203_311,
            sha256: "ab12",
            mediaType: "image/png",
            width: 1248,
            height: 832
        )
    }
}

extension ProviderReport {
    static func sample(
        _ status: Status,
        images: Int = 1,
        deduction: String? = nil,
        message: String? = nil,
        duration: Duration? = nil
    ) -> ProviderReport {
        ProviderReport(
            taskID: "867283741759111202",
            status: status,
            statusWord: status == .unknown ? "dreaming" : "\(status)",
            statusMessage: message,
            images: status == .succeed ? (0..<images).map { .sample($0) } : [],
            finalUnitDeduction: deduction,
            duration: duration
        )
    }
}

extension TaskError {
    /// An error that says nothing of the charge, so that the task's own answer shows.
    static func sample(_ kind: ErrorKind = .providerUnavailable) -> TaskError {
        TaskError(kind, "the provider could not be reached; it is tried again")
    }
}
