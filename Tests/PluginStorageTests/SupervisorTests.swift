import JSON
import JSONRPC
import Storage
import SystemPackage
import Testing

@testable import PluginStorage

/// A supervisor on a clock that the test turns, with what it did.
struct SupervisedPlugin {
    private(set) var supervisor: PluginSupervisor
    private(set) var now = Duration.zero
    /// What happened since it was last looked at, in short.
    private var happened: [String] = []
    private(set) var outcomes: [UInt64: Result<JSONValue, StorageError>] = [:]
    private var nextTicket: UInt64 = 1

    init(_ change: (inout PluginTimes) -> Void = { _ in }) {
        var times = PluginTimes()
        change(&times)
        supervisor = PluginSupervisor(
            errors: PluginErrors(program: "klingd-storage-x"),
            times: times,
            limits: PluginLimits(),
            calendar: { "in \($0.text)" }
        )
    }

    mutating func take() -> [String] {
        defer { happened = [] }
        return happened
    }

    mutating func event(_ event: PluginSupervisor.Event) {
        for action in supervisor.handle(event, at: now, jitter: 0.5) {
            switch action {
            case .spawn: happened.append("spawn")
            case .initialize(let id): happened.append("initialize \(id)")
            case .send(let id, let operation): happened.append("\(operation.method) \(id)")
            case .cancel(let id): happened.append("cancel \(id)")
            case .shutDown(let id): happened.append("shutdown \(id)")
            case .closeInput: happened.append("close")
            case .terminate: happened.append("TERM")
            case .kill: happened.append("KILL")
            case .finish(let ticket, let result):
                if outcomes.updateValue(result, forKey: ticket) != nil { happened.append("TWICE") }
                switch result {
                case .success: happened.append("done \(ticket)")
                case .failure(let error): happened.append("\(error.kind) \(ticket)")
                }
            case .declare: happened.append("set up")
            case .log: break
            }
        }
    }

    mutating func ask(_ operation: PluginOperation) -> UInt64 {
        defer { nextTicket += 1 }
        event(.ask(nextTicket, operation))
        return nextTicket
    }

    mutating func answer(_ id: Int64, _ result: JSONValue = [:]) {
        event(.received(.answer(id: id, .success(result))))
    }

    mutating func fail(_ id: Int64, kind: String) {
        let error = RPCError(code: 10017, message: "words of the plugin", data: ["kind": .string(kind)])
        event(.received(.answer(id: id, .failure(error))))
    }

    mutating func die(_ code: Int32 = 1) {
        event(.outputEnded)
        event(.exited(PluginExit(status: .code(code), lastLines: [])))
    }

    /// Lets the time pass, with a tick at each deadline on the way.
    mutating func pass(_ time: Duration) {
        let end = now + time
        while let deadline = supervisor.nextDeadline, deadline <= end {
            now = max(now, deadline)
            event(.tick)
        }
        now = end
    }

    /// Up to a plugin that has been set up, by a request of its own.
    mutating func setUp(concurrency: Int64 = 1) {
        _ = ask(.prepare)
        event(.spawned)
        answer(supervisor.nextID - 1, Self.handshake(concurrency: concurrency))
        _ = take()
    }

    static func handshake(version: Int64 = 1, concurrency: Int64 = 1) -> JSONValue {
        [
            "version": .integer(version), "plugin": ["name": "x", "version": "1"],
            "capabilities": ["concurrency": .integer(concurrency)],
        ]
    }
}

