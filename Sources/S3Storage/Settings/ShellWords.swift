/// Splits a command line into words as a POSIX shell quotes them, and nothing else of a shell: no variables, no globs, no
/// comments. It is what botocore takes for `credential_process` and for names of sections (Python's `shlex.split`).
enum ShellWords {
    /// `nil` when a quotation mark is not closed or a backslash ends the line.
    static func split(_ line: some StringProtocol) -> [String]? {
        var words: [String] = []
        var word: String?
        var quote: Unicode.Scalar?
        var rest = line.unicodeScalars.makeIterator()
        while let scalar = rest.next() {
            switch (scalar, quote) {
            case ("\\", nil):
                guard let escaped = rest.next() else { return nil }
                word.append(escaped)
            case ("\\", "\""):
                guard let escaped = rest.next() else { return nil }
                if escaped != "\"" && escaped != "\\" { word.append(scalar) }
                word.append(escaped)
            case (_, let open?):
                if scalar == open { quote = nil } else { word.append(scalar) }
            case ("'", nil), ("\"", nil):
                quote = scalar
                word = word ?? ""
            case (" ", nil), ("\t", nil), ("\r", nil), ("\n", nil):
                if let finished = word { words.append(finished) }
                word = nil
            default: word.append(scalar)
            }
        }
        if let finished = word { words.append(finished) }
        return quote == nil ? words : nil
    }
}

extension String? {
    fileprivate mutating func append(_ scalar: Unicode.Scalar) {
        var text = self ?? ""
        text.unicodeScalars.append(scalar)
        self = text
    }
}
