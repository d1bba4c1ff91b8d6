import Foundation
import JSON
import KlingSimulator
import Testing

/// `klingd gallery`, looked at in a browser.
@Suite(.timeLimit(.minutes(10))) struct GalleryTests {
    /// Prompts, image counts and ratios: 50 images.
    private static let wanted: [(prompt: String, n: Int, ratio: String)] = [
        ("A lighthouse on a cliff at dusk, the sea like milk", 4, "16:9"),
        ("<script>window.ran = 1</script><img src=x onerror=\"window.ran = 2\">", 2, "1:1"),
        ("\"><b onmouseover='window.ran = 3'>\"quotes\" & &lt;entities&gt;", 1, "4:3"),
        ("منارة على جرف عند الغروب (3 سفن).", 3, "3:2"),
        ("A fox 🦊 in the snow ❄️, a family 👨‍👩‍👧‍👦 watching", 9, "16:9"),
        ("An invoice, \u{202E}gpj.exe\u{202C}, and a bell \u{7}", 1, "9:16"),
        ("First line\nsecond line\n\n    indented, with\ta tab ", 2, "2:3"),
        ("Long: " + String(repeating: "cranes, containers, sodium light on wet asphalt; ", count: 48), 1, "1:1"),
        ("灯台と海、浮世絵の様式で", 6, "3:4"),
        ("</p></style></title><h1>broken out</h1><script>window.ran = 4</script>", 5, "1:1"),
        ("A portrait of an old fisherman, window light", 9, "9:16"),
        ("מגדלור על צוק, abc 123 (test)!", 4, "21:9"),
        ("A still life with pears", 3, "4:3"),
    ]

    private static let unwanted = "</dd></dl><img src=x onerror='window.ran = 5'> & &amp;"

    /// Has klingd make the images and one task that is refused, with folders whose names are hard for a URL.
    private func generate(_ bench: Bench) async throws -> KlingdProcess {
        let storage = bench.folder.appendingPathComponent("my images #1, 100%? é &lt;b>").path
        let klingd = try bench.start(["--api-revision", "current", "--storage", storage])
        for (index, wanted) in Self.wanted.enumerated() {
            let params: JSONValue = [
                "prompt": .string(wanted.prompt), "n": .integer(Int64(wanted.n)),
                "aspect_ratio": .string(wanted.ratio), "negative_prompt": .string(Self.unwanted), "wait_for": "stored",
            ]
            klingd.send(.request(.integer(Int64(index)), "generate", params))
        }
        klingd.send(.request("refused", "generate", ["prompt": "forbidden <b>", "wait_for": "stored"]))
        for index in Self.wanted.indices {
            let answer = try await klingd.response(to: .integer(Int64(index)))
            try #require(answer["result"]?["state"] == "stored", "\(answer)")
        }
        _ = try await klingd.response(to: "refused")
        return klingd
    }

    private func gallery(_ bench: Bench, _ flags: [String]) async throws -> KlingdProcess {
        let process = try bench.start(flags, command: "gallery")
        #expect(await process.exitCode() == 0, "\(process.errors)")
        return process
    }

    /// A copy beside the page that loads its images at once and holds a script. As the page stands that is not run;
    /// with `isAllowed` it is, and so would be whatever a prompt brings.
    private func copy(of page: URL, script: String, isAllowed: Bool) throws -> URL {
        let text = try String(contentsOf: page, encoding: .utf8)
        var copy = text.replacing(" loading=\"lazy\"", with: "")
        #expect(text.utf8.count - copy.utf8.count == 50 * " loading=\"lazy\"".utf8.count, "images load late")
        if isAllowed {
            copy = copy.replacing("form-action 'none'\"", with: "form-action 'none'; script-src 'unsafe-inline'\"")
        }
        copy = copy.replacing("</body>", with: "<script>\(script)</script></body>")
        let file = page.deletingLastPathComponent().appendingPathComponent("copy.html")
        try copy.write(to: file, atomically: true, encoding: .utf8)
        return file
    }

    private func report(_ browser: HeadlessBrowser, on page: URL, _ view: HeadlessBrowser.View) async throws
        -> JSONValue
    {
        let file = try copy(of: page, script: GalleryReport.script, isAllowed: true)
        return try JSONValue.parse(try await browser.message(from: file, view))
    }

    @Test func everyImageIsSeenInABrowserWithWhatItWasMadeOf() async throws {
        try await Bench.run(taking: 2, { $0.limits = .current }) { bench in
            let browser = try HeadlessBrowser(profile: bench.folder.appendingPathComponent("browser"))
            let klingd = try await generate(bench)
            let page = bench.folder.appendingPathComponent("page.html")
            #expect(try await gallery(bench, ["-o", page.path]).lines == [page.path])

            for view in [HeadlessBrowser.View.desk, .phone] {
                let seen = try await report(browser, on: page, view)
                try await expectImages(seen)
                expectTasks(seen)
                #expect(seen["ran"] == .null, "a prompt has run")
                #expect(seen["scripts"] == 1, "the page has scripts")
                #expect(seen["title"] == "klingd gallery")
                #expect(seen["headings"] == ["Gallery"])
                #expect(seen["width"] == .integer(Int64(view.width)))
                #expect(seen["pageWidth"] == seen["width"])
                #expect(seen["cutOff"] == [])
                #expect(seen["faint"] == [], "contrast is less than 4.5 (WCAG 2.2, 1.4.3)")
                #expect(view.isDark == (seen["paper"]?.numberValue ?? 0.5 < 0.5))
            }
            try await expectPicture(browser, of: page)
            klingd.closeInput()
        }
    }

    /// Fifty images are there, each with its own size, hash and place.
    private func expectImages(_ seen: JSONValue) async throws {
        let images = seen["images"]?.arrayValue ?? []
        #expect(images.count == 50)
        let files = images.compactMap { $0["file"]?.stringValue }
        #expect(Set(files).count == 50)
        let sums = try await sha256(ofFiles: files)
        for (image, file) in zip(images, files) {
            #expect(image["size"]?.stringValue?.hasPrefix("0 ×") == false, "not loaded: \(file)")
            #expect(image["caption"]?.stringValue?.hasPrefix(image["size"]?.stringValue ?? "?") == true, "\(image)")
            #expect(image["kept"] == image["ratio"], "what stands below moves when it has loaded")
            #expect(image["sha256"]?.stringValue == sums[file])
            #expect(image["place"]?.stringValue == file)
            #expect(image["link"]?.stringValue == file)
        }
    }

    /// Each task has its prompt as it was given, in its direction, and beside its images; the refused one its reason.
    private func expectTasks(_ seen: JSONValue) {
        let tasks = seen["tasks"]?.arrayValue ?? []
        #expect(tasks.count == Self.wanted.count)
        for wanted in Self.wanted {
            let prompt = wanted.prompt.replacing("\u{202E}", with: "U+202E").replacing("\u{202C}", with: "U+202C")
                .replacing("\u{7}", with: "U+0007")
            let task = tasks.first { $0["prompt"]?.stringValue == prompt }
            #expect(task?["images"] == .integer(Int64(wanted.n)), "\(prompt)")
            let beginning = prompt.count > 200 ? prompt.prefix(200) + "…" : prompt
            #expect(task?["alternatives"] == [.string(String(beginning))])
            let parameters = task?["parameters"]?.arrayValue?.compactMap(\.stringValue) ?? []
            #expect(Set(parameters) == ["\(wanted.n)", wanted.ratio, Self.unwanted, "kling-v3"])
            let isRightToLeft = prompt.hasPrefix("منارة") || prompt.hasPrefix("מגדלור")
            #expect(task?["direction"] == (isRightToLeft ? "rtl" : "ltr"), "\(prompt)")
        }
        #expect(seen["refused"]?.arrayValue?.count == 1)
        let refused = seen["refused"]?[0]?.stringValue ?? ""
        #expect(["forbidden <b>", "failed", "not charged", "content_policy"].allSatisfy(refused.contains))
    }

    /// A picture of the page, of the size that was asked for and with the colours of images, though a script in it
    /// would remove them.
    private func expectPicture(_ browser: HeadlessBrowser, of page: URL) async throws {
        let picture = page.deletingLastPathComponent().appendingPathComponent("picture.png")
        let file = try copy(of: page, script: "document.body.remove()", isAllowed: false)
        try await browser.picture(of: file, .desk, to: picture)
        let count = try KlingdProcess(["python3", "-c", GalleryReport.colours, picture.path], program: "/usr/bin/env")
        #expect(await count.exitCode() == 0, "\(count.errors)")
        let found = try JSONValue.parse(try #require(count.lines.first, "\(count.errors)"))
        #expect(found["size"] == [1280, 2000])
        // Text and paper have less than a hundred shades.
        #expect(found["colours"]?.integerValue ?? 0 > 1000, "\(found)")
    }

    @Test func pagesAreWholeAndSayWhatIsMissing() async throws {
        try await Bench.run { bench in
            let nothing = try bench.start(
                ["-o", bench.folder.appendingPathComponent("none.html").path],
                command: "gallery"
            )
            #expect(await nothing.exitCode() == 1)
            #expect(await nothing.allErrors().contains("there is no ledger in \(bench.ledgerFolder.path)"))

            let klingd = try bench.start()
            _ = try await klingd.ask("list")
            let page = bench.folder.appendingPathComponent("page.html")
            let empty = try await gallery(bench, ["-o", page.path])
            #expect(await empty.allErrors().contains("no images yet"))
            #expect(try String(contentsOf: page, encoding: .utf8).contains("Nothing here yet"))

            let task = try await klingd.ask("generate", ["prompt": "p", "n": 3, "wait_for": "stored"])
            try FileManager.default.removeItem(atPath: try #require(task.path(ofImage: 1)))
            _ = try await gallery(bench, ["--output", page.path])
            let text = try String(contentsOf: page, encoding: .utf8)
            #expect(text.ranges(of: "<img src=\"images/").count == 2)
            #expect(text.contains("The file is no longer there"))
            let printed = try await gallery(bench, ["-o", "-", "--limit", "1"])
            #expect(printed.lines.first == "<!DOCTYPE html>")
            #expect(printed.lines.last == "</html>")
            #expect(printed.lines.count { $0.contains("<img src=\"file:///") } == 1)
            #expect(printed.lines.contains("<p class=\"totals\">The newest 1 image of 1 task</p>"))
            // Nothing is left out.
            let all = try await gallery(bench, ["-o", "-", "--limit", "3", "--since", "2026-01-01"])
            #expect(all.lines.contains("<p class=\"totals\">3 images of 1 task since 2026-01-01</p>"))
            let none = try await gallery(bench, ["-o", "-", "--limit", "3", "--since", "9999-12-31"])
            #expect(none.lines.contains("<h2>Nothing here yet</h2>"))
            #expect(await none.allErrors().contains("there are no images since 9999-12-31"))

            // What cannot be written leaves what was there, and nothing beside it.
            let refused = try bench.start(["-o", bench.images.path], command: "gallery")
            #expect(await refused.exitCode() == 1)
            #expect(await refused.allErrors().contains("is there and is no file"))
            let names = try FileManager.default.contentsOfDirectory(atPath: bench.folder.path)
            #expect(Set(names) == ["images", "state", "page.html"])
            klingd.closeInput()
        }
    }
}
