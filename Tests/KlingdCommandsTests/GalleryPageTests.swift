import GenerationTasks
import JSON
import Testing

@testable import KlingdCommands

/// What a gallery shows of tasks, whatever stands in them.
@Suite(.timeLimit(.minutes(1))) struct GalleryPageTests {
    /// A task of 2026-11-23 with images in the folder `/i`, a minute younger for each in `age`.
    private func task(
        _ prompt: String,
        images: Int = 1,
        day: Int64 = 0,
        state: TaskState = .stored,
        _ change: (inout GenerationTask) -> Void = { _ in }
    ) -> GenerationTask {
        let created = Timestamp(milliseconds: 1_795_429_560_000 + day * 86_400_000)
        var random = SystemRandomNumberGenerator()
        var task = GenerationTask(
            id: TaskID(at: created, random: &random),
            externalTaskID: "external",
            idempotencyKey: nil,
            fingerprint: "f",
            provider: "cometapi",
            account: "account",
            request: ["prompt": .string(prompt), "n": .integer(Int64(images)), "model_name": "kling-v3"],
            imageCount: images,
            storage: "file:///i",
            createdAt: created
        )
        task.state = state
        task.charged = .yes
        task.images = (0..<images).map { index in
            let path = "/i/\(index).png"
            let stored = TaskImage.Stored(
                uri: "file://" + path,
                path: path,
                bytes: 66_100,
                sha256: String(repeating: "ab", count: 32),
                mediaType: "image/png",
                width: 1168,
                height: 880
            )
            return TaskImage(index: index, url: "https://provider/secret", stored: stored)
        }
        change(&task)
        return task
    }

    private func page(
        _ tasks: [GenerationTask],
        folders: [String] = ["/i"],
        limit: Int? = nil,
        since: String? = nil,
        isThere: @escaping (String) -> Bool = { _ in true }
    ) -> String {
        let article = GalleryArticle(links: ImageLink(folders: folders), isThere: isThere)
        let madeAt = Timestamp(milliseconds: 1_795_500_000_000)
        var page = GalleryPage(article, madeAt: madeAt, limit: limit, since: since)
        return page.head + tasks.map { page.add($0) }.joined() + page.end()
    }

    private func count(_ part: String, in text: String) -> Int { text.ranges(of: part).count }

    // MARK: Text

    @Test(
        arguments: [
            ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
            ("\"'&amp;", "&quot;&#39;&amp;amp;"),
            ("a\r\nb\tc\n", "a\nb\tc\n"),
            // A letter and its accent, or a joiner, must not hide a bracket before them.
            ("<\u{301}b>\u{200D}", "&lt;\u{301}b&gt;\u{200D}"),
            ("👨‍👩‍👧‍👦 منارة \u{200F}!", "👨‍👩‍👧‍👦 منارة \u{200F}!"),
            ("a\u{0}b\rc", "aU+0000bU+000Dc"),
            ("\u{85}\u{7F}\u{2028}", "U+0085U+007FU+2028"),
            ("\u{202E}gpj.exe\u{202C}\u{2066}", "U+202Egpj.exeU+202CU+2066"),
            ("\u{FFFE}\u{1FFFF}", "U+FFFEU+1FFFF"),
        ]
    )
    func textFromOutsideIsShownAndNothingElse(text: String, shown: String) {
        #expect(HTMLText.attribute(text) == shown)
        let content = HTMLText.content(text).replacing("<span class=\"control\">", with: "").replacing(
            "</span>",
            with: ""
        )
        #expect(content == shown)
    }

    @Test func nothingOfATaskBecomesMarkup() {
        let hostile = "</p></style>\"'><script>ran()</script>&"
        let shown = task(hostile) { task in
            task.request["negative_prompt"] = .string(hostile)
            task.request["element_list"] = .array([.object([hostile: .string(hostile)])])
            task.request[hostile] = "x"
            task.taskID = hostile
            task.externalTaskID = hostile
            task.provider = hostile
            task.storage = hostile
            task.warnings = [hostile]
            task.finalUnitDeduction = hostile
            task.images[0].stored?.path = "/i/" + hostile
            task.images[0].stored?.sha256 = hostile
            task.images[0].stored?.mediaType = hostile
        }
        let failed = task(hostile, images: 0, state: .failed) { task in
            task.error = TaskError(.refused, hostile)
            task.taskStatusMessage = hostile
        }
        let harmless = page([task("p"), task("q", images: 0, state: .failed) { $0.error = TaskError(.refused, "no") }])
        let text = page([shown, failed])
        for tag in ["<script", "</p></style", "<img ", "</article>", "</style>"] {
            #expect(count(tag, in: text) == count(tag, in: harmless), "\(tag)")
        }
        #expect(text.contains("&lt;/p&gt;&lt;/style&gt;&quot;&#39;&gt;&lt;script&gt;ran()"))
    }

    @Test func addressesInARequestAreShownWithoutTheirKeys() {
        let text = page([
            task("p") { task in
                task.request["callback_url"] = "https://example.com/hook?token=covert1"
                task.request["image"] = "https://user:covert2@example.com/a.png#covert3"
            }
        ])
        #expect(text.contains("https://example.com/hook"))
        #expect(!text.contains("covert"))
        #expect(!text.contains("secret"), "what the provider gave expires and is nobody's business")
    }

    // MARK: Links

    @Test(
        arguments: [
            ("/home/u/a.png", ["/home/u"], "a.png"),
            ("/home/u/i/a.png", ["/elsewhere", "/home/u/"], "i/a.png"),
            ("/home/u2/a.png", ["/home/u"], "file:///home/u2/a.png"),
            ("/home/a.png", ["/home/u"], "file:///home/a.png"),
            ("/a b/#1/50%?/é:.png", [], "file:///a%20b/%231/50%25%3F/%C3%A9%3A.png"),
            ("/i/javascript:x", ["/i"], "javascript%3Ax"),
            ("/i/\"'<>&/a", ["/"], "i/%22%27%3C%3E%26/a"),
        ]
    )
    func aFileIsNamedFromThePageOrFromTheRoot(path: String, folders: [String], url: String) {
        #expect(ImageLink(folders: folders).url(of: path) == url)
    }

    @Test func whatNoURLCanNameHasNone() {
        #expect(ImageLink(folders: ["/i"]).url(of: "/i/../../etc/passwd") == nil)
        #expect(ImageLink(folders: ["/i"]).url(of: "relative") == nil)
        #expect(ImageLink(folders: []).url(of: "/i/a\nb") == nil)
    }

    // MARK: Pages

    @Test func tasksStandByDaysAndEachImageIsSeen() throws {
        let text = page([task("c", images: 3, day: 1), task("b", images: 2), task("a", day: -1)])
        let parts = ["day-2026-11-24", ">c</p>", "2.png", "day-2026-11-23", ">b</p>", "day-2026-11-22", ">a</p>"]
        let places = try parts.map { try #require(text.firstRange(of: $0), "\($0)").lowerBound }
        #expect(places == places.sorted())
        #expect(count("<img ", in: text) == 6)
        #expect(count("<section class=\"day\"", in: text) == 3)
        #expect(count("<section", in: text) == count("</section>", in: text))
        #expect(text.contains("<img src=\"1.png\" alt=\"c\" width=\"1168\" height=\"880\" loading=\"lazy\">"))
        #expect(text.contains("1168 × 880 · PNG · 66 kB"))
        #expect(text.contains("6 images of 3 tasks</p>"))
        #expect(text.contains("<a href=\"2.png\">"))
    }

    /// An id may stand once in a page, also when a clock was set back.
    @Test func aDayThatComesAgainHasNoSecondID() {
        let text = page([task("a"), task("b", day: 1), task("c")])
        #expect(count("<section class=\"day\"", in: text) == 3)
        #expect(count("id=\"day-2026-11-23\"", in: text) == 1)
    }

    @Test func aLimitCountsImages() {
        let text = page([task("a", images: 2), task("b", images: 4), task("c")], limit: 3)
        #expect(count("<img ", in: text) == 3)
        #expect(text.contains("1 of its 4 images"))
        #expect(text.contains("The newest 3 images of 2 tasks"))
        #expect(!text.contains(">c</p>"))
    }

    @Test(arguments: [7, 8]) func aPageWithAllImagesDoesNotSpeakOfTheNewest(limit: Int) {
        let older = task("never", images: 0, day: -1, state: .failed)
        let text = page([task("a", images: 2), task("b", images: 4), task("c"), older], limit: limit)
        #expect(text.contains(">7 images of 3 tasks · "))
        #expect(!text.contains("The newest"))
        #expect(!text.contains("of its"))
        #expect(text.contains(">never</p>"), "nothing is left out")
    }

    /// The first image that is left out ends the page, be it the first of its task or not.
    @Test func whatIsOlderThanTheFirstImageLeftOutIsLeftOut() {
        let older = task("older", images: 0, day: -2, state: .failed)
        let between = task("between", images: 0, state: .failed)
        let storing = task("storing", images: 2, day: -1, state: .storing) { $0.images[1].stored = nil }
        let text = page([task("a", images: 2), between, storing, older], limit: 2)
        #expect(text.contains(">The newest 2 images of 1 task · "))
        #expect(text.contains("1 task failed or not finished"))
        #expect(text.contains(">between</p>"))
        #expect(!text.contains(">storing</p>"))
        #expect(!text.contains(">older</p>"))
    }

    @Test func aDayAndALimitGoTogether() {
        let old = [task("d", images: 5, day: -1), task("e", images: 0, day: -1, state: .failed)]
        let tasks = [task("a", images: 2, day: 1), task("b", images: 2)] + old
        let all = page(tasks, limit: 4, since: "2026-11-23")
        #expect(all.contains(">4 images of 2 tasks since 2026-11-23</p>"))
        let some = page(tasks, limit: 3, since: "2026-11-23")
        #expect(some.contains(">The newest 3 images of 2 tasks since 2026-11-23</p>"))
        let none = page(tasks, limit: 3, since: "2026-11-25")
        #expect(none.contains(">0 images of 0 tasks since 2026-11-25</p>"))
        #expect(none.contains("klingd has made no images since 2026-11-25."))
        // A clock that was set back puts an older task before a newer one.
        let mixed = page([task("old", day: -3), task("new")], limit: 1, since: "2026-11-23")
        #expect(mixed.contains(">1 image of 1 task since 2026-11-23</p>"))
        #expect(mixed.contains(">new</p>"))
    }

    @Test func imagesThatCannotBeShownAreNamed() {
        let elsewhere = task("e") { task in
            task.images[0].stored?.path = nil
            task.images[0].stored?.uri = "s3://bucket/a.png"
        }
        let text = page([elsewhere, task("g")], isThere: { _ in false })
        #expect(count("<img ", in: text) == 0)
        #expect(text.contains("class=\"placeholder elsewhere\""))
        #expect(text.contains("<bdi dir=\"ltr\">s3://bucket/a.png</bdi>"))
        #expect(text.contains("class=\"placeholder gone\""))
        #expect(text.contains("<bdi dir=\"ltr\">/i/0.png</bdi>"))
    }

    @Test func tasksWithoutTheirImagesAreListedWithReasonAndCharge() throws {
        let failed = task("f", images: 0, state: .failed) { task in
            task.charged = .no
            task.error = TaskError(.contentPolicy, "change the prompt")
        }
        let partly = task("s", images: 2, state: .storing) { $0.images[1].stored = nil }
        let unknown = task("u", images: 0, state: .unresolved) { $0.charged = .unknown }
        let text = page([failed, partly, unknown])
        let list = text[try #require(text.firstRange(of: "id=\"unfinished\"")).lowerBound...]
        for part in ["content_policy", "change the prompt", "not charged", ">storing<", "charge unknown"] {
            #expect(list.contains(part), "\(part)")
        }
        #expect(count("<li class=\"task\"", in: text) == 3)
        #expect(count("<img ", in: text) == 1, "what is stored already is shown")
        #expect(text.contains("3 tasks failed or not finished"))
    }

    @Test func anEmptyGalleryIsKind() {
        let text = page([])
        #expect(text.contains("Nothing here yet"))
        #expect(text.contains("0 images of 0 tasks"))
        #expect(!text.contains("unfinished\">"))
    }

    /// It is said with every image, while the whole prompt stands beside them.
    @Test func alternativeTextsAreShort() {
        let letters = String(repeating: "é", count: 200)
        #expect(page([task(letters)]).contains("alt=\"\(letters)\""))
        let text = page([task(letters + "!!")])
        #expect(text.contains("alt=\"\(letters)…\""))
        #expect(text.contains(">\(letters)!!</p>"))
    }

    @Test func aLongPromptCanBeScrolledByTheKeyboard() {
        #expect(page([task(String(repeating: "long ", count: 100))]).contains("tabindex=\"0\""))
        #expect(!page([task("short")]).contains("tabindex=\"0\""))
    }
}
