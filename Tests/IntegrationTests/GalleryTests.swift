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

    /// Has klingd make the images and one task that is refused, with folders whose names are hard for a URL.
    private func generate(_ bench: Bench) async throws -> KlingdProcess {
        let storage = bench.folder.appendingPathComponent("my images #1, 100%? é").path
        let klingd = try bench.start(["--api-revision", "current", "--storage", storage])
        for (index, wanted) in Self.wanted.enumerated() {
            let params: JSONValue = [
                "prompt": .string(wanted.prompt), "n": .integer(Int64(wanted.n)),
                "aspect_ratio": .string(wanted.ratio), "wait_for": "stored",
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

    /// A copy beside the page that loads its images at once and, with `script`, runs that.
    private func copy(of page: URL, script: String? = nil) throws -> URL {
        let text = try String(contentsOf: page, encoding: .utf8)
        var copy = text.replacing(" loading=\"lazy\"", with: "")
        #expect(copy != text)
        if let script {
            copy = copy.replacing("form-action 'none'\"", with: "form-action 'none'; script-src 'unsafe-inline'\"")
                .replacing("</body>", with: "<script>\(script)</script></body>")
        }
        let name = script == nil ? "plain.html" : "scripted.html"
        let file = page.deletingLastPathComponent().appendingPathComponent(name)
        try copy.write(to: file, atomically: true, encoding: .utf8)
        return file
    }

    /// Adds to the page what a reader would see of it.
    private static let report = """
        addEventListener("load", () => {
          const all = (selector, read) => [...document.querySelectorAll(selector)].map(read);
          const report = {
            images: all("img", image => [image.naturalWidth, image.naturalHeight]),
            captions: all(".image .size", size => size.textContent),
            alternatives: all("article", task => [...new Set([...task.querySelectorAll("img")].map(i => i.alt))]),
            prompts: all("article .prompt", prompt => prompt.textContent),
            directions: all("article .prompt", prompt => getComputedStyle(prompt).direction),
            refused: all("#unfinished li", item => item.innerText),
            title: document.title, headings: all("h1", heading => heading.textContent),
            ran: window.ran ?? null, tooWide: document.documentElement.scrollWidth > innerWidth,
          };
          const element = document.createElement("pre");
          element.id = "report";
          element.textContent = encodeURIComponent(JSON.stringify(report));
          document.body.append(element);
        });
        """

    private func report(_ browser: HeadlessBrowser, on page: URL) async throws -> JSONValue {
        let document = try await browser.document(of: try copy(of: page, script: Self.report))
        let start = try #require(document.firstRange(of: "<pre id=\"report\">"), "\(document.suffix(2000))").upperBound
        let end = try #require(document[start...].firstRange(of: "</pre>")).lowerBound
        return try JSONValue.parse(try #require(document[start..<end].removingPercentEncoding))
    }

    @Test func everyImageIsSeenInABrowserWithWhatItWasMadeOf() async throws {
        try await Bench.run(taking: 2, { $0.limits = .current }) { bench in
            let browser = try HeadlessBrowser(profile: bench.folder.appendingPathComponent("browser"))
            let klingd = try await generate(bench)
            let page = bench.folder.appendingPathComponent("page.html")
            #expect(try await gallery(bench, ["-o", page.path]).lines == [page.path])

            let seen = try await report(browser, on: page)
            let sizes = (seen["images"]?.arrayValue ?? []).map { [$0[0]?.integerValue ?? 0, $0[1]?.integerValue ?? 0] }
            #expect(sizes.count == 50)
            #expect(!sizes.contains { $0.contains(0) }, "an image was not loaded")
            let captions = (seen["captions"]?.arrayValue ?? []).compactMap(\.stringValue)
            #expect(captions.count == 50)
            for (caption, size) in zip(captions, sizes) {
                #expect(caption.hasPrefix("\(size[0]) × \(size[1]) · PNG · "))
            }
            let prompts = Self.wanted.map { wanted in
                wanted.prompt.replacing("\u{202E}", with: "U+202E").replacing("\u{202C}", with: "U+202C")
                    .replacing("\u{7}", with: "U+0007")
            }
            let shown = (seen["prompts"]?.arrayValue ?? []).compactMap(\.stringValue)
            #expect(shown.sorted() == prompts.sorted())
            #expect(seen["alternatives"] == .array(shown.map { [.string($0)] }))
            for (prompt, direction) in zip(shown, seen["directions"]?.arrayValue ?? []) {
                let isRightToLeft = prompt.hasPrefix("منارة") || prompt.hasPrefix("מגדלור")
                #expect(direction == (isRightToLeft ? "rtl" : "ltr"), "\(prompt)")
            }
            #expect(seen["ran"] == .null, "a prompt has run")
            #expect(seen["title"] == "klingd gallery")
            #expect(seen["headings"] == ["Gallery"])
            #expect(seen["tooWide"] == false)
            let refused = seen["refused"]?[0]?.stringValue ?? ""
            #expect(["forbidden <b>", "failed", "not charged", "content_policy"].allSatisfy(refused.contains))

            try await expectPicture(browser, of: page)
            klingd.closeInput()
        }
    }

    /// A picture of the page, of the size that was asked for and with the colours of images.
    private func expectPicture(_ browser: HeadlessBrowser, of page: URL) async throws {
        let picture = page.deletingLastPathComponent().appendingPathComponent("picture.png")
        try await browser.picture(of: try copy(of: page), width: 1280, height: 2000, to: picture)
        let count = try KlingdProcess(["python3", "-c", Self.colours, picture.path], program: "/usr/bin/env")
        #expect(await count.exitCode() == 0, "\(count.errors)")
        let found = try JSONValue.parse(try #require(count.lines.first, "\(count.errors)"))
        #expect(found["size"] == [1280, 2000])
        // Text and paper have less than a hundred shades.
        #expect(found["colours"]?.integerValue ?? 0 > 1000, "\(found)")
    }

    /// Tells the size of a PNG of 8 bits a channel and the number of colours in its upper part.
    private static let colours = """
        import json, struct, sys, zlib
        data, at, body = open(sys.argv[1], "rb").read(), 8, b""
        while at < len(data):
            length, kind = struct.unpack(">I4s", data[at:at + 8])
            content = data[at + 8:at + 8 + length]
            if kind == b"IHDR": width, height, depth, colour = struct.unpack(">IIBB", content[:10])
            if kind == b"IDAT": body += content
            at += 12 + length
        step = {2: 3, 6: 4}[colour]
        raw, stride, above, colours = zlib.decompress(body), width * step, bytearray(width * step), set()
        for row in range(min(height, 500)):
            start = row * (stride + 1)
            method, line = raw[start], bytearray(raw[start + 1:start + 1 + stride])
            for i in range(stride) if method else ():
                a = line[i - step] if i >= step else 0
                b, c = above[i], above[i - step] if i >= step else 0
                if method == 1: guess = a
                elif method == 2: guess = b
                elif method == 3: guess = (a + b) // 2
                else: guess = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
                line[i] = (line[i] + guess) & 255
            colours.update(zip(*(line[channel::step] for channel in range(3))))
            above = line
        print(json.dumps({"size": [width, height], "colours": len(colours)}))
        """

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
            let none = try await gallery(bench, ["-o", "-", "--since", "9999-12-31"])
            #expect(none.lines.contains("<h2>Nothing here yet</h2>"))

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
