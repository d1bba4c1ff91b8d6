import GenerationTasks
import HTTPTransport
import JSON

/// How a task looks on the page of `klingd gallery`.
struct GalleryArticle {
    /// Where the page will lie.
    let links: ImageLink
    /// Whether there is a file of that path.
    let isThere: (String) -> Bool

    /// An alternative text is read aloud with every image; the whole prompt stands beside them.
    private static let longestAlternative = 200

    /// A task with images, all or the first of its stored ones.
    func html(of task: GenerationTask, showing shown: [TaskImage.Stored]) -> String {
        let prompt = task.request["prompt"]?.stringValue ?? ""
        let alternative = HTMLText.attribute(Self.shortened(prompt))
        let count = task.images.count { $0.stored != nil }
        let remark = shown.count < count ? "<p class=\"remark\">\(shown.count) of its \(count) images</p>\n" : ""
        return """
            <article class="task \(shown.first.map(Self.shape) ?? "")" style="--images: \(shown.count)" \
            id="task-\(task.id)" data-state="\(task.state.rawValue)" data-charged="\(task.charged.rawValue)">
            <div class="about">
            \(Self.paragraph(prompt))
            \(Self.facts(task, time: String(task.createdAt.rfc3339.dropFirst(11).prefix(8)) + " UTC"))
            \(Self.list(Self.parameters(task), class: "parameters"))\(remark)<details class="more">
            <summary>More</summary>
            \(Self.list(Self.particulars(task), class: "particulars"))</details>
            </div>
            <ol class="images">
            \(shown.map { item($0, alternative) }.joined())</ol>
            </article>

            """
    }

    /// A task that has not brought all its images.
    func unfinished(_ task: GenerationTask) -> String {
        var reasons: [(String, String)] = []
        if let error = task.error { reasons.append((error.kind.rawValue, error.message)) }
        if let message = task.taskStatusMessage, !message.isEmpty { reasons.append(("provider", message)) }
        let made = task.createdAt.rfc3339
        return """
            <li class="task" data-state="\(task.state.rawValue)" data-charged="\(task.charged.rawValue)">
            \(Self.paragraph(task.request["prompt"]?.stringValue ?? ""))
            \(Self.facts(task, time: "\(made.prefix(10)) \(made.dropFirst(11).prefix(8)) UTC"))
            \(Self.list(reasons, class: "reasons"))\(Self.list([("id", task.id.description)], class: "particulars"))</li>

            """
    }

    private static func shortened(_ prompt: String) -> String {
        let beginning = prompt.prefix(longestAlternative)
        return beginning.endIndex == prompt.endIndex ? prompt : beginning + "…"
    }

    /// Class of its task: how wide columns are.
    private static func shape(_ image: TaskImage.Stored) -> String {
        if image.width * 4 > image.height * 5 { return "wide" }
        return image.height * 4 > image.width * 5 ? "tall" : "square"
    }

    /// A prompt. One that is long scrolls, by the keyboard too.
    private static func paragraph(_ prompt: String) -> String {
        let isLong = prompt.unicodeScalars.count > 300
        let focus = isLong ? " tabindex=\"0\" role=\"group\" aria-label=\"prompt\"" : ""
        return "<p class=\"prompt\" dir=\"auto\"\(focus)>\(HTMLText.content(prompt))</p>"
    }

    private static func facts(_ task: GenerationTask, time: String) -> String {
        let charge =
            switch task.charged {
            case .yes: "charged" + (task.finalUnitDeduction.map { " " + HTMLText.content($0) + " units" } ?? "")
            case .no: "not charged"
            case .unknown: "charge unknown"
            }
        return """
            <p class="facts"><time datetime="\(task.createdAt.rfc3339)">\(time)</time> \
            <span class="state">\(task.state.rawValue)</span> <span class="charge">\(charge)</span></p>
            """
    }

    /// The request but for its prompt.
    private static func parameters(_ task: GenerationTask) -> [(String, String)] {
        task.request.members.compactMap { member in
            guard member.name != "prompt" else { return nil }
            guard let text = member.value.stringValue else { return (member.name, member.value.description) }
            // An address may hold a key, and pages are passed on.
            let isAddress = ["image", "callback_url"].contains(member.name) && text.contains("://")
            return (member.name, isAddress ? Redaction.url(text) : text)
        }
    }

    private static func particulars(_ task: GenerationTask) -> [(String, String)] {
        let pairs: [(String, String?)] = [
            ("id", task.id.description), ("task_id", task.taskID), ("external_task_id", task.externalTaskID),
            ("provider", task.provider), ("storage", task.storage),
        ]
        return pairs.compactMap { name, value in value.map { (name, $0) } } + task.warnings.map { ("warning", $0) }
    }

    private static func list(_ pairs: [(String, String)], class name: String) -> String {
        guard !pairs.isEmpty else { return "" }
        let rows = pairs.map { name, value in
            "<div><dt>\(HTMLText.content(name))</dt><dd dir=\"auto\">\(HTMLText.content(value))</dd></div>\n"
        }
        return "<dl class=\"\(name)\">\n\(rows.joined())</dl>\n"
    }

    // MARK: Images

    private func item(_ image: TaskImage.Stored, _ alternative: String) -> String {
        let type = image.mediaType.split(separator: "/").last.map { $0.uppercased() } ?? ""
        let place = image.path ?? image.uri
        return """
            <li class="image">
            \(tile(image, alternative))
            <p class="size">\(image.width) × \(image.height) · \(HTMLText.content(type)) · \(Self.size(image.bytes))</p>
            <code class="sha256" title="SHA-256">\(HTMLText.content(image.sha256))</code>
            <code class="place" title="\(HTMLText.attribute(place))"><bdi dir="ltr">\(HTMLText.content(place))</bdi></code>
            </li>

            """
    }

    private func tile(_ image: TaskImage.Stored, _ alternative: String) -> String {
        guard let path = image.path, let url = links.url(of: path) else {
            // Not by an address that opens it for everybody: such a one is a secret.
            return Self.placeholder("elsewhere", "Kept in another storage, and not shown here")
        }
        guard isThere(path) else { return Self.placeholder("gone", "The file is no longer there") }
        let source = HTMLText.attribute(url)
        return """
            <a href="\(source)"><img src="\(source)" alt="\(alternative)" width="\(image.width)" \
            height="\(image.height)" loading="lazy"></a>
            """
    }

    private static func placeholder(_ reason: String, _ text: String) -> String {
        "<div class=\"placeholder \(reason)\"><p>\(text)</p></div>"
    }

    /// In units of 1000, two digits at least.
    private static func size(_ bytes: Int64) -> String {
        for (unit, name) in [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")] as [(Int64, String)]
        where bytes >= unit {
            let tenths = bytes / (unit / 10)
            return tenths < 100 ? "\(tenths / 10).\(tenths % 10) \(name)" : "\(tenths / 10) \(name)"
        }
        return "\(bytes) B"
    }
}
