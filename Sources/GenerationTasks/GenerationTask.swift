package import JSON

/// Where a task stands on its way (`protocol/README.md`, states).
package enum TaskState: String, Sendable, CaseIterable {
    /// Known and durable, nothing sent.
    case queued
    /// A create is or may be on the wire.
    case submitting
    /// Sent, outcome unknown, being looked up.
    case unresolved
    /// Accepted by the provider.
    case submitted
    case processing
    /// Finished at the provider; the images are being brought home.
    case storing
    /// Every image lies complete and verified in storage.
    case stored
    case failed

    package var isTerminal: Bool { self == .stored || self == .failed }
}

/// Whether the provider is asked about the task. Belongs to the task, not to a connection.
package enum WatchState: String, Sendable, CaseIterable {
    case active, cancelled, ended
}

/// One image of a task: announced by the provider, then kept in storage.
package struct TaskImage: Sendable, Equatable {
    /// Where it lies, once it does.
    package struct Stored: Sendable, Equatable {
        package var uri: String
        /// For storage that is a folder of this machine.
        package var path: String?
        package var bytes: Int64
        /// Lower-case hex.
        package var sha256: String
        package var mediaType: String
        package var width: Int
        package var height: Int

        package init(
            uri: String,
            path: String?,
            bytes: Int64,
            sha256: String,
            mediaType: String,
            width: Int,
            height: Int
        ) {
            self.uri = uri
            self.path = path
            self.bytes = bytes
            self.sha256 = sha256
            self.mediaType = mediaType
            self.width = width
            self.height = height
        }
    }

    package var index: Int
    /// The provider's; expires.
    package var url: String
    package var stored: Stored?

    package init(index: Int, url: String, stored: Stored? = nil) {
        self.index = index
        self.url = url
        self.stored = stored
    }
}

/// One paid job as klingd knows it. A value: who holds one holds the task as it was at that moment.
package struct GenerationTask: Sendable, Equatable {
    package var id: TaskID
    /// The provider's id; absent until known.
    package var taskID: String?
    /// What the provider is told as such and can be asked for.
    package var externalTaskID: String
    package var idempotencyKey: String?
    /// What makes two requests the same one, for `idempotencyKey`.
    package var fingerprint: String
    package var state: TaskState = .queued
    package var watch: WatchState = .active
    package var charged: Charged = .no
    /// The provider's words, verbatim.
    package var taskStatus: String?
    package var taskStatusMessage: String?
    package var provider: String
    /// Provider, base URL and key fingerprint: who pays. Never shown with the key.
    package var account: String
    /// The provider's parameters as shown to the client.
    package var request: JSONObject
    /// Images asked for: `n`, and the slots the task takes at the provider.
    package var imageCount: Int
    /// URL of the place the images go to.
    package var storage: String
    package var images: [TaskImage] = []
    package var finalUnitDeduction: String?
    package var createdAt: Timestamp
    package var submittedAt: Timestamp?
    package var updatedAt: Timestamp
    package var finishedAt: Timestamp?
    package var lookUps = 0
    package var warnings: [String] = []
    package var error: TaskError?
    /// How often a create was begun.
    package var attempt = 0
    /// Whose last attempt may still be on its way: `nil` once its end was seen, by whatever outcome (design section 6.6).
    package var sender: OwnerID?
    /// When the first attempt was begun: no job of this task can be older.
    package var sentAt: Timestamp?
    /// Unresolved because a second or later attempt was refused, which may be due to what an earlier one has made.
    package var isRefused = false
    /// A person had it sent again while an earlier attempt was in doubt: what fails now may be paid all the same.
    package var mayBePaidBefore = false
    /// Counts the versions of this task; each write to the ledger names the one it replaces.
    package var revision: Int64 = 0
    /// Place of the last change among all changes of the ledger.
    package var sequence: Int64 = 0

    package init(
        id: TaskID,
        externalTaskID: String,
        idempotencyKey: String?,
        fingerprint: String,
        provider: String,
        account: String,
        request: JSONObject,
        imageCount: Int,
        storage: String,
        createdAt: Timestamp
    ) {
        self.id = id
        self.externalTaskID = externalTaskID
        self.idempotencyKey = idempotencyKey
        self.fingerprint = fingerprint
        self.provider = provider
        self.account = account
        self.request = request
        self.imageCount = imageCount
        self.storage = storage
        self.createdAt = createdAt
        updatedAt = createdAt
    }

    /// Whether the job goes on at the provider and nobody looks, because the watch was cancelled.
    package var isLeftAlone: Bool { watch == .cancelled && (state == .submitted || state == .processing) }

    /// Whether the provider is to be asked how the job gets on.
    package var isWatched: Bool {
        switch state {
        case .submitted, .processing: watch == .active
        case .queued, .submitting, .unresolved, .storing, .stored, .failed: false
        }
    }

    /// Whether it is settled what became of the create, so that what was to be sent is needed no longer.
    package var isCreateDefinite: Bool {
        switch state {
        case .queued, .submitting, .unresolved: false
        case .submitted, .processing, .storing, .stored, .failed: true
        }
    }

    /// Whether a job may be going on at the provider whose end nobody sees.
    package var endIsUnseen: Bool { isLeftAlone || state == .unresolved }

    /// A task that was refused without being paid gives its idempotency key and its external id back: the same request
    /// may be tried again.
    package var freesItsKey: Bool { state == .failed && charged == .no }

    /// What is kept of a finished task for ever: enough to know it again, and what it cost.
    package var tombstone: GenerationTask {
        var kept = self
        kept.request = [:]
        kept.images = []
        kept.taskStatusMessage = nil
        kept.warnings = ["finished long ago: only its ids, its end and what it cost are kept"]
        kept.error?.provider = nil
        return kept
    }

    /// Whether the same request gives the same `externalTaskID` again, even after the ledger was lost: then a job that
    /// the provider has under it is this task's, however old.
    package var isNamedByKey: Bool { idempotencyKey != nil && request["external_task_id"] == nil }
}

