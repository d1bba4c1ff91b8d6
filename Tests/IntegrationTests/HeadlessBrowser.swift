import Foundation
import Testing

/// Chromium or Chrome without a window.
struct HeadlessBrowser {
    private let program: String
    /// What it keeps of itself.
    private let profile: URL

    /// Chrome goes first: Ubuntu's Chromium is a snap, which sees no files in `/tmp`.
    private static let names = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome"]
    private static let macOSPrograms = [
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ]

    /// The one that is installed; fails the test where there is none.
    init(profile: URL) throws {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        let places = Self.names.flatMap { name in folders.map { "\($0)/\(name)" } } + Self.macOSPrograms
        program = try #require(
            places.first { FileManager.default.isExecutableFile(atPath: $0) },
            """
            no browser to look at the gallery with: install chromium (Debian: apt-get install chromium; Ubuntu, whose \
            chromium is a snap that sees no temporary files: google-chrome-stable from Google), then try again
            """
        )
        self.profile = profile
    }

    /// How a reader looks at a page.
    struct View: Sendable {
        static let desk = View(width: 1280, height: 2000, isDark: false)
        static let phone = View(width: 390, height: 844, isDark: true)

        /// In CSS pixels, as the height.
        var width: Int
        var height: Int
        var isDark: Bool

        fileprivate var flags: [String] {
            // Of an enumeration: 0 is dark, 1 light.
            ["--window-size=\(width),\(height)", "--blink-settings=preferredColorScheme=\(isDark ? 0 : 1)"]
        }
    }

    /// What a script in the page posts to the window around it.
    ///
    /// A frame can be as narrow as a phone, which a window cannot.
    func message(from page: URL, _ view: View) async throws -> String {
        let frame = """
            <!DOCTYPE html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
            <script>
            addEventListener("message", event => {
              const element = document.createElement("pre");
              element.textContent = encodeURIComponent(event.data);
              document.body.append(element);
            });
            </script>
            <iframe src="\(page.absoluteString)" width="\(view.width)" height="\(view.height)" frameborder="0"></iframe>
            """
        try FileManager.default.createDirectory(at: profile, withIntermediateDirectories: true)
        let file = profile.appendingPathComponent("frame.html")
        try frame.write(to: file, atomically: true, encoding: .utf8)
        let document = try await run(view.flags + ["--dump-dom", file.absoluteString]).joined(separator: "\n")
        let start = try #require(document.firstRange(of: "<pre>"), "\(document)").upperBound
        let end = try #require(document[start...].firstRange(of: "</pre>")).lowerBound
        return try #require(document[start..<end].removingPercentEncoding)
    }

    /// Writes a PNG of the top of a page.
    func picture(of page: URL, _ view: View, to file: URL) async throws {
        _ = try await run(view.flags + ["--screenshot=\(file.path)", page.absoluteString])
    }

    /// The lines of its stdout.
    private func run(_ arguments: [String]) async throws -> [String] {
        var flags = [
            "--headless=new", "--hide-scrollbars", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-extensions",
            "--disable-background-networking", "--allow-file-access-from-files", "--virtual-time-budget=10000",
            "--user-data-dir=\(profile.path)",
        ]
        // Its sandbox refuses to be root's.
        if geteuid() == 0 { flags.append("--no-sandbox") }
        let process = try KlingdProcess(flags + arguments, program: program)
        defer { process.end() }
        let code = await process.exitCode()
        try #require(code == 0, "\(program): \(process.errors)")
        return process.lines
    }
}
