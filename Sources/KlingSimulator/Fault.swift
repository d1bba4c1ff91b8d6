package import JSON

/// Something that goes wrong on purpose, the next times a certain request comes.
package struct Fault: Sendable, Equatable {
    /// The requests that can be disturbed.
    package enum Endpoint: String, Sendable, CaseIterable {
        /// A task is asked for.
        case create
        /// A task is asked after.
        case lookUp = "look_up"
        /// The account's tasks are asked for, where there is a list.
        case list
        /// A finished image is fetched.
        case image
    }

    package var endpoint: Endpoint
    package var kind: Kind
    /// How often it happens; -1 is always.
    package var times: Int
    /// The HTTP status, 200 to 599, in place of the usual one of the kind.
    package var status: Int?
    /// What it delays depends on the kind: by default the answer, in real time; see ``Kind/takenThenCut``,
    /// ``Kind/takenThenStatus``, ``Kind/takenInvisible`` and ``Kind/lateCreate``, which delay on the simulator's clock.
    package var delayMilliseconds: Int
    /// The `Retry-After` header, in seconds.
    package var retryAfter: Int?
    /// The body in place of the usual one of the kind; of ``Kind/failedTask`` the `task_status_msg`.
    package var body: String?

    package init(
        on endpoint: Endpoint,
        _ kind: Kind,
        times: Int = 1,
        status: Int? = nil,
        delayMilliseconds: Int = 0,
        retryAfter: Int? = nil,
        body: String? = nil
    ) {
        self.endpoint = endpoint
        self.kind = kind
        self.times = times
        self.status = status
        self.delayMilliseconds = delayMilliseconds
        self.retryAfter = retryAfter
        self.body = body
    }
}

extension Fault {
    /// What goes wrong. Seen in the field, or to be feared (kling-api-facts.md 1.5, 1.6, 4 and 9).
    package enum Kind: String, Sendable, CaseIterable {
        /// The connection closes without an answer, before the request counts.
        case cut
        /// The task is made and billed, then the connection closes without an answer. With a delay, look-ups find the
        /// task only that much later.
        case takenThenCut = "taken_then_cut"
        /// The task is made and billed, then the answer is an error, 504 unless told otherwise. With a delay, look-ups
        /// find the task only that much later.
        case takenThenStatus = "taken_then_status"
        /// The task is made, billed and answered for, but look-ups find it only after the delay.
        case takenInvisible = "taken_invisible"
        /// The connection closes without an answer, and the task is made and billed after the delay.
        case lateCreate = "late_create"
        /// An error, 500 unless told otherwise, before the request counts.
        case status
        /// All is done and said, but late by the delay.
        case delay
        /// The answer's JSON breaks off half way; a create is taken.
        case brokenJSON = "broken_json"
        /// A page of HTML in place of an answer; a create is not taken.
        case html
        /// 301 to the front page; a create is not taken.
        case redirect
        /// `code` is `"0"`; a create is taken.
        case codeAsString = "code_as_string"
        /// `code` is null and the message `404`, as of a gateway with nothing behind it; a create is not taken.
        case codeNull = "code_null"
        /// The answer lacks `task_status`; a create is taken.
        case noTaskStatus = "no_task_status"
        /// The task is made, and fails in the end.
        case failedTask = "failed_task"
        /// The look-up claims that there is no such task.
        case taskNotExist = "task_not_exist"
        /// A finished task's `task_result` is null.
        case taskResultNull = "task_result_null"
        /// A finished task's images lack `index`.
        case noIndex = "no_index"
        /// A finished task's status is spelt `succeeded`.
        case succeededWord = "succeeded_word"
        /// A finished task has one image fewer than asked for.
        case fewerImages = "fewer_images"
        /// The image breaks off half way.
        case partialBody = "partial_body"
        /// A page of HTML with status 200 in place of the image.
        case wrongBody = "wrong_body"
        /// The image's address counts as expired: 403.
        case expired

        /// The requests that this can happen to.
        package var endpoints: [Endpoint] {
            switch self {
            case .cut, .status, .delay, .html: [.create, .lookUp, .list, .image]
            case .redirect: [.create, .lookUp, .image]
            case .brokenJSON: [.create, .lookUp, .list]
            case .codeAsString, .codeNull, .noTaskStatus: [.create, .lookUp]
            case .takenThenCut, .takenThenStatus, .takenInvisible, .lateCreate, .failedTask: [.create]
            case .taskNotExist, .taskResultNull, .noIndex, .succeededWord, .fewerImages: [.lookUp]
            case .partialBody, .wrongBody, .expired: [.image]
            }
        }

        /// Whether it waits for a request on which it shows: a create that is accepted, or the look-up of a task that
        /// has succeeded.
        func waits(at endpoint: Endpoint) -> Bool {
            switch self {
            case .takenThenCut, .takenThenStatus, .takenInvisible, .lateCreate, .failedTask: true
            case .taskResultNull, .noIndex, .succeededWord, .fewerImages: true
            case .brokenJSON, .codeAsString, .noTaskStatus: endpoint == .create
            default: false
            }
        }
    }
}

extension Fault {
    /// Reads `{"on", "kind", "times", "status", "delay_ms", "retry_after", "body"}`, the first two required.
    package init(_ members: JSONMembers) throws(JSONDecodingError) {
        var members = members
        let endpoint = try Self.word("on", of: &members, among: Endpoint.allCases)
        let kind = try Self.word("kind", of: &members, among: Kind.allCases)
        guard kind.endpoints.contains(endpoint) else {
            throw JSONDecodingError(
                "'\(kind.rawValue)' happens to \(Self.list(kind.endpoints)) only, not to \(endpoint.rawValue)",
                at: members.pointer.member("kind")
            )
        }
        self.init(
            on: endpoint,
            kind,
            times: Int(try members.integer("times", in: -1...1_000_000) ?? 1),
            status: try members.integer("status", in: 200...599).map(Int.init),
            delayMilliseconds: Int(try members.integer("delay_ms", in: 0...86_400_000) ?? 0),
            retryAfter: try members.integer("retry_after", in: 0...86_400).map(Int.init),
            body: try members.string("body")
        )
        try members.finish()
    }

    private static func word<Word: RawRepresentable<String>>(
        _ name: String,
        of members: inout JSONMembers,
        among words: [Word]
    ) throws(JSONDecodingError) -> Word {
        let text = try members.string(name)
        guard let word = words.first(where: { $0.rawValue == text }) else {
            throw JSONDecodingError(
                "'\(name)' must be one of \(list(words)), not \(text.map { "'\($0)'" } ?? "absent")",
                at: members.pointer.member(name)
            )
        }
        return word
    }

    private static func list(_ words: [some RawRepresentable<String>]) -> String {
        words.map(\.rawValue).joined(separator: ", ")
    }
}
