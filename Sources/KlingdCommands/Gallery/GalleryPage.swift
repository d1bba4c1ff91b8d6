import GenerationTasks

/// The page of `klingd gallery`, made piece by piece from tasks, newest first: `head`, what ``add(_:)`` gives for each
/// task, and `end()` are its text.
///
/// Of what was added only the items of the list at the end are kept: tasks that have not brought all their images.
struct GalleryPage {
    /// Images that the page has so far.
    private(set) var images = 0
    /// Tasks with images on the page.
    private(set) var tasks = 0
    /// Tasks that have not, or not yet, brought all their images.
    private(set) var unfinished = 0
    /// Whether an image was left out for the limit: the page ends before it, and takes no more.
    private(set) var isCut = false

    private let article: GalleryArticle
    private let madeAt: Timestamp
    private let limit: Int?
    private let since: String?
    private var day: String?
    private var days: Set<String> = []
    private var unfinishedTasks = ""

    /// - Parameters:
    ///   - article: How a task looks.
    ///   - madeAt: Now.
    ///   - limit: The most images; `nil` for all.
    ///   - since: The first day, in UTC, "2026-11-23"; tasks made before are passed over.
    init(_ article: GalleryArticle, madeAt: Timestamp, limit: Int?, since: String?) {
        self.article = article
        self.madeAt = madeAt
        self.limit = limit
        self.since = since
    }

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
        let day = task.createdAt.day
        guard !isCut, since.map({ day >= $0 }) ?? true else { return "" }
        let stored = task.images.compactMap(\.stored)
        let shown = stored.prefix(limit.map { $0 - images } ?? stored.count)
        isCut = shown.count < stored.count
        if isCut, shown.isEmpty { return "" }
        if task.state != .stored {
            unfinished += 1
            unfinishedTasks += article.unfinished(task)
        }
        guard !shown.isEmpty else { return "" }
        images += shown.count
        tasks += 1
        return opening(day) + article.html(of: task, showing: Array(shown))
    }

    /// What comes last.
    func end() -> String {
        let nothing = """
            <section class="empty">
            <h2>Nothing here yet</h2>
            <p>\(since.map { "klingd has made no images since \($0)." } ?? "klingd has made no images.") \
            Once there are some, <code>klingd gallery</code> shows them.</p>
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
        let which = isCut ? "The newest " : ""
        let when = since.map { " since \($0)" } ?? ""
        var parts = ["\(which)\(Self.count(images, "image")) of \(Self.count(tasks, "task"))\(when)"]
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
}
