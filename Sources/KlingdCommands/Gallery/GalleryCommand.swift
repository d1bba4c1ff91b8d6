import ArgumentParser
import GenerationTasks
import KlingService
import SQLiteLedger
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `klingd gallery`: a page of what was generated.
struct GalleryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gallery",
        abstract: "Write an HTML page of the images: thumbnails, prompts, parameters, hashes, places, charges.",
        discussion: """
            One file that loads nothing but the images where they are stored, and needs no network. Its path is printed.
            The ledger is read alone: a klingd that works goes on undisturbed.
            """
    )

    @OptionGroup var service: ServiceOptions

    @Option(name: .shortAndLong, help: "Where the page goes; - is stdout.")
    var output = "klingd-gallery.html"

    @Option(help: "The newest so many images, of those --since leaves (default: all).")
    var limit: Int?

    @Option(help: ArgumentHelp("Only tasks made from this day on, such as 2026-11-23 (UTC).", valueName: "date"))
    var since: String?

    /// Tasks that are read from the ledger at once.
    private static let pageSize = 200

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit must be 1 or more, not \(limit)") }
        if let since, !Self.isDay(since) { throw ValidationError("--since must look like 2026-11-23, not \(since)") }
        if output.isEmpty { throw ValidationError("--output names no file") }
    }

    func run() throws {
        let environment = Environment.current
        // The ledger alone is read: no key is needed, and no command is run for one.
        let settings = try Settings(service, environment, needsKey: false)
        _ = Log.bootstrap(environment, level: settings.logLevel)
        try settings.requireLedger()
        let result = try CommandLoop.run { await write(from: SQLiteLedger(directory: settings.ledgerDirectory)) }
        if try result.get() == 0 {
            let lack = since.map { "there are no images since \($0)" } ?? "there are no images yet"
            Console.error("klingd: \(lack), and the page says so; generate some, then make it again")
        }
    }

    /// Tells how many images the page has.
    private func write(from ledger: SQLiteLedger) async -> Result<Int, CommandFailure> {
        do throws(CommandFailure) {
            guard output != "-" else {
                return .success(
                    try await write(from: ledger, folders: []) { (text) throws(CommandFailure) in
                        do {
                            try FileDescriptor.standardOutput.writeAll(text.utf8)
                        } catch {
                            throw CommandFailure(message: "stdout: \(error)", exitCode: CommandFailure.failed)
                        }
                    }
                )
            }
            let file = try OutputFile(Settings.absolute(output))
            let images = try await write(from: ledger, folders: file.folders) { (text) throws(CommandFailure) in
                try file.write(text)
            }
            try file.publish()
            Console.output(file.path)
            return .success(images)
        } catch {
            return .failure(error)
        }
    }

    private func write(
        from ledger: SQLiteLedger,
        folders: [String],
        to write: (String) throws(CommandFailure) -> Void
    ) async throws(CommandFailure) -> Int {
        let article = GalleryArticle(links: ImageLink(folders: folders), isThere: Self.isFile)
        var page = GalleryPage(article, madeAt: SystemTime().date, limit: limit, since: since)
        var query = TaskQuery(limit: Self.pageSize)
        var text = page.head
        repeat {
            let found: TaskPage
            do {
                found = try await ledger.list(query)
            } catch {
                throw CommandFailure(message: TaskError(error).message, exitCode: CommandFailure.failed)
            }
            for task in found.tasks { text += page.add(task) }
            try write(text)
            text = ""
            query.cursor = found.next
        } while query.cursor != nil && !page.isCut
        try write(page.end())
        return page.images
    }

    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Days of this form are in the order of their texts.
    private static func isDay(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let isWellFormed =
            parts.map(\.utf8.count) == [4, 2, 2] && parts.joined().utf8.allSatisfy { (48...57).contains($0) }
        guard isWellFormed, let month = Int(parts[1]), let day = Int(parts[2]) else { return false }
        return (1...12).contains(month) && (1...31).contains(day)
    }
}
