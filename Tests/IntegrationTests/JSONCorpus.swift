import Foundation
import JSON
import Testing

/// The texts of `Tests/JSONCorpus`, whose README tells the notation.
struct JSONCorpus {
    /// Where a text stands in what is sent.
    enum Place: String {
        case id, value, name, prompt, line
    }

    /// What must come back.
    enum Outcome {
        /// Lines, each told as ``JSONCorpus/summary(of:)`` does.
        case answers([String])
        /// The id, the name or the prompt, in JSON.
        case echo(String)
    }

    struct Text {
        /// File and line.
        let source: String
        let place: Place
        let bytes: [UInt8]
        let outcome: Outcome
    }

    let texts: [Text]

    init() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("JSONCorpus")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        texts = try names.filter { $0.hasSuffix(".txt") }.flatMap { name in
            let lines = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
                .components(separatedBy: "\n")
            return try zip(1..., lines).filter { !$1.isEmpty && !$1.hasPrefix("#") }.map { number, line in
                try #require(Text(line, source: "\(name):\(number)"), "\(name):\(number) has another notation")
            }
        }
    }

    /// An answer in short: code and id of an error, `taken` and the id for a result, in brackets those of a batch.
    static func summary(of answer: String) -> String {
        let answers = answer.components(separatedBy: #"{"jsonrpc":"2.0","id":"#).dropFirst().map { rest in
            if let error = rest.range(of: #","error":{"code":"#) {
                let code = rest[error.upperBound...].prefix { $0 == "-" || $0.isNumber }
                return "\(code) \(rest[..<error.lowerBound])"
            }
            guard let result = rest.range(of: #","result":"#) else { return "neither result nor error" }
            return "taken \(rest[..<result.lowerBound])"
        }
        let list = answers.joined(separator: ", ")
        return answer.hasPrefix("[") ? "[\(list)]" : list
    }
}

extension JSONCorpus.Text {
    fileprivate init?(_ line: String, source: String) {
        guard let arrow = line.range(of: " → ", options: .backwards),
            let gap = line.firstIndex(of: " "), gap < arrow.lowerBound,
            let place = JSONCorpus.Place(rawValue: String(line[..<gap])),
            let bytes = Self.bytes(of: line[gap..<arrow.lowerBound].trimmingCharacters(in: .whitespaces)),
            let outcomeBytes = Self.bytes(of: line[arrow.upperBound...].trimmingCharacters(in: .whitespaces))
        else { return nil }
        self.source = source
        self.place = place
        self.bytes = bytes
        outcome = Self.outcome(String(decoding: outcomeBytes, as: UTF8.self))
    }

    /// The text without the notation for what cannot be seen.
    private static func bytes(of text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "⟨") {
            guard let close = rest[open...].firstIndex(of: "⟩") else { return nil }
            bytes += rest[..<open].utf8
            let inner = rest[rest.index(after: open)..<close]
            if let times = inner.range(of: " × ") {
                guard let count = Int(inner[times.upperBound...]) else { return nil }
                let piece = Array(inner[..<times.lowerBound].utf8)
                // One byte is what the longest texts repeat.
                if piece.count == 1 {
                    bytes += [UInt8](repeating: piece[0], count: count)
                } else {
                    for _ in 0..<count { bytes += piece }
                }
            } else {
                for hex in inner.split(separator: " ") {
                    guard hex.count == 2, let byte = UInt8(hex, radix: 16) else { return nil }
                    bytes.append(byte)
                }
            }
            rest = rest[rest.index(after: close)...]
        }
        return bytes + rest.utf8
    }

    private static func outcome(_ text: String) -> JSONCorpus.Outcome {
        if text == "nothing" { return .answers([]) }
        if text == "taken" { return .answers([#"taken "corpus""#]) }
        guard text.hasPrefix("taken ") || text.hasPrefix("-32") || text.hasPrefix("[-32") else { return .echo(text) }
        let lines = text.components(separatedBy: "; ").map { line in
            guard line.hasPrefix("[") else { return answer(line) }
            let answers = line.dropFirst().dropLast().components(separatedBy: ",")
            return "[" + answers.map { answer($0.trimmingCharacters(in: .whitespaces)) }.joined(separator: ", ") + "]"
        }
        return .answers(lines)
    }

    /// An answer under no id is one under the id null.
    private static func answer(_ text: String) -> String { text.contains(" ") ? text : "\(text) null" }

    /// What is sent, with its line break. `number` makes the id of a request that may be answered after later ones.
    func request(_ number: Int) -> [UInt8] {
        let (head, tail) =
            switch place {
            case .id: (#"{"jsonrpc":"2.0","id":"#, #","method":"corpus"}"#)
            case .value: (#"{"jsonrpc":"2.0","id":"corpus \#(number)","method":"server-info","ignored":"#, "}")
            case .name: (#"{"jsonrpc":"2.0","id":"corpus \#(number)","method":"server-info","params":{"#, ":1}}")
            case .prompt:
                (
                    #"{"jsonrpc":"2.0","id":"corpus \#(number)","method":"generate","params":{"dry_run":true,"prompt":"#,
                    "}}"
                )
            case .line: ("", "")
            }
        return head.utf8 + bytes + tail.utf8 + [0x0A]
    }

    /// Checks the lines that came back.
    func check(_ answers: [String], number: Int) {
        // Strings compare by their bytes here: letters that only look alike are not what was sent.
        func isSame(_ left: String?, _ right: String?) -> Bool {
            left.map { Array($0.utf8) } == right.map { Array($0.utf8) }
        }
        let summaries = answers.map {
            JSONCorpus.summary(of: $0).replacingOccurrences(of: "\"corpus \(number)\"", with: "\"corpus\"")
        }
        func expect(_ expected: [String]) {
            let isExpected = summaries.count == expected.count && zip(summaries, expected).allSatisfy { isSame($0, $1) }
            #expect(
                isExpected,
                "\(source): \(expected.joined(separator: "; ").prefix(200)), not \(answers.map { $0.prefix(300) })"
            )
        }
        switch outcome {
        case .answers(let expected): expect(expected)
        case .echo(let text):
            let told = (try? JSONValue.parse(text))?.stringValue
            let answer = answers.first.flatMap { try? JSONValue.parse($0) }
            switch place {
            case .name:
                expect([#"-32602 "corpus""#])
                #expect(isSame(answer?["error"]?["data"]?["pointer"]?.stringValue, told), "\(source)")
            case .prompt:
                expect([#"taken "corpus""#])
                let sent = answer?["result"]?["would_send"]?["parameters"]?["prompt"]?.stringValue
                #expect(isSame(sent, told), "\(source)")
            case .id, .value, .line: expect(["-32601 \(text)"])
            }
        }
    }
}
