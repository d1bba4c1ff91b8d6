import JSON

/// Where a job stands at the provider.
package enum ProviderTaskStatus: Sendable, Hashable {
    case submitted, processing, succeed, failed
    /// A word that nobody has documented, or none at all.
    case unknown

    /// Kling says `succeed`; its newer API and gateways say `succeeded` or `SUCCESS` (kling-api-facts.md 0, 9).
    init(word: String) {
        switch word.lowercased() {
        case "submitted": self = .submitted
        case "processing": self = .processing
        case "succeed", "succeeded", "success": self = .succeed
        case "failed", "failure": self = .failed
        default: self = .unknown
        }
    }
}

/// A finished image, at the provider for some days.
package struct ProviderImage: Sendable, Equatable {
    /// From 0; no two images of a task share one.
    package var index: Int
    /// To be fetched with its whole query string and without the key.
    package var url: String
    /// The same image with a watermark, if that was asked for.
    package var watermarkURL: String?

    package init(index: Int, url: String, watermarkURL: String? = nil) {
        self.index = index
        self.url = url
        self.watermarkURL = watermarkURL
    }
}

/// A task as the provider describes it, in an answer to a create or to a look-up.
package struct ProviderTask: Sendable, Equatable {
    /// The provider's id; a string even where digits are sent as a number.
    package var taskID: String
    package var status: ProviderTaskStatus
    /// The status verbatim; absent from some create answers (kling-api-facts.md 1.4).
    package var statusWord: String?
    /// Why it failed, when it did.
    package var statusMessage: String?
    package var externalTaskID: String?
    /// By ascending index.
    package var images: [ProviderImage]
    /// What was charged, in the provider's units: a decimal number.
    package var finalUnitDeduction: String?
    /// Unix time in milliseconds, by the provider's clock.
    package var createdAt: Int64?
    /// Unix time in milliseconds, by the provider's clock.
    package var updatedAt: Int64?
    /// Of the answer that this was read from.
    package var requestID: String?

    package init(
        taskID: String,
        status: ProviderTaskStatus,
        statusWord: String? = nil,
        statusMessage: String? = nil,
        externalTaskID: String? = nil,
        images: [ProviderImage] = [],
        finalUnitDeduction: String? = nil,
        createdAt: Int64? = nil,
        updatedAt: Int64? = nil,
        requestID: String? = nil
    ) {
        self.taskID = taskID
        self.status = status
        self.statusWord = statusWord
        self.statusMessage = statusMessage
        self.externalTaskID = externalTaskID
        self.images = images
        self.finalUnitDeduction = finalUnitDeduction
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.requestID = requestID
    }
}

extension ProviderTask {
    /// Reads a task tolerantly: whatever is absent, null or of another type than documented counts as not said, except
    /// the id (kling-api-facts.md 1.4, 3.3).
    ///
    /// - Parameters:
    ///   - data: The `data` member of an answer.
    ///   - statusWhenUnsaid: What an answer means that has no status.
    ///   - requestID: The answer's.
    init?(_ data: JSONValue, statusWhenUnsaid: ProviderTaskStatus, requestID: String?) {
        guard let taskID = data["task_id"]?.text else { return nil }
        let word = data["task_status"]?.text
        self.init(
            taskID: taskID,
            status: word.map(ProviderTaskStatus.init(word:)) ?? statusWhenUnsaid,
            statusWord: word,
            statusMessage: data["task_status_msg"]?.stringValue,
            externalTaskID: data["task_info"]?["external_task_id"]?.text,
            images: Self.images(data["task_result"]?["images"]?.arrayValue ?? []),
            finalUnitDeduction: data["final_unit_deduction"]?.text,
            createdAt: data["created_at"]?.wholeNumber,
            updatedAt: data["updated_at"]?.wholeNumber,
            requestID: requestID
        )
    }

    /// Goes by the position when the indexes are no use: an image under the index of another would overwrite it.
    private static func images(_ items: [JSONValue]) -> [ProviderImage] {
        let given = items.compactMap { item -> (index: Int64?, url: String, watermark: String?)? in
            guard let url = item["url"]?.text else { return nil }
            return (item["index"]?.wholeNumber, url, item["watermark_url"]?.text)
        }
        let indexes = Set(given.compactMap(\.index).filter { (0...999).contains($0) })
        guard indexes.count == given.count else {
            return given.enumerated().map { ProviderImage(index: $0, url: $1.url, watermarkURL: $1.watermark) }
        }
        return
            given
            .map { ProviderImage(index: Int($0.index ?? 0), url: $0.url, watermarkURL: $0.watermark) }
            .sorted { $0.index < $1.index }
    }
}

extension JSONValue {
    /// A text that says something: a string that is not empty, or a number as it would be written. A real beyond 2^53
    /// has lost digits and says nothing: as an id it could be another task's.
    var text: String? {
        switch self {
        case .string(let text): text.isEmpty ? nil : text
        case .integer(let number): String(number)
        case .real(let number):
            number.magnitude > 0x1p53 ? nil : Int64(exactly: number).map { String($0) } ?? number.description
        default: nil
        }
    }

    /// A whole number in whichever of JSON's notations a relay has put it.
    var wholeNumber: Int64? {
        switch self {
        case .integer(let number): number
        case .real(let number): Int64(exactly: number)
        case .string(let text): Int64(text)
        default: nil
        }
    }
}