@Suite(.timeLimit(.minutes(1))) struct SupervisorTests {
    private let head: PluginOperation
    private let list = PluginOperation.list(prefix: "", after: nil, limit: 1)

    init() throws {
        head = .head(try ObjectKey("a"))
    }

    @Test func aPluginIsStartedAtTheFirstRequestAndSetUpOnce() {
        var plugin = SupervisedPlugin()
        #expect(plugin.supervisor.nextDeadline == nil)
        _ = plugin.ask(head)
        _ = plugin.ask(list)
        #expect(plugin.take() == ["spawn"])
        plugin.event(.spawned)
        #expect(plugin.take() == ["initialize 1"])
        plugin.answer(1, SupervisedPlugin.handshake())
        #expect(plugin.take() == ["set up", "head 2"])
        plugin.answer(2)
        #expect(plugin.take() == ["done 1", "list 3"])
        plugin.answer(3)
        #expect(plugin.take() == ["done 2"])
    }

    @Test func asManyAsThePluginTakesAreAskedAtOnce() {
        var plugin = SupervisedPlugin()
        plugin.setUp(concurrency: 2)
        for _ in 0..<3 { _ = plugin.ask(head) }
        #expect(plugin.take() == ["head 2", "head 3"])
        plugin.answer(3)
        #expect(plugin.take() == ["done 3", "head 4"])
    }

    @Test func describeNeedsNoSetUp() {
        var plugin = SupervisedPlugin()
        _ = plugin.ask(.describe)
        plugin.event(.spawned)
        #expect(plugin.take() == ["spawn", "describe 1"])
        _ = plugin.ask(head)
        #expect(plugin.take() == ["initialize 2"])
        plugin.answer(1)
        #expect(plugin.take() == ["done 1"])
    }

    @Test func whatWasInFlightIsAskedAgainOnceAndOnlyOnce() {
        var plugin = SupervisedPlugin()
        plugin.setUp()
        let ticket = plugin.ask(head)
        #expect(plugin.take() == ["head 2"])
        plugin.die()
        #expect(plugin.take() == ["close"])
        plugin.pass(.milliseconds(499))
        #expect(plugin.take() == [])
        plugin.pass(.milliseconds(1))
        #expect(plugin.take() == ["spawn"])
        plugin.event(.spawned)
        plugin.answer(3, SupervisedPlugin.handshake())
        #expect(plugin.take() == ["initialize 3", "set up", "head 4"])
        plugin.die()
        #expect(plugin.take() == ["close", "plugin \(ticket)"])
        guard case .failure(let error) = plugin.outcomes[ticket] else { return }
        #expect(error.isRetryable)
        #expect(error.message.contains("crashed twice during head of a: it exited with status 1 unasked"))
        // Nobody waits: nothing is started.
        plugin.pass(.seconds(100))
        #expect(plugin.take() == [])
    }

    @Test func aRequestThatOnlyWaitedHasSeenNoCrash() {
        var plugin = SupervisedPlugin()
        plugin.setUp()
        for _ in 0..<2 { _ = plugin.ask(head) }
        plugin.die()
        plugin.pass(.seconds(1))
        plugin.event(.spawned)
        plugin.answer(3, SupervisedPlugin.handshake())
        #expect(plugin.take() == ["head 2", "close", "spawn", "initialize 3", "set up", "head 4"])
        plugin.die()
        // The first fails, the other was never asked.
        #expect(plugin.take() == ["close", "plugin 2"])
        plugin.pass(.seconds(1))
        plugin.event(.spawned)
        plugin.answer(5, SupervisedPlugin.handshake())
        #expect(plugin.take() == ["spawn", "initialize 5", "set up", "head 6"])
    }

    @Test func silenceIsAnsweredWithACancelAndThenWithTheEnd() {
        var plugin = SupervisedPlugin()
        plugin.setUp()
        let ticket = plugin.ask(head)
        plugin.pass(.seconds(59))
        plugin.event(.received(.progress(id: 2)))
        plugin.pass(.seconds(59))
        #expect(plugin.take() == ["head 2"])
        plugin.pass(.seconds(1))
        #expect(plugin.take() == ["cancel 2"])
        // Too late to be a sign of life.
        plugin.event(.received(.progress(id: 2)))
        plugin.pass(.seconds(5))
        #expect(plugin.take() == ["close", "TERM"])
        plugin.pass(.seconds(2))
        #expect(plugin.take() == ["KILL"])
        plugin.die()
        #expect(plugin.take() == ["plugin \(ticket)"])
    }

    @Test func aResultThatComesAfterTheCancelCounts() {
        var plugin = SupervisedPlugin()
        plugin.setUp()
        _ = plugin.ask(head)
        plugin.pass(.seconds(60))
        plugin.answer(2)
        #expect(plugin.take() == ["head 2", "cancel 2", "done 2"])
        let ticket = plugin.ask(head)
        plugin.pass(.seconds(60))
        plugin.fail(3, kind: "cancelled")
        #expect(plugin.take() == ["head 3", "cancel 3", "plugin \(ticket)"])
        guard case .failure(let error) = plugin.outcomes[ticket] else { return }
        #expect(error.message.contains("neither answered head of a nor sent '$/progress' for 60 s"))
    }

    @Test func aLargeFileHasMoreTime() throws {
        let request = PutRequest(
            key: try ObjectKey("a"),
            source: "/x",
            size: 100_000_000,
            sha256: "",
            mediaType: "image/png"
        )
        var plugin = SupervisedPlugin()
        plugin.setUp()
        _ = plugin.ask(.put(request))
        for _ in 0..<39 {
            plugin.pass(.seconds(40))
            plugin.event(.received(.progress(id: 2)))
        }
        #expect(plugin.take() == ["put 2"])
        // 10 minutes and 1,000 seconds.
        plugin.pass(.seconds(40))
        #expect(plugin.take() == ["cancel 2"])
    }

    @Test func aCallThatIsCancelledLeavesThePluginAlone() {
        var plugin = SupervisedPlugin()
        plugin.setUp()
        let first = plugin.ask(head)
        let second = plugin.ask(list)
        plugin.event(.cancel(second))
        plugin.event(.cancel(first))
        #expect(plugin.take() == ["head 2", "unavailable \(second)", "unavailable \(first)", "cancel 2"])
        // The plugin is not free before it has answered.
        _ = plugin.ask(list)
        #expect(plugin.take() == [])
        plugin.fail(2, kind: "cancelled")
        #expect(plugin.take() == ["list 3"])
        plugin.event(.cancel(first))
        #expect(plugin.take() == [])
    }

    @Test func aPluginWithNothingToDoIsShutDown() {
        var plugin = SupervisedPlugin()
        plugin.setUp()
        plugin.pass(.seconds(299))
        #expect(plugin.take() == [])
        plugin.pass(.seconds(1))
        #expect(plugin.take() == ["shutdown 2", "close"])
        plugin.answer(2)
        // What comes now waits for the next process.
        _ = plugin.ask(head)
        #expect(plugin.take() == [])
        plugin.event(.outputEnded)
        plugin.event(.exited(PluginExit(status: .code(0), lastLines: [])))
        #expect(plugin.take() == ["spawn"])
    }

    @Test func whoDoesNotEndIsMadeToEnd() {
        var plugin = SupervisedPlugin()
        plugin.setUp()
        plugin.pass(.seconds(300))
        #expect(plugin.take() == ["shutdown 2", "close"])
        plugin.pass(.seconds(5))
        #expect(plugin.take() == ["TERM"])
        plugin.pass(.seconds(2))
        #expect(plugin.take() == ["KILL"])
        #expect(plugin.supervisor.nextDeadline == nil)
    }

    @Test func theEndOfKlingdHasLittleTime() {
        var plugin = SupervisedPlugin()
        plugin.setUp()
        let first = plugin.ask(head)
        let second = plugin.ask(head)
        plugin.event(.shutDown)
        #expect(plugin.take() == ["head 2", "unavailable \(second)", "unavailable \(first)", "shutdown 3", "close"])
        plugin.pass(.milliseconds(1200))
        #expect(plugin.take() == ["TERM"])
        plugin.pass(.milliseconds(800))
        #expect(plugin.take() == ["KILL"])
        plugin.die(9)
        let late = plugin.ask(head)
        #expect(plugin.take() == ["unavailable \(late)"])
        #expect(plugin.supervisor.nextDeadline == nil)
    }

    @Test func aPluginThatIsBeingEndedAlreadyIsHurriedWhenKlingdEnds() {
        var plugin = SupervisedPlugin()
        plugin.setUp()
        plugin.pass(.seconds(301))
        #expect(plugin.take() == ["shutdown 2", "close"])
        plugin.event(.shutDown)
        plugin.pass(.milliseconds(1200))
        #expect(plugin.take() == ["TERM"])
    }

    @Test func aProcessThatCameUpTooLateIsEnded() {
        var plugin = SupervisedPlugin()
        let ticket = plugin.ask(head)
        plugin.event(.shutDown)
        plugin.event(.spawned)
        #expect(plugin.take() == ["spawn", "unavailable \(ticket)", "shutdown 1", "close"])
    }

    @Test func fiveCrashesOpenTheBreakerForFiveMinutes() {
        var plugin = SupervisedPlugin()
        for crash in 1...5 {
            _ = plugin.ask(head)
            plugin.pass(.seconds(20))
            plugin.event(.spawned)
            plugin.answer(plugin.supervisor.nextID - 1, SupervisedPlugin.handshake())
            #expect(plugin.take().contains("spawn"), "crash \(crash)")
            plugin.die()
            plugin.pass(.milliseconds(1))
        }
        let ticket = plugin.ask(head)
        #expect(plugin.take().suffix(1) == ["plugin \(ticket)"])
        guard case .failure(let error) = plugin.outcomes[ticket] else { return }
        #expect(error.message.contains("crashed 5 times within 300 s and is left alone until in 300 s"))
        #expect(error.isRetryable)
        plugin.pass(.seconds(299))
        _ = plugin.ask(head)
        #expect(!plugin.take().contains("spawn"))
        plugin.pass(.seconds(1))
        _ = plugin.ask(head)
        #expect(plugin.take() == ["spawn"])
    }

    @Test func aPluginThatCannotBeStartedIsNoCrash() {
        var plugin = SupervisedPlugin()
        for _ in 0..<10 {
            let ticket = plugin.ask(head)
            plugin.event(.spawnFailed(StorageError(.configuration, "not there")))
            #expect(plugin.take() == ["spawn", "configuration \(ticket)"])
        }
    }

    @Test func anAnswerToNobodyIsNamed() {
        var plugin = SupervisedPlugin()
        let ticket = plugin.ask(.prepare)
        for _ in 0..<2 {
            plugin.pass(.seconds(1))
            plugin.event(.spawned)
            plugin.answer(99)
            plugin.die(15)
        }
        guard case .failure(let error) = plugin.outcomes[ticket] else { return }
        #expect(error.message.contains("answered a request with the id 99"))
    }

    @Test func aMessageAfterAFaultIsNotHeard() {
        var plugin = SupervisedPlugin()
        plugin.setUp()
        let ticket = plugin.ask(head)
        plugin.event(.received(.fault(.request("x"))))
        plugin.answer(2)
        #expect(plugin.take() == ["head 2", "close", "TERM"])
        #expect(plugin.outcomes[ticket] == nil)
    }

    @Test(arguments: [("storage_full", "full"), ("moon_phase", "plugin"), ("image_unavailable", "source")])
    func aPluginThatRefusesTheSetUpFailsThoseWhoWaitAndIsEnded(kind: String, told: String) {
        var plugin = SupervisedPlugin()
        let ticket = plugin.ask(head)
        plugin.event(.spawned)
        plugin.fail(1, kind: kind)
        #expect(plugin.take() == ["spawn", "initialize 1", "\(told) \(ticket)", "shutdown 2", "close"])
        plugin.answer(2)
        plugin.event(.outputEnded)
        plugin.event(.exited(PluginExit(status: .code(0), lastLines: [])))
        // No crash, so no backoff either.
        _ = plugin.ask(head)
        #expect(plugin.take() == ["spawn"])
    }
}
