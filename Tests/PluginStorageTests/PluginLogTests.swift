import Testing

@testable import PluginStorage

@Suite struct PluginLogTests {
    private var limits: PluginLimits {
        var limits = PluginLimits()
        limits.logLine = 10
        limits.logLinesPerSecond = 3
        limits.lastLines = 2
        return limits
    }

    private func log(_ secrets: [String: String] = [:]) -> PluginLog {
        PluginLog(limits: limits, redactor: SecretRedactor(secrets))
    }

    private func receive(_ text: String, _ log: inout PluginLog, at now: Duration = .zero) -> [String] {
        Array(text.utf8).withUnsafeBytes { log.receive($0, at: now) }
    }

    @Test func linesAreToldWhenTheyAreWhole() {
        var log = log()
        #expect(receive("one\r\ntw", &log) == ["one"])
        #expect(receive("o\n\nthree", &log) == ["two"])
        #expect(log.finish(at: .zero) == ["three"])
        #expect(log.lastLines == ["two", "three"])
    }

    @Test func aLongLineIsCut() {
        var log = log()
        #expect(receive("0123456789abcdef\n0123456789\n", &log) == ["0123456789…", "0123456789"])
    }

    @Test func ofTooManyLinesTheNumberIsToldAndTheLastAreKept() {
        var log = log()
        #expect(receive("1\n2\n3\n4\n5\n6\n", &log) == ["1", "2", "3"])
        #expect(receive("7\n", &log, at: .milliseconds(999)) == [])
        #expect(receive("8\n", &log, at: .milliseconds(1000)) == ["… dropped 4 lines", "8"])
        #expect(log.lastLines == ["7", "8"])
        #expect(receive("9\n9\n9\n", &log, at: .milliseconds(1500)) == ["9", "9"])
        #expect(log.finish(at: .milliseconds(1600)) == ["… dropped 1 lines"])
    }

    @Test func controlsReachNobody() {
        var log = log()
        #expect(receive("\u{1B}[1m\tx\u{202E}\n", &log) == ["\\u{1b}[1m x\\u{202e}"])
    }

    @Test(arguments: 1...30)
    func aSecretIsTakenOutWhereverTheLineIsCut(offset: Int) {
        var log = log(["key": "topsecret"])
        let line = String(repeating: ".", count: offset) + "topsecrettopsecret"
        for shown in receive(line + "\n", &log) {
            #expect(!shown.contains("to") && !shown.contains("ps"), "\(shown)")
        }
    }

    @Test func anEndlessLineCostsNoMemory() {
        var log = log()
        for _ in 0..<100 { #expect(receive(String(repeating: "x", count: 100_000), &log) == []) }
        #expect(receive("\nnext\n", &log) == ["xxxxxxxxxx…", "next"])
    }
}

@Suite struct SecretRedactorTests {
    @Test(arguments: [
        ("a hunter2! b", "a [secret b] b"), ("hunter2!hunter2!", "[secret b][secret b]"), ("hunter2", "hunter2"),
        ("hunter2%21", "[secret b]"), ("abc", "abc"), ("long hunter2! value", "[secret c]"),
        ("first line here", "[secret d]"), (#"x\"y\\z\"w"#, "[secret e]"),
    ])
    func valuesAreReplacedByTheirNames(text: String, shown: String) {
        let redactor = SecretRedactor([
            "a": "abc", "b": "hunter2!", "c": "long hunter2! value", "d": "first line here\nshort\n",
            "e": #"x"y\z"w"#, "f": "",
        ])
        #expect(redactor.redact(text) == shown)
    }
}
