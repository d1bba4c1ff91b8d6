import Testing

@testable import S3Storage

@Suite(.timeLimit(.minutes(1))) struct ShellWordsTests {
    /// What Python's `shlex.split` makes of these lines, which is what botocore takes.
    @Test(arguments: rows) func aLineIsSplitAsBotocoreSplitsIt(line: String, words: [String]?) {
        #expect(ShellWords.split(line) == words)
    }
}

private let rows: [(String, [String]?)] = [
    ("a b  c", ["a", "b", "c"]),
    (" lead trail ", ["lead", "trail"]),
    ("'a b' c", ["a b", "c"]),
    ("\"a b\"c d", ["a bc", "d"]),
    ("a\\ b", ["a b"]),
    ("\"a\\\"b\\\\c\\d\"", ["a\"b\\c\\d"]),
    ("'a\\b'", ["a\\b"]),
    ("''", [""]),
    ("a ''  b", ["a", "", "b"]),
    ("\"\"x\"\"", ["x"]),
    ("a\tb\nc", ["a", "b", "c"]),
    ("#a b #c", ["#a", "b", "#c"]),
    ("a;b|c>d $HOME *", ["a;b|c>d", "$HOME", "*"]),
    ("\u{E9} \u{FC}", ["\u{E9}", "\u{FC}"]),
    ("'open", nil),
    ("\"open", nil),
    ("end\\", nil),
    ("", []),
    ("\\\n", ["\n"]),
    ("a'b'\"c\"d", ["abcd"]),
]
