import GenerationTasks
import HTTPTransport
import KlingAPI
import KlingService
import Logging
import SQLiteLedger
import Storage

/// Looks at everything that klingd needs with these settings, and says of each how it is and what to do.
struct Doctor: Sendable {
    var settings: Settings
    var sources: SettingSources
    var isOffline: Bool
    var log: Logger

    /// Shows each finding as soon as there is one. Nothing is paid, and no secret is shown.
    func look(_ show: @Sendable (Finding) -> Void) async {
        show(.ok("settings", "provider \(settings.provider.rawValue), limits '\(settings.limits.name)'"))
        show(configuration)
        show(stateFolder)
        show(await ledger())
        show(key)
        let transport = HTTPTransport(configuration: settings.transport(environment), logger: log)
        for finding in await provider(transport) { show(finding) }
        await transport.shutdown()
        if let proxy { show(proxy) }
        show(await storage())
        show(plugins)
    }

    // MARK: This machine

    private var environment: Environment { sources.environment }

    private var configuration: Finding {
        let what = "configuration file"
        guard let path = sources.filePath?.value, SettingSources.isThere(path) else {
            return .ok(what, "none; every setting is by flag, by variable or as usual ('klingd config show' tells)")
        }
        let names = settings.plugins.configuration.plugins.keys.sorted()
        return .ok(what, names.isEmpty ? path : "\(path), with the plugins \(names.joined(separator: ", "))")
    }

    /// An image of the provider's has a few megabytes.
    private static let littleSpace: Int64 = 200 << 20

    private var stateFolder: Finding {
        let (path, what) = (settings.ledgerDirectory, "state folder")
        let folder = Machine.folder(path)
        if case .unfit(let trouble) = folder {
            return .wrong(what, "\(path): \(trouble)", "give another folder by --state")
        }
        let nearest = Machine.existing(above: path)
        if let network = FileSystemKind.network(of: nearest) {
            return .wrong(
                what,
                "\(path) lies on a network file system (\(network)), where the ledger's locks do not hold",
                "give a folder of this machine by --state"
            )
        }
        if folder == .absent, let trouble = Machine.refusal(in: nearest) {
            return .wrong(what, "\(path) cannot be made in \(nearest): \(trouble)", "give another folder by --state")
        }
        let free = Machine.freeBytes(nearest)
        let space = free.map { "\($0 >> 20) MiB free on this machine" } ?? "free space not told"
        if case .open(let mode) = folder {
            return .warning(what, "\(path): others may read it (mode \(mode)); \(space)", "chmod 700 \(path)")
        }
        let seen =
            folder == .absent
            ? "\(path) is made at the first use; \(space)" : "\(path) is private and can be written to; \(space)"
        if let free, free < Self.littleSpace { return .warning(what, seen, "free some space") }
        return .ok(what, seen)
    }

    private func ledger() async -> Finding {
        let what = "ledger"
        guard settings.baseURL != nil else { return .ok(what, "in memory, since the simulator runs in the process") }
        guard SQLiteLedger.exists(in: settings.ledgerDirectory) else {
            return .ok(what, "none in \(settings.ledgerDirectory) yet; it is made with the first task")
        }
        let ledger = SQLiteLedger(directory: settings.ledgerDirectory, time: SystemTime())
        do throws(LedgerError) {
            let (counts, schema, damage) = try await ledger.examine()
            if let barred = ledger.submittingIsBarred() { return .wrong(what, barred) }
            await ledger.close()
            guard damage.isEmpty else {
                return .wrong(
                    what,
                    "damaged: \(damage.joined(separator: "; "))",
                    "stop every klingd and put a copy back"
                )
            }
            let states = TaskState.allCases.compactMap { state in counts[state].map { "\($0) \(state.rawValue)" } }
            let seen =
                "sound, schema \(schema.last ?? "none"); tasks: "
                + (states.isEmpty ? "none" : states.joined(separator: ", "))
            let open = TaskState.allCases.filter { !$0.isTerminal }.reduce(0) { $0 + (counts[$1] ?? 0) }
            guard let doubtful = counts[.unresolved] else {
                return .ok(what, open == 0 ? seen : "\(seen); 'klingd watch --all' goes on with \(open)")
            }
            return .warning(what, seen, "decide on \(doubtful) by 'klingd resolve', they may be billed")
        } catch {
            return .wrong(what, TaskError(error).message)
        }
    }

