import GenerationTasks
import HTTPTransport
import JSON

/// The page of `klingd gallery`, made piece by piece from tasks, newest first: `head`, what ``add(_:)`` gives for each
/// task, and `end()` are its text.
///
/// Images are kept by nobody here, and a task that has brought none is kept as a line of the list at the end.
struct GalleryPage {
    /// Images that the page has so far.
    private(set) var images = 0
    /// Tasks with images on the page.
    private(set) var tasks = 0
    /// Tasks that have not, or not yet, brought all their images.
    private(set) var unfinished = 0

    private let folders: [String]
    private let madeAt: Timestamp
    private let limit: Int?
    private let isThere: (String) -> Bool
    private var day: String?
    private var days: Set<String> = []
    private var unfinishedTasks = ""

    /// - Parameters:
    ///   - folders: Absolute paths of the folder in which the page will lie, see ``ImageLink``.
    ///   - madeAt: Now.
    ///   - limit: The most images; `nil` for all.
    ///   - isThere: Whether there is a file of that path.
    init(folders: [String], madeAt: Timestamp, limit: Int?, isThere: @escaping (String) -> Bool) {
        self.folders = folders
        self.madeAt = madeAt
        self.limit = limit
        self.isThere = isThere
    }

    /// Whether the page takes no more.
    var isFull: Bool { limit.map { images >= $0 } ?? false }

    /// What comes first.
    var head: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="\(Self.policy)">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="referrer" content="no-referrer">
        <title>klingd gallery</title>
        <style>
        \(GalleryStyle.sheet)
        </style>
        </head>
        <body class="gallery">
        <header>
        <h1>Gallery</h1>
        </header>
        <main>

        """
    }

    /// Nothing is loaded but images, from where the page is and from files; nothing runs.
    static let policy =
        "default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

    /// What a task adds to the page now.
    mutating func add(_ task: GenerationTask) -> String {
        guard !isFull else { return "" }
        if task.state != .stored {
            unfinished += 1
            unfinishedTasks += unfinishedItem(task)
        }
        let stored = task.images.compactMap(\.stored)
        guard !stored.isEmpty else { return "" }
        let shown = stored.prefix(limit.map { $0 - images } ?? stored.count)
        images += shown.count
        tasks += 1
        return opening(task.createdAt.day) + article(task, Array(shown), of: stored.count)
    }

    /// What comes last.
    func end() -> String {
        let nothing = """
            <section class="empty">
            <h2>Nothing here yet</h2>
            <p>Images appear on this page once klingd has made some and <code>klingd gallery</code> is run again.</p>
            </section>

            """
        let list = """
            <section class="unfinished" id="unfinished">
            <h2>Failed or not finished</h2>
            <ul>
            \(unfinishedTasks)</ul>
            </section>

            """
        let made = madeAt.rfc3339
        return """
            \(day == nil ? "" : "</section>\n")\(images == 0 && unfinished == 0 ? nothing : "")</main>
            \(unfinished == 0 ? "" : list)<p class="totals">\(totals)</p>
            <footer>
            <p>Made by klingd on <time datetime="\(made)">\(made.prefix(10)) at \(made.dropFirst(11).prefix(5)) UTC</time>\
            . Times are in UTC. A click on an image opens its file; one on a hash or a place selects all of it.</p>
            </footer>
            </body>
            </html>

            """
    }

    private var totals: String {
        let isCut = isFull ? "the newest " : ""
        var parts = ["\(isCut)\(Self.count(images, "image")) of \(Self.count(tasks, "task"))"]
        if unfinished > 0 {
            parts.append("<a href=\"#unfinished\">\(Self.count(unfinished, "task")) failed or not finished</a>")
        }
        return parts.joined(separator: " · ")
    }

    private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    /// Begins the section of a day, if it is another one.
    private mutating func opening(_ day: String) -> String {
        guard day != self.day else { return "" }
        let closing = self.day == nil ? "" : "</section>\n"
        self.day = day
        // A clock that was set back brings a day twice, and an id may stand only once.
        let id = days.insert(day).inserted ? " id=\"day-\(day)\"" : ""
        return closing + "<section class=\"day\"\(id)>\n<h2><time datetime=\"\(day)\">\(day)</time></h2>\n"
    }

    // MARK: Tasks

    private func article(_ task: GenerationTask, _ shown: [TaskImage.Stored], of count: Int) -> String {
        let prompt = task.request["prompt"]?.stringValue ?? ""
        let remark = shown.count < count ? "<p class=\"remark\">\(shown.count) of its \(count) images</p>\n" : ""
        return """
            <article class="task" id="task-\(task.id)" data-state="\(task.state.rawValue)" \
            data-charged="\(task.charged.rawValue)">
            <div class="about">
            \(Self.paragraph(prompt))
            \(Self.facts(task, time: String(task.createdAt.rfc3339.dropFirst(11).prefix(8)) + " UTC"))
            \(Self.list(Self.parameters(task), class: "parameters"))\(remark)<details class="more">
            <summary>More</summary>
            \(Self.list(Self.particulars(task), class: "particulars"))</details>
            </div>
            <ol class="images">
            \(shown.map { item($0, prompt) }.joined())</ol>
            </article>

            """
    }

    private func unfinishedItem(_ task: GenerationTask) -> String {
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

    private func item(_ image: TaskImage.Stored, _ prompt: String) -> String {
        let type = image.mediaType.split(separator: "/").last.map { $0.uppercased() } ?? ""
        let place = image.path ?? image.uri
        return """
            <li class="image">
            \(tile(image, prompt))
            <p class="size">\(image.width) × \(image.height) · \(HTMLText.content(type)) · \(Self.size(image.bytes))</p>
            <code class="sha256" title="SHA-256">\(HTMLText.content(image.sha256))</code>
            <code class="place" title="\(HTMLText.attribute(place))"><bdi dir="ltr">\(HTMLText.content(place))</bdi></code>
            </li>

            """
    }

    private func tile(_ image: TaskImage.Stored, _ prompt: String) -> String {
        guard let path = image.path, let url = ImageLink.url(of: path, from: folders) else {
            // Not by an address that opens it for everybody: such a one is a secret.
            return Self.placeholder("elsewhere", "Kept in another storage, and not shown here")
        }
        guard isThere(path) else { return Self.placeholder("gone", "The file is no longer there") }
        let source = HTMLText.attribute(url)
        return """
            <a href="\(source)"><img src="\(source)" alt="\(HTMLText.attribute(prompt))" width="\(image.width)" \
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