extension GenerationTask {
    /// The task as the wire, the ledger and the sidecar beside the images show it.
    ///
    /// `message` is a remark to this one answer, such as what cancelling a watch does not do.
    package func write(to writer: inout JSONWriter, message: String? = nil) {
        writer.beginObject()
        writer.name("id")
        writer.string(id.description)
        writer.member("task_id", taskID)
        writer.name("external_task_id")
        writer.string(externalTaskID)
        writer.member("idempotency_key", idempotencyKey)
        writer.name("state")
        writer.string(state.rawValue)
        writer.name("watch")
        writer.string(watch.rawValue)
        writer.name("charged")
        writer.string(charged.rawValue)
        writer.member("task_status", taskStatus)
        writer.member("task_status_msg", taskStatusMessage)
        writer.name("provider")
        writer.string(provider)
        writer.name("request")
        writer.value(.object(request))
        writer.name("storage")
        writer.string(storage)
        writer.name("images")
        writer.beginArray()
        for image in images { image.write(to: &writer) }
        writer.endArray()
        writer.member("final_unit_deduction", finalUnitDeduction)
        writer.name("created_at")
        writer.string(createdAt.rfc3339)
        writer.member("submitted_at", submittedAt?.rfc3339)
        writer.name("updated_at")
        writer.string(updatedAt.rfc3339)
        writer.member("finished_at", finishedAt?.rfc3339)
        writer.name("look_ups")
        writer.integer(Int64(lookUps))
        writer.name("warnings")
        writer.value(.array(warnings.map(JSONValue.string)))
        writer.name("error")
        writer.value(error.map { .object($0.json) } ?? .null)
        if let message {
            writer.name("message")
            writer.string(message)
        }
        writer.endObject()
    }
}

extension TaskImage {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("index")
        writer.integer(Int64(index))
        writer.name("url")
        writer.string(url)
        if let stored {
            writer.name("uri")
            writer.string(stored.uri)
            writer.member("path", stored.path)
            writer.name("bytes")
            writer.integer(stored.bytes)
            writer.name("sha256")
            writer.string(stored.sha256)
            writer.name("media_type")
            writer.string(stored.mediaType)
            writer.name("width")
            writer.integer(Int64(stored.width))
            writer.name("height")
            writer.integer(Int64(stored.height))
        }
        writer.endObject()
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: StaticString, _ value: String?) {
        self.name(name)
        if let value { string(value) } else { null() }
    }
}
