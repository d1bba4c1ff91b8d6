import JSON

/// What decides how long a job takes at the provider.
package struct JobClass: Sendable, Hashable {
    package let model: String
    package let resolution: String
    package let imageCount: Int

    package init(model: String, resolution: String, imageCount: Int) {
        self.model = model
        self.resolution = resolution
        self.imageCount = imageCount
    }
}

extension GenerationTask {
    package var jobClass: JobClass {
        JobClass(
            model: request["model_name"]?.stringValue ?? "",
            resolution: request["resolution"]?.stringValue ?? "1k",
            imageCount: imageCount
        )
    }
}

/// How long jobs took lately, per class. Old observations give way to new ones, so a provider that gets faster or
/// slower is followed.
package struct LearntDurations: Sendable {
    /// Observations kept per class.
    package static let memory = 64
    /// Fewer tell nothing.
    package static let enough = 3

    private var recent: [JobClass: [Duration]] = [:]

    package init(_ known: [JobClass: [Duration]] = [:]) { recent = known }

    /// Every observation that is kept, in the order of observation.
    package var all: [JobClass: [Duration]] { recent }

    /// Takes over what others have observed too.
    package mutating func replace(_ durations: [Duration], of job: JobClass) { recent[job] = durations }

    package mutating func observe(_ duration: Duration, of job: JobClass) {
        guard duration > .zero else { return }
        var durations = recent[job] ?? []
        durations.append(duration)
        if durations.count > Self.memory { durations.removeFirst() }
        recent[job] = durations
    }

    /// Ascending; empty when too little is known.
    package func durations(of job: JobClass) -> [Duration] {
        guard let durations = recent[job], durations.count >= Self.enough else { return [] }
        return durations.sorted()
    }
}
