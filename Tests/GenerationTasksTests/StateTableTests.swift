import GenerationTasks
import JSON
import Testing

/// State × event, written out a second time: next state, charged, slot, lease. "-" is an empty cell, "=" is unchanged.
private let expectedTable: [(event: String, cells: [String])] = [
    // queued, submitting, unresolved, submitted, processing, storing, stored, failed
    (
        "sendStarted",
        ["submitting unknown held kept", "-", "-", "-", "-", "-", "-", "-"]
    ),
    (
        "reported submitted",
        [
            "submitted yes held kept", "submitted yes held kept", "submitted yes held kept", "submitted yes held kept",
            "processing yes held kept", "-", "-", "-",
        ]
    ),
    (
        "reported processing",
        [
            "processing yes held kept", "processing yes held kept", "processing yes held kept",
            "processing yes held kept", "processing yes held kept", "-", "-", "-",
        ]
    ),
    (
        "reported unknown",
        [
            "processing yes held kept", "processing yes held kept", "processing yes held kept",
            "processing yes held kept", "processing yes held kept", "-", "-", "-",
        ]
    ),
    (
        "reported succeed",
        [
            "storing yes free kept", "storing yes free kept", "storing yes free kept", "storing yes free kept",
            "storing yes free kept", "storing = free kept", "-", "-",
        ]
    ),
    (
        "reported failed",
        [
            "failed unknown free givenUp", "failed unknown free givenUp", "failed unknown free givenUp",
            "failed unknown free givenUp", "failed unknown free givenUp", "-", "-", "-",
        ]
    ),
    (
        "refused",
        ["failed no free givenUp", "failed no free givenUp", "failed no free givenUp", "-", "-", "-", "-", "-"]
    ),
    (
        "refused again",
        [
            "failed no free givenUp", "unresolved unknown held kept", "unresolved unknown held kept", "-", "-", "-",
            "-",
            "-",
        ]
    ),
    (
        "refusedInDoubt",
        ["-", "unresolved unknown held kept", "unresolved unknown held kept", "-", "-", "-", "-", "-"]
    ),
    (
        "refusalConfirmed",
        ["-", "-", "failed no free givenUp", "-", "-", "-", "-", "-"]
    ),
    (
        "throttled",
        ["-", "queued no free kept", "queued no free kept", "-", "-", "-", "-", "-"]
    ),
    (
        "notSent",
        ["-", "queued no free kept", "queued no free kept", "-", "-", "-", "-", "-"]
    ),
    (
        "ambiguous",
        ["-", "unresolved unknown held kept", "unresolved unknown held kept", "-", "-", "-", "-", "-"]
    ),
    (
        "senderLost",
        ["-", "unresolved unknown held kept", "unresolved unknown held kept", "-", "-", "-", "-", "-"]
    ),
    (
        "absenceProven",
        ["-", "-", "queued no free kept", "-", "-", "-", "-", "-"]
    ),
    (
        "resendRequested",
        ["-", "-", "queued unknown free kept", "-", "-", "-", "-", "-"]
    ),
    (
        "abandoned",
        ["-", "-", "failed unknown free givenUp", "-", "-", "-", "-", "-"]
    ),
    (
        "lookUpFailed",
        [
            "-", "-", "unresolved = held kept", "submitted = held kept", "processing = held kept",
            "storing = free kept", "-", "-",
        ]
    ),
    (
        "imageStored",
        ["-", "-", "-", "-", "-", "storing = free kept", "-", "-"]
    ),
    (
        "storingFailed",
        ["-", "-", "-", "-", "-", "storing = free kept", "-", "-"]
    ),
    (
        "archived",
        ["-", "-", "-", "-", "-", "stored yes free givenUp", "-", "-"]
    ),
    (
        "resultExpired",
        ["-", "-", "-", "-", "-", "failed yes free givenUp", "-", "-"]
    ),
    (
        "providerSilent",
        ["-", "-", "-", "failed unknown free givenUp", "failed unknown free givenUp", "-", "-", "-"]
    ),
    (
        "watchCancelled",
        [
            "failed no free givenUp", "submitting = held kept", "unresolved = held kept", "submitted = held givenUp",
            "processing = held givenUp", "storing = free kept", "-", "-",
        ]
    ),
    (
        "watchRequested",
        [
            "queued = free kept", "submitting = held kept", "unresolved = held kept", "submitted = held kept",
            "processing = held kept", "storing = free kept", "-", "-",
        ]
    ),
]

