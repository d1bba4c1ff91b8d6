import JSON

/// What was asked, what was granted, and what it costs: for tests and people, not part of the provider.
struct Bill: Sendable {
    /// Beyond it, creates of external ids not seen before are no longer counted one by one.
    private static let mostExternalIDs = 200_000

    /// Creates received, taken or not.
    var creates = 0
    var paid = 0
    var units = 0
    var refused = 0
    var throttled = 0
    var lookUps = 0
    /// Requests for the list of tasks.
    var lists = 0
    var imageRequests = 0
    var imageRequestsWithKey = 0
    private var createsByExternalID: [String: Int] = [:]

    /// Counts a create by the external id it carries.
    mutating func count(createOf externalID: String) {
        guard createsByExternalID[externalID] != nil || createsByExternalID.count < Self.mostExternalIDs else { return }
        createsByExternalID[externalID, default: 0] += 1
    }

    func json(_ tasks: [SimulatedTask], at now: Int64) -> JSONValue {
        let entries = tasks.map { task -> JSONValue in
            [
                "task_id": .string(String(task.id)),
                "external_task_id": task.externalTaskID.map(JSONValue.string) ?? .null,
                "n": .integer(Int64(task.n)),
                "status": .string(task.lifecycle.status(at: now).rawValue),
                "look_ups": .integer(Int64(task.lookUps)),
                "creates": .integer(Int64(task.externalTaskID.flatMap { createsByExternalID[$0] } ?? 1)),
                "prompt": .string(task.prompt),
            ]
        }
        return [
            "paid_tasks": .integer(Int64(paid)),
            "creates_received": .integer(Int64(creates)),
            "refused": .integer(Int64(refused)),
            "throttled": .integer(Int64(throttled)),
            "look_ups": .integer(Int64(lookUps)),
            "lists": .integer(Int64(lists)),
            "image_requests": .integer(Int64(imageRequests)),
            "image_requests_with_key": .integer(Int64(imageRequestsWithKey)),
            "units": .integer(Int64(units)),
            "tasks": .array(entries),
        ]
    }
}
