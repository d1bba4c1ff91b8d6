import GenerationTasks
import JSON
import Testing

@testable import KlingdCommands

/// Tasks as a table, and text that may be shown on a terminal.
@Suite struct TaskListingTests {
    private let now = Timestamp(milliseconds: 10_000_000)

    @Test func columnsStandUnderTheirHeads() throws {
        let tasks: [GenerationTask] = [
            .sample(.processing, prompt: "short", createdAt: Timestamp(milliseconds: 9_995_000)),
            .sample(.stored, prompt: "a\nb\u{7}\u{202E}", createdAt: Timestamp(milliseconds: 0)),
        ]
        let lines = TaskListing(now: now, width: nil).lines(tasks)
        #expect(lines.count == 3)
        #expect(lines[0].hasPrefix("id                                    state       charged  age  "))
        #expect(lines[1] == "\(tasks[0].id)  processing  no       5 s  short")
        #expect(lines[2] == "\(tasks[1].id)  stored      no       2 h  a\\nb\\u{7}\\u{202e}")
    }

    @Test func linesAreCutToTheTerminal() {
        let task = GenerationTask.sample(prompt: String(repeating: "日本", count: 60))
        for width in [20, 70, 71, 80] {
            let line = TaskListing(now: now, width: width).lines([task])[1]
            #expect((width - 1...width).contains(TerminalText.columns(line)), "\(width): \(line)")
            #expect(line.last == "…")
        }
    }

    @Test func agesHaveOneUnit() {
        let words = [0, 119, 120, 7199, 7200, 172_799, 172_800].map(TaskListing.words)
        #expect(words == ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"])
    }

    @Test func whatOthersWroteCannotMoveTheCursor() {
        #expect(TerminalText.escaped("a\u{1B}]0;title\u{7}\t\r\u{9B}2J") == "a\\u{1b}]0;title\\u{7}\\t\\r\\u{9b}2J")
        #expect(TerminalText.escaped("日本 👩‍🚀 é ü") == "日本 👩‍🚀 é ü")
        #expect(TerminalText.cut("abc", to: 3) == "abc")
        #expect(TerminalText.cut("abcd", to: 3) == "ab…")
        #expect(TerminalText.cut("日本", to: 3) == "日…")
        #expect(TerminalText.cut("abc", to: 0) == "")
    }
}

/// Refusals in the words of the command line.
@Suite struct OptionWordsTests {
    @Test func membersBecomeOptions() {
        #expect(
            ImageOptions.naming(options: "'aspect_ratio' must be 1:1, not 'n'") == "--aspect-ratio must be 1:1, not 'n'"
        )
        #expect(
            ImageOptions.naming(options: "'negative_prompt' is not supported together with 'image'; say in 'prompt'")
                == "--negative-prompt is not supported together with --image; say in the prompt"
        )
    }
}