private let columns: [TaskState] = [
    .queued, .submitting, .unresolved, .submitted, .processing, .storing, .stored, .failed,
]

private func sampleEvent(_ name: String) -> TaskEvent? {
    switch name {
    case "sendStarted": .sendStarted
    case "reported submitted": .reported(.sample(.submitted), byLookUp: true)
    case "reported processing": .reported(.sample(.processing), byLookUp: true)
    case "reported unknown": .reported(.sample(.unknown), byLookUp: true)
    case "reported succeed": .reported(.sample(.succeed), byLookUp: true)
    case "reported failed": .reported(.sample(.failed), byLookUp: true)
    case "refused", "refused again": .refused(.sample())
    case "refusedInDoubt": .refusedInDoubt(.sample())
    case "refusalConfirmed": .refusalConfirmed
    case "senderLost": .senderLost(.sample())
    case "absenceProven": .absenceProven
    case "resendRequested": .resendRequested
    case "abandoned": .abandoned
    case "throttled": .throttled(.sample())
    case "notSent": .notSent(.sample())
    case "ambiguous": .ambiguous(.sample())
    case "lookUpFailed": .lookUpFailed(.sample())
    case "imageStored": .imageStored(index: 0, .sample(0))
    case "storingFailed": .storingFailed(.sample())
    case "archived": .archived
    case "resultExpired": .resultExpired(.sample())
    case "providerSilent": .providerSilent(.sample())
    case "watchCancelled": .watchCancelled
    case "watchRequested": .watchRequested
    default: nil
    }
}

/// A task that got to `state` by the usual way.
private func task(in state: TaskState) -> GenerationTask {
    .sample { task in
        task.state = state
        task.revision = 7
        switch state {
        case .queued: task.charged = .no
        case .submitting, .unresolved, .failed: task.charged = .unknown
        case .submitted, .processing, .storing, .stored: task.charged = .yes
        }
        if state == .storing { task.images = [.sample(0)] }
    }
}

@Suite("State table")
struct StateTableTests {
    @Test("has a row for each kind of event and a column for each state")
    func complete() {
        #expect(Set(columns) == Set(TaskState.allCases))
        #expect(columns.count == TaskState.allCases.count)
        #expect(expectedTable.count == 25)
        #expect(expectedTable.allSatisfy { $0.cells.count == columns.count && sampleEvent($0.event) != nil })
    }

    @Test("says of each cell what becomes of the task", arguments: expectedTable.map(\.event), columns)
    func cell(name: String, state: TaskState) throws {
        let row = try #require(expectedTable.first { $0.event == name })
        let expected = row.cells[try #require(columns.firstIndex(of: state))]
        let event = try #require(sampleEvent(name))
        var before = task(in: state)
        // The event must have something to change.
        if event == .watchRequested { before.watch = .cancelled }
        if event == .archived { before.images = [TaskImage(index: 0, url: "u", stored: .sample(0))] }
        if name == "refused again" { before.attempt = 2 }
        let cell = TaskStateMachine.cell(state, event, isFirstAttempt: before.attempt <= 1)
        let after = TaskStateMachine.apply(event, to: before, at: TestClock.epoch.adding(.seconds(1)))
        guard expected != "-" else {
            #expect(cell == nil)
            #expect(after == nil)
            return
        }
        let words = expected.split(separator: " ").map(String.init)
        let next = try #require(after)
        #expect(next.state.rawValue == words[0])
        #expect(next.charged.rawValue == (words[1] == "=" ? before.charged.rawValue : words[1]))
        #expect(cell.map { "\($0.next) \($0.slot) \($0.lease)" } == "\(words[0]) \(words[2]) \(words[3])")
        #expect(next.revision == 8)
        #expect(next.updatedAt == TestClock.epoch.adding(.seconds(1)))
        #expect(next.finishedAt == (next.state.isTerminal ? next.updatedAt : nil))
        if next.state.isTerminal { #expect(next.watch == .ended) }
        #expect(next.error.map { $0.charged == next.charged } ?? true)
    }

    @Test("leaves what has ended alone, whatever comes", arguments: [TaskState.stored, .failed])
    func terminal(state: TaskState) {
        #expect(state.isTerminal)
        for row in expectedTable {
            guard let event = sampleEvent(row.event) else { continue }
            #expect(TaskStateMachine.apply(event, to: task(in: state), at: TestClock.epoch) == nil)
        }
    }
}
