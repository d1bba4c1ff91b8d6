import GRDB
import GenerationTasks
import JSON
import SQLiteLedger
import Testing

@Suite("Task in the database")
struct TaskRecordTests {
    private let folder = TemporaryFolder()
    private let clock = LedgerClock()
    private let owner = OwnerID("mine")

    /// A task of which no member is what it is in a new one.
    private static let full = GenerationTask.sample(2, imageCount: 3, account: "another", storage: "s3://bucket") {
        task in
        task.taskID = "867283741759111202"
        task.externalTaskID = "mine"
        task.idempotencyKey = "key"
        task.fingerprint = "other"
        task.state = .storing
        task.watch = .ended
        task.charged = .yes
        task.taskStatus = "succeed"
        task.taskStatusMessage = ""
        task.provider = "kling"
        task.request = [
            "prompt": "\u{0}\u{1}\"\\\n\u{1F3E0}", "n": 3, "image_fidelity": 0.5, "big": 9_007_199_254_740_993,
            "list": [nil, true, 1.0, ["deep": [[]]]],
        ]
        let stored = TaskImage.Stored(
            uri: "s3://bucket/0.png",
            path: "/pictures/0.png",
            bytes: 5_000_000_000,
            sha256: "ab12",
            mediaType: "image/png",
            width: 1248,
            height: 832
        )
        task.images = [
            TaskImage(index: 1, url: "https://images.example/1.png?a=b&c", stored: stored),
            TaskImage(index: 2, url: "https://images.example/2.png"),
        ]
        task.finalUnitDeduction = "8.5"
        task.createdAt = LedgerClock.epoch.adding(.milliseconds(1))
        task.submittedAt = LedgerClock.epoch.adding(.milliseconds(2))
        task.updatedAt = LedgerClock.epoch.adding(.milliseconds(3))
        task.finishedAt = LedgerClock.epoch.adding(.milliseconds(4))
        task.lookUps = 7
        task.warnings = ["one", "two"]
        task.error = TaskError(
            .throttled,
            "slow down",
            charged: .unknown,
            retryable: true,
            retryAfter: .milliseconds(1500),
            pointer: .root.member("a/b~c").element(3),
            provider: TaskError.Provider(
                httpStatus: 429,
                code: 1303,
                message: "parallel task over limit",
                requestID: "r"
            )
        )
        task.attempt = 2
        task.sender = OwnerID("sender")
        task.sentAt = LedgerClock.epoch.adding(.milliseconds(5))
        task.isRefused = true
        task.mayBePaidBefore = true
        task.revision = 9
        task.sequence = 4
    }

    private func inserted(_ task: GenerationTask) async throws -> (ledger: any Ledger, task: GenerationTask) {
        let ledger = folder.ledger(clock)
        guard case .inserted(let claimed) = try await ledger.insert(task, owner: owner) else {
            throw Unexpected("it was not inserted")
        }
        return (ledger, claimed.task)
    }

    /// A member that is added to the task one day and forgotten here would be lost at every start.
    @Test("every member of a task is stored, none is forgotten")
    func everyMember() async throws {
        let plain = Mirror(reflecting: GenerationTask.sample(1)).children
        for (member, new) in zip(Mirror(reflecting: Self.full).children, plain) {
            let isDifferent = String(reflecting: member.value) != String(reflecting: new.value)
            #expect(isDifferent, "the task of this test has nothing for \(member.label ?? "")")
        }
        let error = try #require(Self.full.error)
        let image = try #require(Self.full.images.first)
        let details: [Any] = [error, try #require(error.provider), image, try #require(image.stored)]
        for member in details.flatMap({ Mirror(reflecting: $0).children }) {
            let isGiven = String(describing: member.value) != "nil"
            #expect(isGiven, "the task of this test has nothing for \(member.label ?? "")")
        }
        let (ledger, task) = try await inserted(Self.full)
        var expected = Self.full
        expected.sequence = task.sequence
        #expect(task == expected)
        #expect(try await ledger.task(task.id) == expected)
        #expect(try await folder.ledger(clock).task(task.id) == expected)
    }

    @Test("a new version replaces every member")
    func everyMemberAgain() async throws {
        let ledger = folder.ledger(clock)
        guard case .inserted(let claimed) = try await ledger.insert(.sample(2), owner: owner) else {
            throw Unexpected("it was not inserted")
        }
        var next = Self.full
        // What names a task is fixed.
        next.account = claimed.task.account
        next.externalTaskID = claimed.task.externalTaskID
        next.idempotencyKey = claimed.task.idempotencyKey
        next.fingerprint = claimed.task.fingerprint
        next.createdAt = claimed.task.createdAt
        let write = LedgerWrite(task: next, lease: claimed.lease, replaces: 0, slots: .keep, releases: false)
        #expect(try await ledger.write([write]) == [.written(sequence: 2)])
        next.sequence = 2
        #expect(try await ledger.task(next.id) == next)
    }

    @Test("the order of a request's members is kept")
    func order() async throws {
        let request: JSONObject = ["z": 1, "a": 2, "m": 3]
        let (ledger, task) = try await inserted(.sample(1) { $0.request = request })
        let read = try #require(try await ledger.task(task.id))
        #expect(read.request.members == request.members)
    }

    @Test("what a newer klingd has added to a document is passed over, and what is missing is as in a new task")
    func tolerant() async throws {
        let (ledger, task) = try await inserted(.sample(1))
        let raw = try DatabaseQueue(path: folder.database)
        try await raw.write { db in
            try db.execute(
                sql: "UPDATE tasks SET document = json_insert(document, '$.mood', 'good', '$.deep', json('{}'))"
            )
        }
        #expect(try await ledger.task(task.id) == task)
        try await raw.write { db in try db.execute(sql: "UPDATE tasks SET document = '{}'") }
        let bare = try #require(try await ledger.task(task.id))
        #expect(bare.updatedAt == bare.createdAt)
        #expect(bare.request.isEmpty)
        let unknownKind = #"{"error":{"kind":"new","message":"told","charged":"yes","retryable":true}}"#
        try await raw.write { db in try db.execute(sql: "UPDATE tasks SET document = ?", arguments: [unknownKind]) }
        let error = try #require(try await ledger.task(task.id)?.error)
        #expect(error == TaskError(.internal, "told", charged: .yes, retryable: true))
    }

    @Test(
        "a record that cannot be read is an error that does not show it",
        arguments: ["document = 'secret'", "document = '[1]'", "state = 'secret-state'"]
    )
    func unreadable(change: String) async throws {
        let (ledger, task) = try await inserted(.sample(1))
        let raw = try DatabaseQueue(path: folder.database)
        try await raw.write { db in try db.execute(sql: "UPDATE tasks SET \(change)") }
        let error = await #expect(throws: LedgerError.self) { try await ledger.task(task.id) }
        guard case .failed(let message) = error else { throw Unexpected("another error") }
        #expect(message.contains("cannot read"))
        #expect(!message.contains("lighthouse"))
    }
}