    private var key: Finding {
        if let missing = settings.missingCredentials { return .wrong("key", "none", missing) }
        let keys: [Setting] =
            switch settings.provider {
            case .simulator: []
            case .cometapi: [.cometAPIKey]
            case .kling: [.klingKey, .klingAccessKey, .klingSecretKey]
            }
        let places = keys.compactMap(KeySources(sources).place)
        return .ok("key", places.isEmpty ? "the simulator needs none" : places.joined(separator: ", "))
    }

    private var plugins: Finding {
        let path = environment["PATH"]?.split(separator: ":").map(String.init) ?? []
        let found = Machine.plugins(in: settings.plugins.directories + path)
        return .ok("storage plugins", found.isEmpty ? "none" : found.joined(separator: ", "))
    }

    /// Host and port alone: the variable may hold a password.
    private var proxy: Finding? {
        guard let url = settings.baseURL else { return nil }
        do {
            guard let proxy = try ProxyEnvironment(environment.variables).proxy(for: url) else { return nil }
            return .ok("proxy", "\(proxy) is used for \(url.host)")
        } catch {
            return .wrong("proxy", error.message, "correct https_proxy, http_proxy or all_proxy")
        }
    }

    // MARK: The network

    private func provider(_ transport: HTTPTransport) async -> [Finding] {
        let what = "provider"
        guard let url = settings.baseURL else { return [.ok(what, "the simulator, in the process itself")] }
        guard !isOffline else { return [.ok(what, "\(url.host) was not asked (--offline)")] }
        guard let client = settings.client(transport) else {
            return [.warning(what, "\(url.host) was not asked, for there is no key", "")]
        }
        var findings: [Finding] = []
        // First without the key: whether anybody answers, and by which clock.
        do throws(HTTPTransportError) {
            let answer = try await transport.send(HTTPRequest(.get, url), bodyLimit: 1 << 20, timeout: .seconds(20))
            if let clock = clock(answer, of: url) { findings.append(clock) }
        } catch {
            return [.wrong(what, error.message, "check network, proxy and --base-url")]
        }
        let id = "klingd-doctor-\(UInt64.random(in: .min ... .max))"
        let free = "(asked for a task that cannot exist, which is free)"
        switch await client.lookUp(taskID: id) {
        case .found, .noSuchTask: findings.append(.ok(what, "\(url.host) answers and takes the key \(free)"))
        case .throttled(let failure):
            findings.append(.warning(what, "\(url.host) answers, but: \(failure.message)", "try again later"))
        case .rejected(let failure):
            findings.append(.wrong(what, "\(url.host) answers, but refuses: \(failure.message) \(free)"))
        case .unavailable(let failure): findings.append(.wrong(what, "\(url.host): \(failure.message)"))
        }
        return findings
    }

    /// In seconds. Signed logins and the times of tasks depend on the clock.
    private static let allowedDifference: Int64 = 30

    /// Our clock against the provider's `Date`; `nil` when it does not tell.
    private func clock(_ answer: HTTPResponse, of url: HTTPURL) -> Finding? {
        guard let theirs = answer.headers["Date"].flatMap({ RetryAfter.seconds(ofDate: $0) }) else { return nil }
        let difference = SystemTime().date.milliseconds / 1000 - theirs
        let seen = "\(abs(difference)) s \(difference < 0 ? "behind" : "ahead of") \(url.host)"
        guard abs(difference) > Self.allowedDifference else {
            return .ok("clock", abs(difference) < 2 ? "right" : seen)
        }
        return .warning("clock", seen, "set the clock, best by NTP: signed logins fail by it")
    }

    private func storage() async -> Finding {
        let what = "storage"
        if isOffline, settings.storage.scheme != "file" {
            return .ok(what, "\(settings.storage) was not asked (--offline)")
        }
        let registry = StorageBackends(settings, environment, log).registry
        do {
            let backend = try registry.makeBackend(for: settings.storage)
            let result: Finding
            do {
                // What 'generate' does before it asks for anything paid: it makes the root and tries to write there.
                try await backend.prepare()
                let free = settings.storage.scheme == "file" ? Machine.freeBytes(settings.storage.path) : nil
                let space = free.map { "; \($0 >> 20) MiB free" } ?? ""
                result = .ok(what, "\(settings.storage) can be written to\(space)")
            } catch {
                result = .wrong(what, "\(settings.storage): \(error.message)")
            }
            await backend.shutdown()
            return result
        } catch {
            return .wrong(what, "\(settings.storage): \(error.message)", "correct --storage")
        }
    }
}
