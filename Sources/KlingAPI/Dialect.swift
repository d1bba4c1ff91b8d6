/// How one provider speaks Kling's API: addresses, and what its look-ups are worth.
package struct Dialect: Sendable, Equatable {
    /// The value of `--provider`, and the wire's `provider`.
    package let name: String
    /// Where the provider is when no `--base-url` is given.
    package let baseURL: String
    /// Whether creates carry `external_task_id`; a setting, should a gateway not take it.
    package var sendsExternalTaskID: Bool
    /// Whether "no such task" proves that there is none (design section 6.6).
    package let lookUpIsAuthoritative: Bool
    /// Whether the tasks of an account can be listed.
    package let hasList: Bool
    /// Where image tasks are made, and below which they are looked up.
    package let generationsPath: String

    /// The CometAPI gateway (kling-api-facts.md section 1). It documents look-ups by `task_id` only, and task records
    /// that expire: what it does not find may be there.
    package static let cometapi = Dialect(
        name: "cometapi",
        baseURL: "https://api.cometapi.com",
        sendsExternalTaskID: true,
        lookUpIsAuthoritative: false,
        hasList: false,
        generationsPath: "/kling/v1/images/generations"
    )

    /// Kling's own API (kling-api-facts.md sections 2 and 3): either id finds a task, and what it does not find is not
    /// there.
    package static let kling = Dialect(
        name: "kling",
        baseURL: "https://api-singapore.klingai.com",
        sendsExternalTaskID: true,
        lookUpIsAuthoritative: true,
        hasList: true,
        generationsPath: "/v1/images/generations"
    )

    /// The path of a task: Kling takes either id in the same place (kling-api-facts.md 3.3).
    func path(of task: TaskReference) -> String { "\(generationsPath)/\(PercentEncoding.segment(task.id))" }
}

/// The two names of a task at the provider.
enum TaskReference: Sendable, Equatable {
    case taskID(String)
    case externalTaskID(String)

    var id: String {
        switch self {
        case .taskID(let id), .externalTaskID(let id): id
        }
    }
}
